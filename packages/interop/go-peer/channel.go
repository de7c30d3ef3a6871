package peer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
)

// channelMagic begins each message of a channel (docs/reference/channels.md).
var channelMagic = []byte{0xc1, 'm', 'l', 'c'}

// broadcastFlag marks a broadcast, which every member relays once.
const broadcastFlag = 1

// maxHops is the limit of relays of a broadcast.
const maxHops = 32

// channelMessage is a message of a channel. Origin, sequence and name belong to broadcasts.
type channelMessage struct {
	channel, sender string
	isBroadcast     bool
	hops            byte
	origin          uint64
	sequence        uint32
	name            string
	payload         []byte
}

// encode returns the bytes of a user message.
func (m *channelMessage) encode() []byte {
	out := append([]byte{}, channelMagic...)
	flags := byte(0)
	if m.isBroadcast {
		flags = broadcastFlag
	}
	out = appendName(append(out, flags), m.channel)
	out = appendName(out, m.sender)
	if m.isBroadcast {
		var origin [8]byte
		binary.BigEndian.PutUint64(origin[:], m.origin)
		out = append(append(out, m.hops), origin[2:]...)
		out = appendName(binary.BigEndian.AppendUint32(out, m.sequence), m.name)
	}
	return append(out, m.payload...)
}

func appendName(to []byte, name string) []byte {
	return append(append(to, byte(len(name))), name...)
}

// decodeChannel returns nil for a user message that belongs to the application.
func decodeChannel(message []byte) (*channelMessage, error) {
	if !bytes.HasPrefix(message, channelMagic) {
		return nil, nil
	}
	in := reader{rest: message[len(channelMagic):]}
	flags := in.take(1)
	m := &channelMessage{channel: in.name(), sender: in.name()}
	if len(flags) == 1 && flags[0] == broadcastFlag {
		m.isBroadcast = true
		if header := in.take(11); len(header) == 11 {
			m.hops = header[0]
			m.origin = uint64(binary.BigEndian.Uint16(header[1:]))<<32 | uint64(binary.BigEndian.Uint32(header[3:]))
			m.sequence = binary.BigEndian.Uint32(header[7:])
		}
		m.name = in.name()
	}
	if in.short || flags[0] > broadcastFlag || m.channel == "" {
		return nil, errors.New("malformed channel message")
	}
	m.payload = in.rest
	return m, nil
}

// reader takes bytes until it runs short.
type reader struct {
	rest  []byte
	short bool
}

func (r *reader) take(n int) []byte {
	if r.short || len(r.rest) < n {
		r.short = true
		return nil
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *reader) name() string {
	length := r.take(1)
	if r.short {
		return ""
	}
	return string(r.take(int(length[0])))
}

// channelBroadcast returns the bytes of a new broadcast. It remembers the id, so that the peer ignores relayed copies.
func (p *peer) channelBroadcast(channel, sender string, payload []byte) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	origin := p.channelOrigin()
	p.sequence++
	m := channelMessage{channel: channel, sender: sender, isBroadcast: true, origin: origin, sequence: p.sequence, payload: payload}
	p.remember(m.id())
	return m.encode()
}

// channelOrigin returns the origin of this process, a random number. The caller must have locked p.mu.
func (p *peer) channelOrigin() uint64 {
	if p.origin == 0 {
		p.origin = rand.Uint64N(1<<48-1) + 1
	}
	return p.origin
}

// id is the same for all copies of a broadcast.
func (m *channelMessage) id() []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64(nil, m.origin), m.sequence)
}

// channelEvent reports a message of a channel, and relays a new broadcast. It returns false for other user messages.
func (p *peer) channelEvent(message []byte) bool {
	m, err := decodeChannel(message)
	if err != nil {
		p.out.Event("log", map[string]any{"level": "warn", "line": err.Error()})
		return true
	}
	if m == nil {
		return false
	}
	if m.isBroadcast {
		id := m.id()
		p.mu.Lock()
		known := p.seen[string(id)]
		p.remember(id)
		p.mu.Unlock()
		if known {
			return true
		}
		if m.hops < maxHops {
			relayed := *m
			relayed.hops++
			p.queue.QueueBroadcast(userBroadcast(relayed.encode()))
		}
	}
	if m.channel == topicsChannel && p.topicEvent(m.payload) {
		return true
	}
	fields := payloadFields(m.payload)
	fields["channel"], fields["sender"], fields["isBroadcast"] = m.channel, m.sender, m.isBroadcast
	p.out.Event("channelMessage", fields)
	return true
}
