package peer

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

// Writer puts answers and events on stdout, in order, without ever holding up the caller: event delegates are called
// while memberlist holds its locks.
type Writer struct {
	mu     sync.Mutex
	wake   *sync.Cond
	queue  []map[string]any
	closed bool
	done   chan struct{}
}

// NewWriter starts writing to w.
func NewWriter(w io.Writer) *Writer {
	out := &Writer{done: make(chan struct{})}
	out.wake = sync.NewCond(&out.mu)
	go out.loop(bufio.NewWriterSize(w, 64<<10))
	return out
}

func (w *Writer) loop(to *bufio.Writer) {
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

func (w *Writer) put(line map[string]any) {
	w.mu.Lock()
	w.queue = append(w.queue, line)
	w.mu.Unlock()
	w.wake.Signal()
}

// Flush waits until everything is out; nothing may be put afterwards.
func (w *Writer) Flush() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.wake.Signal()
	<-w.done
}

// Event puts an event that happens now.
func (w *Writer) Event(name string, fields map[string]any) {
	w.eventAt(name, time.Now(), fields)
}

func (w *Writer) eventAt(name string, at time.Time, fields map[string]any) {
	line := map[string]any{"event": name, "at": epochMillis(at)}
	for key, value := range fields {
		line[key] = value
	}
	w.put(line)
}

func (w *Writer) answer(id json.RawMessage, result any, err error) {
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
func (w *Writer) run(req request, line []byte, commands map[string]Command) {
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
	result, err := command(line)
	w.answer(req.ID, result, err)
}

func epochMillis(at time.Time) float64 {
	return float64(at.UnixNano()) / 1e6
}

func millis(d time.Duration) float64 {
	return float64(d) / float64(time.Millisecond)
}
