package peer

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"regexp"
	"strings"
	"time"

	"github.com/hashicorp/memberlist"
)

// wholePayload is the size up to which events report payloads whole; of larger ones they report size and SHA-256.
const wholePayload = 4096

// seenMax bounds what rebroadcast remembers.
const seenMax = 100_000

func payloadFields(payload []byte) map[string]any {
	fields := map[string]any{"size": len(payload)}
	if len(payload) <= wholePayload {
		fields["payload"] = nonNil(payload)
	} else {
		sum := sha256.Sum256(payload)
		fields["sha256"] = hex.EncodeToString(sum[:])
	}
	return fields
}

func nonNil(bytes []byte) []byte {
	if bytes == nil {
		return []byte{}
	}
	return bytes
}

// memberlist.Delegate

func (p *peer) NodeMeta(int) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.meta
}

func (p *peer) NotifyMsg(message []byte) {
	payload := append([]byte{}, message...)
	if p.channelEvent(payload) {
		return
	}
	p.out.Event("message", payloadFields(payload))
	p.mu.Lock()
	first := false
	if p.rebroadcast && !p.seen[string(payload)] {
		first = true
		p.remember(payload)
	}
	p.mu.Unlock()
	if first {
		p.queue.QueueBroadcast(userBroadcast(payload))
	}
}

func (p *peer) remember(payload []byte) {
	if len(p.seen) >= seenMax {
		p.seen = make(map[string]bool)
	}
	p.seen[string(payload)] = true
}

func (p *peer) GetBroadcasts(overhead, limit int) [][]byte {
	return p.queue.GetBroadcasts(overhead, limit)
}

func (p *peer) LocalState(bool) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.userState
}

func (p *peer) MergeRemoteState(state []byte, join bool) {
	fields := payloadFields(append([]byte{}, state...))
	fields["join"] = join
	p.out.Event("userStateMerged", fields)
}

// memberlist.EventDelegate

func (p *peer) NotifyJoin(n *memberlist.Node) {
	p.out.Event("join", map[string]any{"node": describe(n)})
}
func (p *peer) NotifyLeave(n *memberlist.Node) {
	p.out.Event("leave", map[string]any{"node": describe(n)})
}
func (p *peer) NotifyUpdate(n *memberlist.Node) {
	p.out.Event("update", map[string]any{"node": describe(n)})
}

// memberlist.ConflictDelegate

func (p *peer) NotifyConflict(existing, other *memberlist.Node) {
	p.out.Event("conflict", map[string]any{"existing": describe(existing), "other": describe(other)})
}

// memberlist.MergeDelegate

func (p *peer) NotifyMerge(peers []*memberlist.Node) error {
	nodes := make([]map[string]any, len(peers))
	for i, n := range peers {
		nodes[i] = describe(n)
	}
	p.out.Event("merge", map[string]any{"nodes": nodes})
	if p.refuseMerge != "" {
		return errors.New(p.refuseMerge)
	}
	return nil
}

// memberlist.AliveDelegate

func (p *peer) NotifyAlive(n *memberlist.Node) error {
	if p.refuseAlive[n.Name] {
		return errors.New("refused by the alive delegate")
	}
	return nil
}

// memberlist.PingDelegate

func (p *peer) AckPayload() []byte {
	return p.ackPayload
}

func (p *peer) NotifyPingComplete(n *memberlist.Node, rtt time.Duration, payload []byte) {
	p.out.Event("pingComplete", map[string]any{"node": n.Name, "rttMs": millis(rtt), "payload": nonNil(payload)})
}

// userBroadcast is a message for the transmit-limited queue; none replaces another.
type userBroadcast []byte

func (b userBroadcast) Invalidates(memberlist.Broadcast) bool { return false }
func (b userBroadcast) Message() []byte                       { return b }
func (b userBroadcast) Finished()                             {}
func (b userBroadcast) UniqueBroadcast()                      {}

// refutes matches the lines that tell of an answered accusation; no delegate does.
var refutes = regexp.MustCompile(`Refuting an? \w+ message (?:\(from: (.*)\)$)?`)

// logWriter turns the library's log lines into events.
type logWriter struct{ p *peer }

func (l *logWriter) Write(line []byte) (int, error) {
	text := strings.TrimRight(string(line), "\n")
	level := "info"
	for prefix, name := range map[string]string{"[DEBUG]": "debug", "[WARN]": "warn", "[ERR": "error", "Err:": "error"} {
		if strings.HasPrefix(text, prefix) {
			level = name
		}
	}
	if refuted := refutes.FindStringSubmatch(text); refuted != nil {
		l.p.out.Event("refute", map[string]any{"from": refuted[1]})
	}
	l.p.out.Event("log", map[string]any{"level": level, "line": text})
	return len(line), nil
}
