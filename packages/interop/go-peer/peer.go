package peer

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

// peer is one node and the state of its delegates.
type peer struct {
	out  *Writer
	open OpenTransport

	mu          sync.Mutex
	list        *memberlist.Memberlist
	keyring     *memberlist.Keyring
	stopWatch   chan struct{}
	meta        []byte
	userState   []byte
	rebroadcast bool
	seen        map[string]bool
	// The next broadcast in a channel.
	origin   uint64
	sequence uint32
	// The number of messages that were published in topics.
	published uint64

	// Set once, before the node runs.
	ackPayload  []byte
	refuseMerge string
	refuseAlive map[string]bool
	queue       *memberlist.TransmitLimitedQueue
}

type command func(p *peer, line []byte) (any, error)

var commands = map[string]command{
	"create":       create,
	"join":         join,
	"leave":        leave,
	"members":      members,
	"send":         send,
	"broadcast":    broadcast,
	"publish":      publish,
	"updateMeta":   updateMeta,
	"setUserState": setUserState,
	"ping":         ping,
	"health":       health,
	"addKey":       keyCommand(func(k *memberlist.Keyring, key []byte) error { return k.AddKey(key) }),
	"useKey":       keyCommand(func(k *memberlist.Keyring, key []byte) error { return k.UseKey(key) }),
	"removeKey":    keyCommand(func(k *memberlist.Keyring, key []byte) error { return k.RemoveKey(key) }),
	"listKeys":     listKeys,
	"shutdown":     shutdown,
}

// slowCommands wait for the network.
var slowCommands = map[string]bool{
	"join": true, "leave": true, "send": true, "updateMeta": true, "ping": true, "shutdown": true,
}

func (p *peer) running() (*memberlist.Memberlist, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.list == nil {
		return nil, errors.New("no node: create comes first")
	}
	return p.list, nil
}

func (p *peer) close() {
	p.mu.Lock()
	list, stop := p.list, p.stopWatch
	p.list, p.stopWatch = nil, nil
	p.mu.Unlock()
	if stop != nil {
		close(stop)
	}
	if list != nil {
		_ = list.Shutdown()
	}
}

func create(p *peer, line []byte) (any, error) {
	var args struct {
		Config json.RawMessage `json:"config"`
	}
	if err := json.Unmarshal(line, &args); err != nil {
		return nil, err
	}
	if _, err := p.running(); err == nil {
		return nil, errors.New("the node exists: shut it down first")
	}
	pc, err := parseConfig(args.Config)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	p.meta, p.userState, p.rebroadcast = pc.Meta, pc.UserState, pc.Rebroadcast
	p.seen = map[string]bool{}
	p.mu.Unlock()
	p.ackPayload, p.refuseMerge, p.refuseAlive = pc.AckPayload, pc.RefuseMerge, toSet(pc.RefuseAlive)

	c, err := pc.build(p)
	if err != nil {
		return nil, err
	}
	// Set before the node exists: it asks for broadcasts at once, and counts its nodes only once it is there.
	p.queue = &memberlist.TransmitLimitedQueue{RetransmitMult: c.RetransmitMult, NumNodes: func() int {
		if list, err := p.running(); err == nil {
			return list.NumMembers()
		}
		return 1
	}}
	transport, err := pc.bind(c, p.open)
	if err != nil {
		return nil, err
	}
	list, err := memberlist.Create(c)
	if err != nil {
		_ = transport.Shutdown()
		return nil, err
	}
	stop := make(chan struct{})
	p.mu.Lock()
	p.list, p.keyring, p.stopWatch = list, c.Keyring, stop
	p.mu.Unlock()
	go p.watch(list, stop)
	local := list.LocalNode()
	return map[string]any{
		"name":     local.Name,
		"addr":     local.Addr.String(),
		"port":     local.Port,
		"bindAddr": c.BindAddr,
		"bindPort": c.BindPort,
	}, nil
}

func join(p *peer, line []byte) (any, error) {
	var args struct {
		Addresses []string `json:"addresses"`
	}
	list, err := p.begin(line, &args)
	if err != nil {
		return nil, err
	}
	joined, err := list.Join(args.Addresses)
	if err != nil {
		return nil, err
	}
	return map[string]any{"joined": joined}, nil
}

// begin decodes a command's fields, and gives the node.
func (p *peer) begin(line []byte, args any) (*memberlist.Memberlist, error) {
	if err := json.Unmarshal(line, args); err != nil {
		return nil, err
	}
	return p.running()
}

func leave(p *peer, line []byte) (any, error) {
	var args struct {
		Timeout float64 `json:"timeout"`
	}
	list, err := p.begin(line, &args)
	if err != nil {
		return nil, err
	}
	return nil, list.Leave(duration(args.Timeout))
}

func members(p *peer, _ []byte) (any, error) {
	list, err := p.running()
	if err != nil {
		return nil, err
	}
	views := inspect(list)
	nodes := make([]map[string]any, len(views))
	for i := range views {
		nodes[i] = views[i].describe()
	}
	return map[string]any{"nodes": nodes, "alive": list.NumMembers()}, nil
}

