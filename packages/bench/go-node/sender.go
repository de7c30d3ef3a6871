package main

import (
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"
)

const (
	// lostAfter: without any progress for that long, what is on its way is given up for lost.
	lostAfter = 100 * time.Millisecond
	// burst: a sender at a rate that was paused catches up with that much at once, in seconds.
	burst = 0.001
)

// sender does what ../src/throughput/pacer.ts does, in goroutines.
type sender struct {
	list     *memberlist.Memberlist
	to       *memberlist.Node
	payloads [][]byte
	count    atomic.Int64

	// Orders so far: each ends the one before.
	epoch atomic.Int64
	// Messages acknowledged, or given up for lost.
	settled atomic.Int64

	mutex   sync.Mutex
	changed *sync.Cond
	acked   int64
	lost    int64
}

func newSender(list *memberlist.Memberlist, to *memberlist.Node, t task) *sender {
	s := &sender{list: list, to: to, payloads: t.Payloads}
	s.changed = sync.NewCond(&s.mutex)
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", t.Acks))
	check(err)
	go followAcks(conn, func(count int64) {
		s.settle(func() { s.acked = count })
	})
	go s.giveUpLost()
	return s
}

func (s *sender) follow(o order) {
	epoch := s.epoch.Add(1)
	s.settle(func() { s.lost = s.count.Load() - s.acked })
	if o.Stop {
		return
	}
	for range max(1, o.Senders) {
		go s.send(o, epoch)
	}
}

func (s *sender) send(o order, epoch int64) {
	due, last := 0.0, time.Now()
	for s.mayGoOn(o, epoch) {
		if o.Rate > 0 {
			for due < 1 {
				now := time.Now()
				due = min(due+now.Sub(last).Seconds()*o.Rate, max(1, burst*o.Rate))
				last = now
				if due < 1 {
					time.Sleep(50 * time.Microsecond)
				}
			}
			due--
		}
		i := s.count.Add(1) - 1
		s.list.SendBestEffort(s.to, s.payloads[i%int64(len(s.payloads))])
	}
}

// mayGoOn waits until the window is open, and returns false after another order.
func (s *sender) mayGoOn(o order, epoch int64) bool {
	isFull := func() bool {
		return o.Window > 0 && s.epoch.Load() == epoch && s.count.Load() >= s.settled.Load()+int64(o.Window)
	}
	if isFull() {
		s.mutex.Lock()
		for isFull() {
			s.changed.Wait()
		}
		s.mutex.Unlock()
	}
	return s.epoch.Load() == epoch
}

func (s *sender) settle(change func()) {
	s.mutex.Lock()
	change()
	s.settled.Store(s.acked + s.lost)
	s.mutex.Unlock()
	s.changed.Broadcast()
}

func (s *sender) giveUpLost() {
	before := int64(0)
	for range time.Tick(lostAfter) {
		s.settle(func() {
			if s.acked == before {
				s.lost = s.count.Load() - s.acked
			}
			before = s.acked
		})
	}
}

// sendTo sends each payload once, to another port than the receiver's.
func (s *sender) sendTo(port uint16) {
	other := *s.to
	other.Port = port
	for _, payload := range s.payloads {
		check(s.list.SendBestEffort(&other, payload))
	}
}
