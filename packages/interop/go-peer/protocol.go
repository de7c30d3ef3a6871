package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"
)

// request is what every command has; its other fields are decoded by the command itself.
type request struct {
	ID  json.RawMessage `json:"id"`
	Cmd string          `json:"cmd"`
}

// writer puts answers and events on stdout, in order, without ever holding up the caller: event delegates are called
// while memberlist holds its locks.
type writer struct {
	mu     sync.Mutex
	wake   *sync.Cond
	queue  []map[string]any
	closed bool
	done   chan struct{}
}

func newWriter(w io.Writer) *writer {
	out := &writer{done: make(chan struct{})}
	out.wake = sync.NewCond(&out.mu)
	go out.loop(bufio.NewWriterSize(w, 64<<10))
	return out
}

func (w *writer) loop(to *bufio.Writer) {
	defer close(w.done)
	for {
		w.mu.Lock()
		for len(w.queue) == 0 && !w.closed {
			w.wake.Wait()
		}
		batch := w.queue
		w.queue = nil
		w.mu.Unlock()
		if len(batch) == 0 {
			return
		}
		for _, line := range batch {
			text, err := json.Marshal(line)
			if err != nil {
				text = []byte(fmt.Sprintf(`{"event":"log","line":%q}`, "cannot encode a line: "+err.Error()))
			}
			to.Write(append(text, '\n'))
		}
		// Once stdout is gone, stdin ends soon, and with it the process.
		_ = to.Flush()
	}
}

func (w *writer) put(line map[string]any) {
	w.mu.Lock()
	w.queue = append(w.queue, line)
	w.mu.Unlock()
	w.wake.Signal()
}

// flush waits until everything is out; nothing may be put afterwards.
func (w *writer) flush() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.wake.Signal()
	<-w.done
}

func (w *writer) event(name string, fields map[string]any) {
	w.eventAt(name, time.Now(), fields)
}

func (w *writer) eventAt(name string, at time.Time, fields map[string]any) {
	line := map[string]any{"event": name, "at": epochMillis(at)}
	for key, value := range fields {
		line[key] = value
	}
	w.put(line)
}

func (w *writer) answer(id json.RawMessage, result any, err error) {
	line := map[string]any{"id": id}
	if err != nil {
		line["error"] = err.Error()
	} else {
		if result == nil {
			result = map[string]any{}
		}
		line["result"] = result
	}
	w.put(line)
}

// run answers one command. A panic (memberlist has some, such as leaving after a shutdown) is an error like another.
func (w *writer) run(req request, line []byte, p *peer) {
	defer func() {
		if cause := recover(); cause != nil {
			w.answer(req.ID, nil, fmt.Errorf("panic: %v", cause))
		}
	}()
	command, known := commands[req.Cmd]
	if !known {
		w.answer(req.ID, nil, fmt.Errorf("unknown command %q", req.Cmd))
		return
	}
	result, err := command(p, line)
	w.answer(req.ID, result, err)
}

func epochMillis(at time.Time) float64 {
	return float64(at.UnixNano()) / 1e6
}

func millis(d time.Duration) float64 {
	return float64(d) / float64(time.Millisecond)
}