type payload struct {
	// Channel is the channel that the payload is sent in; empty for a plain user message.
	Channel string `json:"channel"`
	Payload []byte `json:"payload"`
	Size    int    `json:"size"`
	Seed    uint32 `json:"seed"`
}

// bytes returns the payload given, or Size bytes that follow from Seed (as seededBytes in src/peer-protocol.ts).
func (a *payload) bytes() []byte {
	if a.Payload != nil || a.Size == 0 {
		return a.Payload
	}
	out := make([]byte, a.Size)
	state := a.Seed
	for i := range out {
		state = state*1664525 + 1013904223
		out[i] = byte(state >> 24)
	}
	return out
}

func send(p *peer, line []byte) (any, error) {
	var args struct {
		payload
		Node string `json:"node"`
		Addr string `json:"addr"`
		Mode string `json:"mode"`
	}
	list, err := p.begin(line, &args)
	if err != nil {
		return nil, err
	}
	if args.Size < 0 || args.Size > maxLine {
		return nil, fmt.Errorf("size %d is out of range", args.Size)
	}
	message := args.bytes()
	if args.Channel != "" {
		m := channelMessage{channel: args.Channel, sender: list.LocalNode().Name, payload: message}
		message = m.encode()
	}
	if args.Mode == "address" {
		return nil, list.SendToAddress(memberlist.Address{Addr: args.Addr, Name: args.Node}, message)
	}
	to, err := find(list, args.Node)
	if err != nil {
		return nil, err
	}
	switch args.Mode {
	case "bestEffort":
		return nil, list.SendBestEffort(to, message)
	case "reliable":
		return nil, list.SendReliable(to, message)
	default:
		return nil, fmt.Errorf("unknown mode %q", args.Mode)
	}
}

func find(list *memberlist.Memberlist, name string) (*memberlist.Node, error) {
	for _, view := range inspect(list) {
		if view.node.Name == name {
			return &view.node, nil
		}
	}
	return nil, fmt.Errorf("no node %q", name)
}

func broadcast(p *peer, line []byte) (any, error) {
	var args payload
	list, err := p.begin(line, &args)
	if err != nil {
		return nil, err
	}
	bytes := args.bytes()
	if args.Channel != "" {
		bytes = p.channelBroadcast(args.Channel, list.LocalNode().Name, bytes)
	}
	p.mu.Lock()
	p.remember(bytes)
	p.mu.Unlock()
	p.queue.QueueBroadcast(userBroadcast(bytes))
	return nil, nil
}

func updateMeta(p *peer, line []byte) (any, error) {
	var args struct {
		Meta    []byte  `json:"meta"`
		Timeout float64 `json:"timeout"`
	}
	list, err := p.begin(line, &args)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	p.meta = args.Meta
	p.mu.Unlock()
	return nil, list.UpdateNode(duration(args.Timeout))
}

func setUserState(p *peer, line []byte) (any, error) {
	var args struct {
		State []byte `json:"state"`
	}
	if err := json.Unmarshal(line, &args); err != nil {
		return nil, err
	}
	p.mu.Lock()
	p.userState = args.State
	p.mu.Unlock()
	return nil, nil
}

func ping(p *peer, line []byte) (any, error) {
	var args struct {
		Name string `json:"name"`
		Addr string `json:"addr"`
	}
	list, err := p.begin(line, &args)
	if err != nil {
		return nil, err
	}
	to, err := net.ResolveUDPAddr("udp", args.Addr)
	if err != nil {
		return nil, err
	}
	rtt, err := list.Ping(args.Name, to)
	if err != nil {
		return nil, err
	}
	return map[string]any{"rttMs": millis(rtt)}, nil
}

func health(p *peer, _ []byte) (any, error) {
	list, err := p.running()
	if err != nil {
		return nil, err
	}
	return map[string]any{"score": list.GetHealthScore(), "protocolVersion": list.ProtocolVersion()}, nil
}

func keyCommand(apply func(*memberlist.Keyring, []byte) error) command {
	return func(p *peer, line []byte) (any, error) {
		var args struct {
			Key []byte `json:"key"`
		}
		if _, err := p.begin(line, &args); err != nil {
			return nil, err
		}
		if p.keyring == nil {
			return nil, errors.New("the node has no keyring")
		}
		return nil, apply(p.keyring, args.Key)
	}
}

func listKeys(p *peer, _ []byte) (any, error) {
	if _, err := p.running(); err != nil {
		return nil, err
	}
	if p.keyring == nil {
		return nil, errors.New("the node has no keyring")
	}
	return map[string]any{"keys": p.keyring.GetKeys()}, nil
}

// shutdown stops the node without telling anybody. A new one may be created afterwards.
func shutdown(p *peer, _ []byte) (any, error) {
	if _, err := p.running(); err != nil {
		return nil, err
	}
	p.close()
	return nil, nil
}

func duration(ms float64) time.Duration {
	return time.Duration(ms * float64(time.Millisecond))
}
