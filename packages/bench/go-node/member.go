package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hashicorp/memberlist"
)

// The vocabulary is described in ../src/protocol/member-task.ts.
type memberTask struct {
	Name           string `json:"name"`
	Compress       bool   `json:"compress"`
	Key            []byte `json:"key"`
	ProbeInterval  int    `json:"probeInterval"`
	ProbeTimeout   int    `json:"probeTimeout"`
	GossipInterval int    `json:"gossipInterval"`
	GossipNodes    int    `json:"gossipNodes"`
	UserState      int    `json:"userState"`
}

type memberOrder struct {
	Do      string `json:"do"`
	Entries int    `json:"entries"`
	Address string `json:"address"`
}

// application is a delegate with a state, and one that notes when others join.
type application struct {
	state     []byte
	firstJoin atomic.Int64
	lastJoin  atomic.Int64
}

func (a *application) NotifyMsg([]byte)                {}
func (a *application) NodeMeta(int) []byte             { return nil }
func (a *application) GetBroadcasts(int, int) [][]byte { return nil }
func (a *application) LocalState(bool) []byte          { return a.state }
func (a *application) MergeRemoteState([]byte, bool)   {}
func (a *application) NotifyLeave(*memberlist.Node)    {}
func (a *application) NotifyUpdate(*memberlist.Node)   {}
func (a *application) NotifyJoin(*memberlist.Node) {
	now := time.Now().UnixNano()
	a.firstJoin.CompareAndSwap(0, now)
	a.lastJoin.Store(now)
}

func runMember() {
	in := bufio.NewReader(os.Stdin)
	line, err := in.ReadBytes('\n')
	check(err)
	var t memberTask
	check(json.Unmarshal(line, &t))

	app := &application{state: letters(t.UserState)}
	ms := func(count int) time.Duration { return time.Duration(count) * time.Millisecond }
	config := memberlist.DefaultLANConfig()
	config.Name = t.Name
	config.BindAddr = "127.0.0.1"
	config.BindPort = 0
	config.EnableCompression = t.Compress
	config.SecretKey = t.Key
	config.GossipVerifyIncoming = false
	config.ProbeInterval = ms(t.ProbeInterval)
	config.ProbeTimeout = ms(t.ProbeTimeout)
	config.GossipInterval = ms(t.GossipInterval)
	config.GossipNodes = t.GossipNodes
	config.PushPullInterval = 0
	config.HandoffQueueDepth = 65536
	config.Logger = log.New(io.Discard, "", 0)
	config.Delegate = app
	config.Events = app
	list, err := memberlist.Create(config)
	check(err)
	var stall atomic.Int64
	isWatched := false
	fmt.Printf("{\"port\":%d}\n", config.BindPort)

	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		var o memberOrder
		check(json.Unmarshal(line, &o))
		var took time.Duration
		var memory uint64
		switch o.Do {
		case "time-codec":
			answer(timeCodec())
			continue
		case "time-queue":
			answer(timeQueue(o.Entries))
			continue
		case "reset":
			// Only now: an idle node has no such goroutine.
			if !isWatched {
				isWatched = true
				go watchStalls(&stall)
			}
			stall.Store(0)
			app.firstJoin.Store(0)
			app.lastJoin.Store(0)
		case "memory":
			memory = memoryInUse()
		case "join":
			start := time.Now()
			_, err := list.Join([]string{o.Address})
			check(err)
			took = time.Since(start)
		}
		var usage syscall.Rusage
		check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
		inMs := func(nanos int64) float64 { return float64(nanos) / 1e6 }
		answer(map[string]any{
			"members": list.NumMembers(),
			"cpu":     (usage.Utime.Nano() + usage.Stime.Nano()) / 1000,
			"stall":   inMs(stall.Load()),
			"joining": inMs(app.lastJoin.Load() - app.firstJoin.Load()),
			"took":    inMs(int64(took)),
			"memory":  memory,
		})
	}
}

// watchStalls notes the longest, in ns, that passed until a goroutine was there again that had slept for a millisecond.
func watchStalls(longest *atomic.Int64) {
	for last := time.Now(); ; {
		time.Sleep(time.Millisecond)
		now := time.Now()
		if over := int64(now.Sub(last)); over > longest.Load() {
			longest.Store(over)
		}
		last = now
	}
}

func memoryInUse() uint64 {
	for range 3 {
		runtime.GC()
	}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc + stats.StackInuse
}

// letters is what LZW makes a quarter of; ../src/payloads.ts makes the same.
func letters(size int) []byte {
	bytes := make([]byte, size)
	seed := uint32(7)
	for i := range bytes {
		seed = seed*1_103_515_245 + 12_345
		bytes[i] = byte(97 + (seed>>16)%20)
	}
	return bytes
}

func answer(value any) {
	line, err := json.Marshal(value)
	check(err)
	fmt.Println(string(line))
}
