package main

import (
	"bytes"
	"fmt"
	"time"

	"github.com/hashicorp/go-msgpack/v2/codec"
	"github.com/hashicorp/memberlist"
)

// These two are the library's own messages, which it does not export, with its codec as it calls it.
type alive struct {
	Incarnation uint32
	Node        string
	Addr        []byte
	Port        uint16
	Meta        []byte
	Vsn         []uint8
}

type ping struct {
	SeqNo      uint32
	Node       string
	SourceAddr []byte `codec:",omitempty"`
	SourcePort uint16 `codec:",omitempty"`
	SourceNode string `codec:",omitempty"`
}

func encode(kind byte, in any) []byte {
	buf := bytes.NewBuffer(nil)
	buf.WriteByte(kind)
	handle := codec.MsgpackHandle{}
	handle.TimeNotBuiltin = true
	check(codec.NewEncoder(buf, &handle).Encode(in))
	return buf.Bytes()
}

func decode(buf []byte, out any) {
	handle := codec.MsgpackHandle{}
	check(codec.NewDecoder(bytes.NewReader(buf), &handle).Decode(out))
}

const (
	warmup = 20_000
	runs   = 100_000
)

// timed is the time for each call, in µs.
func timed(count int, call func(i int)) float64 {
	for i := range min(warmup, count) {
		call(i)
	}
	start := time.Now()
	for i := range count {
		call(i)
	}
	return float64(time.Since(start).Nanoseconds()) / 1e3 / float64(count)
}

func alives(count int) []*alive {
	made := make([]*alive, count)
	for i := range made {
		made[i] = &alive{
			Incarnation: uint32(1 + i%7),
			Node:        fmt.Sprintf("node-%d.dc-%d.example", i, i%3),
			Addr:        []byte{10, byte(i >> 16), byte(i >> 8), byte(i)},
			Port:        7946,
			Meta:        fmt.Appendf(nil, "role=web;build=2026.11.%d", i%30),
			Vsn:         []uint8{1, 5, 2, 0, 0, 0},
		}
	}
	return made
}

func timeCodec() map[string]float64 {
	messages := alives(1000)
	bodies := make([][]byte, len(messages))
	for i, message := range messages {
		bodies[i] = encode(4, message)[1:]
	}
	one := &ping{
		SeqNo: 70_000, Node: "node-17.dc-1.example", SourceAddr: []byte{10, 0, 3, 17}, SourcePort: 7946, SourceNode: "node-3.dc-1.example",
	}
	pingBody := encode(0, one)[1:]
	return map[string]float64{
		"encode alive": timed(runs, func(i int) { encode(4, messages[i%1000]) }),
		"decode alive": timed(runs, func(i int) { var out alive; decode(bodies[i%1000], &out) }),
		"encode ping":  timed(runs, func(int) { encode(0, one) }),
		"decode ping":  timed(runs, func(int) { var out ping; decode(pingBody, &out) }),
	}
}

// broadcast is a message with a name: a newer one of the same name replaces it.
type broadcast struct {
	name    string
	message []byte
}

func (b *broadcast) Invalidates(other memberlist.Broadcast) bool {
	named, ok := other.(memberlist.NamedBroadcast)
	return ok && named.Name() == b.name
}
func (b *broadcast) Name() string    { return b.name }
func (b *broadcast) Message() []byte { return b.message }
func (b *broadcast) Finished()       {}

func timeQueue(entries int) map[string]float64 {
	messages := make([]*broadcast, entries)
	for i, one := range alives(entries) {
		messages[i] = &broadcast{one.Node, encode(4, one)}
	}
	fill := func() (*memberlist.TransmitLimitedQueue, float64) {
		queue := &memberlist.TransmitLimitedQueue{NumNodes: func() int { return entries }, RetransmitMult: 1_000_000}
		start := time.Now()
		for _, message := range messages {
			queue.QueueBroadcast(message)
		}
		return queue, float64(time.Since(start).Nanoseconds()) / 1e3 / float64(entries)
	}
	queue, queued := fill()
	replaced := timed(5_000, func(i int) {
		queue.QueueBroadcast(messages[i%entries])
		queue.GetBroadcasts(2, 1_398)
	})
	_, again := fill()
	return map[string]float64{"queue one of many": queued, "replace one and fill a packet": replaced, "queue one of many again": again}
}
