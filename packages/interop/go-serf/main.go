// Command go-serf is one node of the real Serf library, driven by JSON lines as the Go peer is. With "consul" in its config it has
// the rules by which Consul's agents refuse a member of their LAN pool.
package main

import (
	"encoding/json"
	"errors"
	"log"
	"os"
	"time"

	"github.com/hashicorp/memberlist"
	"github.com/hashicorp/serf/serf"

	peer "memberlist-interop/go-peer"
)

type config struct {
	Name            string            `json:"name"`
	BindAddr        string            `json:"bindAddr"`
	SecretKey       []byte            `json:"secretKey"`
	ProtocolVersion uint8             `json:"protocolVersion"`
	Tags            map[string]string `json:"tags"`
	Consul          bool              `json:"consul"`
}

type agent struct{ node *serf.Serf }

func main() {
	out := peer.NewWriter(os.Stdout)
	a := &agent{}
	commands := map[string]peer.Command{
		"create":      a.create,
		"join":        a.running(a.join),
		"leave":       a.running(func([]byte) (any, error) { return nil, a.node.Leave() }),
		"serfMembers": a.running(a.members),
		"userEvent":   a.running(a.userEvent),
		"query":       a.running(a.query),
		"serfKeys":    a.running(a.keys),
	}
	peer.Serve(out, commands, map[string]bool{"join": true, "leave": true, "query": true, "serfKeys": true})
	out.Flush()
}

func (a *agent) running(command peer.Command) peer.Command {
	return func(line []byte) (any, error) {
		if a.node == nil {
			return nil, errors.New("no node: create comes first")
		}
		return command(line)
	}
}

func (a *agent) create(line []byte) (any, error) {
	var args struct {
		Config config `json:"config"`
	}
	if err := json.Unmarshal(line, &args); err != nil {
		return nil, err
	}
	given := args.Config
	c := serf.DefaultConfig()
	c.NodeName = given.Name
	c.Tags = given.Tags
	c.ProtocolVersion = given.ProtocolVersion
	c.Logger = log.New(os.Stderr, "", log.LstdFlags)
	c.LeavePropagateDelay = 200 * time.Millisecond
	c.MemberlistConfig = memberlist.DefaultLocalConfig()
	m := c.MemberlistConfig
	m.BindAddr, m.BindPort = given.BindAddr, 0
	m.ProbeInterval, m.ProbeTimeout = 400*time.Millisecond, 150*time.Millisecond
	m.GossipInterval, m.RetransmitMult = 40*time.Millisecond, 8
	m.PushPullInterval = time.Second
	m.SecretKey = given.SecretKey
	m.Logger = c.Logger
	if given.Consul {
		c.Merge = &lanPool{tags: given.Tags, name: given.Name}
	}
	node, err := serf.Create(c)
	if err != nil {
		return nil, err
	}
	a.node = node
	local := node.LocalMember()
	return map[string]any{
		"name": local.Name, "addr": local.Addr.String(), "port": local.Port,
		"bindAddr": local.Addr.String(), "bindPort": local.Port,
	}, nil
}

func (a *agent) join(line []byte) (any, error) {
	var args struct {
		Addresses []string `json:"addresses"`
	}
	if err := json.Unmarshal(line, &args); err != nil {
		return nil, err
	}
	joined, err := a.node.Join(args.Addresses, false)
	if err != nil {
		return nil, err
	}
	return map[string]any{"joined": joined}, nil
}

func (a *agent) members([]byte) (any, error) {
	members := []map[string]any{}
	for _, m := range a.node.Members() {
		members = append(members, map[string]any{"name": m.Name, "status": m.Status.String(), "tags": m.Tags})
	}
	return map[string]any{"members": members}, nil
}

func (a *agent) userEvent(line []byte) (any, error) {
	var args struct {
		Name    string `json:"name"`
		Payload []byte `json:"payload"`
	}
	if err := json.Unmarshal(line, &args); err != nil {
		return nil, err
	}
	return nil, a.node.UserEvent(args.Name, args.Payload, false)
}

// query asks all members to acknowledge, and says who did within the time given.
func (a *agent) query(line []byte) (any, error) {
	var args struct {
		Name    string  `json:"name"`
		Timeout float64 `json:"timeout"`
	}
	if err := json.Unmarshal(line, &args); err != nil {
		return nil, err
	}
	params := a.node.DefaultQueryParams()
	params.RequestAck = true
	params.Timeout = time.Duration(args.Timeout * float64(time.Millisecond))
	answers, err := a.node.Query(args.Name, nil, params)
	if err != nil {
		return nil, err
	}
	acked := []string{}
	for name := range answers.AckCh() {
		acked = append(acked, name)
	}
	return map[string]any{"acked": acked}, nil
}

// keys asks all members for the keys that they have.
func (a *agent) keys([]byte) (any, error) {
	answers, err := a.node.KeyManager().ListKeys()
	if answers == nil {
		return nil, err
	}
	return map[string]any{"nodes": answers.NumNodes, "answered": answers.NumResp, "errors": answers.NumErr}, nil
}
