// Command go-node is one memberlist node of the throughput bench: the first line of stdin says what to do, each further one asks
// how far it is. The vocabulary is described in ../src/throughput/node-task.ts, which the TypeScript nodes share.
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
	Rate     float64  `json:"rate"`
}

// counter is the delegate: it counts what is delivered whole, and what is not.
type counter struct {
	payloads [][]byte
	count    atomic.Int64
	bad      atomic.Int64
}

func (c *counter) NotifyMsg(message []byte) {
	if len(message) > 0 && int(message[0]) < len(c.payloads) && bytes.Equal(message, c.payloads[message[0]]) {
		c.count.Add(1)
	} else {
		c.bad.Add(1)
	}
}
func (c *counter) NodeMeta(int) []byte             { return nil }
func (c *counter) GetBroadcasts(int, int) [][]byte { return nil }
func (c *counter) LocalState(bool) []byte          { return nil }
func (c *counter) MergeRemoteState([]byte, bool)   {}

func main() {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	line, err := in.ReadBytes('\n')
	check(err)
	var t task
	check(json.Unmarshal(line, &t))
	// Fewer collections: what an operator who wants throughput sets.
	debug.SetGCPercent(400)

	c := &counter{payloads: t.Payloads}
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
	fmt.Printf("{\"port\":%d}\n", list.LocalNode().Port)

	var stop atomic.Bool
	if t.Role == "sender" {
		_, err := list.Join([]string{fmt.Sprintf("127.0.0.1:%d", t.Port)})
		check(err)
		for _, node := range list.Members() {
			if node.Name == "receiver" {
				go send(list, node, t, c, &stop)
			}
		}
	}
	start := time.Now()
	for {
		command, err := in.ReadString('\n')
		if err != nil {
			return
		}
		if command == "stop\n" {
			stop.Store(true)
		}
		var usage syscall.Rusage
		check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
		cpu := (usage.Utime.Nano() + usage.Stime.Nano()) / 1000
		at := float64(time.Since(start).Nanoseconds()) / 1e6
		fmt.Printf("{\"count\":%d,\"bad\":%d,\"cpu\":%d,\"at\":%.3f}\n", c.count.Load(), c.bad.Load(), cpu, at)
	}
}

// send goes on until it is stopped: as fast as the socket takes packets, or at a rate.
func send(list *memberlist.Memberlist, to *memberlist.Node, t task, c *counter, stop *atomic.Bool) {
	start := time.Now()
	for i := 0; !stop.Load(); i++ {
		if t.Rate > 0 {
			for float64(i) >= time.Since(start).Seconds()*t.Rate && !stop.Load() {
				time.Sleep(200 * time.Microsecond)
			}
		}
		if list.SendBestEffort(to, t.Payloads[i%len(t.Payloads)]) == nil {
			c.count.Add(1)
		}
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
