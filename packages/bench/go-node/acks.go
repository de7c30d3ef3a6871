package main

import (
	"encoding/binary"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	acksPerWindow = 8
	flushInterval = 5 * time.Millisecond
)

// ackSource tells a receiver's count to the sender; ../src/throughput/acks.ts says how.
type ackSource struct {
	port  int
	every atomic.Int64
	told  atomic.Int64
	mutex sync.Mutex
	conns []net.Conn
}

func listenForSenders(count *atomic.Int64) *ackSource {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	a := &ackSource{port: listener.Addr().(*net.TCPAddr).Port}
	a.every.Store(1)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			a.mutex.Lock()
			a.conns = append(a.conns, conn)
			a.mutex.Unlock()
		}
	}()
	go func() {
		for range time.Tick(flushInterval) {
			if now := count.Load(); now != a.told.Load() {
				a.tell(now)
			}
		}
	}()
	return a
}

func (a *ackSource) setWindow(window int) {
	a.every.Store(int64(max(1, window/acksPerWindow)))
}

func (a *ackSource) counted(count int64) {
	if count-a.told.Load() >= a.every.Load() {
		a.tell(count)
	}
}

func (a *ackSource) tell(count int64) {
	a.told.Store(count)
	var buf [4]byte
	binary.BigEndian.PutUint32(buf[:], uint32(count))
	a.mutex.Lock()
	defer a.mutex.Unlock()
	for _, conn := range a.conns {
		conn.Write(buf[:])
	}
}

// followAcks tells acked the receiver's count whenever it comes.
func followAcks(conn net.Conn, acked func(count int64)) {
	var buf [4]byte
	for {
		if _, err := io.ReadFull(conn, buf[:]); err != nil {
			return
		}
		acked(int64(binary.BigEndian.Uint32(buf[:])))
	}
}
