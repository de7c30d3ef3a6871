// Command go-node is one memberlist node of the bench: the first line of stdin is the task, each further one is an order. The
// vocabulary is described in ../src/throughput/node-task.ts, and with the argument "member" in ../src/protocol/member-task.ts; the
// TypeScript nodes share it.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hashicorp/memberlist"
)

type task struct {
	Role     string   `json:"role"`
	Compress bool     `json:"compress"`
	Key      []byte   `json:"key"`
	Buffer   int      `json:"buffer"`
	Payloads [][]byte `json:"payloads"`
	Port     int      `json:"port"`
	Acks     int      `json:"acks"`
}

type order struct {
	Window  int     `json:"window"`
	Rate    float64 `json:"rate"`
	Senders int     `json:"senders"`
	Stop    bool    `json:"stop"`
	Tap     uint16  `json:"tap"`
}

// counter is the delegate: it counts what is delivered whole, and what is not.
type counter struct {
	payloads [][]byte
	count    atomic.Int64
	bad      atomic.Int64
	acks     *ackSource
}

func (c *counter) NotifyMsg(message []byte) {
	if len(message) > 0 && int(message[0]) < len(c.payloads) && bytes.Equal(message, c.payloads[message[0]]) {
		c.acks.counted(c.count.Add(1))
	} else {
		c.bad.Add(1)
	}
}
func (c *counter) NodeMeta(int) []byte             { return nil }
func (c *counter) GetBroadcasts(int, int) [][]byte { return nil }
func (c *counter) LocalState(bool) []byte          { return nil }
func (c *counter) MergeRemoteState([]byte, bool)   {}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "member" {
		runMember()
		return
	}
	runThroughput()
}

func runThroughput() {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	line, err := in.ReadBytes('\n')
	check(err)
	var t task
	check(json.Unmarshal(line, &t))
	// Fewer collections: what an operator who wants throughput sets.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(800)
	}

	c := &counter{payloads: t.Payloads}
	isReceiver := t.Role == "receiver"
	if isReceiver {
		c.acks = listenForSenders(&c.count)
	}
	config := memberlist.DefaultLANConfig()
	config.Name = t.Role
	config.BindAddr = "127.0.0.1"
	config.BindPort = 0
	config.EnableCompression = t.Compress
	config.SecretKey = t.Key
	config.UDPBufferSize = t.Buffer
	config.HandoffQueueDepth = 65536
	config.Logger = log.New(io.Discard, "", 0)
	config.Delegate = c
	list, err := memberlist.Create(config)
	check(err)

	var s *sender
	if isReceiver {
		fmt.Printf("{\"port\":%d,\"acks\":%d}\n", config.BindPort, c.acks.port)
	} else {
		_, err := list.Join([]string{fmt.Sprintf("127.0.0.1:%d", t.Port)})
		check(err)
		for _, node := range list.Members() {
			if node.Name == "receiver" {
				s = newSender(list, node, t)
			}
		}
		if s == nil {
			check(fmt.Errorf("the receiver is no member after the join"))
		}
		fmt.Println("{\"port\":0,\"acks\":0}")
	}
	start := time.Now()
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		var o order
		check(json.Unmarshal(line, &o))
		count := c.count.Load()
		if !isReceiver {
			if o.Tap > 0 {
				s.sendTo(o.Tap)
			} else if len(line) > 3 {
				s.follow(o)
			}
			count = s.count.Load()
		} else if o.Window > 0 {
			c.acks.setWindow(o.Window)
		}
		var usage syscall.Rusage
		check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
		cpu := (usage.Utime.Nano() + usage.Stime.Nano()) / 1000
		at := float64(time.Since(start).Nanoseconds()) / 1e6
		// The library sends each message in a packet of its own.
		fmt.Printf("{\"count\":%d,\"bad\":%d,\"packets\":%d,\"cpu\":%d,\"at\":%.3f}\n", count, c.bad.Load(), count, cpu, at)
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
