// Package peer is a program with one memberlist node in it, driven by JSON lines: commands on stdin, answers and events on stdout.
// The vocabulary is described in ../src/peer-protocol.ts, which the TypeScript peer shares. The programs beside this folder use it
// over other transports, and with Serf.
package peer

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
)

// maxLine bounds one command; a 20 MiB payload in base64 fits.
const maxLine = 64 << 20

// Command does what one line of stdin asks for. Its result goes into the answer.
type Command func(line []byte) (any, error)

// Run is the whole program: one node, over the transport that open makes.
func Run(open OpenTransport) {
	out := NewWriter(os.Stdout)
	p := &peer{out: out, open: open, seen: map[string]bool{}}
	bound := make(map[string]Command, len(commands))
	for name, command := range commands {
		bound[name] = func(line []byte) (any, error) { return command(p, line) }
	}
	Serve(out, bound, slowCommands)
	p.close()
	out.Flush()
}

// Serve answers commands until stdin ends, or one is "exit". Those in slow wait for the network: each runs apart, so that others
// are answered meanwhile.
func Serve(out *Writer, commands map[string]Command, slow map[string]bool) {
	out.Event("ready", map[string]any{
		"pid":        os.Getpid(),
		"runtime":    runtime.Version(),
		"memberlist": memberlistVersion(),
	})
	lines := bufio.NewReaderSize(os.Stdin, 64<<10)
	for {
		line, err := readLine(lines)
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			out.answer(nil, nil, err)
			continue
		}
		if len(line) == 0 {
			continue
		}
		var req request
		if err := json.Unmarshal(line, &req); err != nil {
			out.answer(nil, nil, fmt.Errorf("malformed command: %w", err))
			continue
		}
		if req.Cmd == "exit" {
			out.answer(req.ID, nil, nil)
			return
		}
		if slow[req.Cmd] {
			go out.run(req, line, commands)
		} else {
			out.run(req, line, commands)
		}
	}
}

// readLine returns the next line without its end; a line over maxLine is skipped and reported.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	tooLong := false
	for {
		part, more, err := r.ReadLine()
		if err != nil {
			return nil, io.EOF
		}
		if tooLong = tooLong || len(line)+len(part) > maxLine; !tooLong {
			line = append(line, part...)
		}
		if !more {
			break
		}
	}
	if tooLong {
		return nil, fmt.Errorf("malformed command: longer than %d bytes", maxLine)
	}
	return line, nil
}

func memberlistVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			if dep.Path == "github.com/hashicorp/memberlist" {
				if dep.Replace != nil {
					return dep.Replace.Path + " " + dep.Replace.Version
				}
				return dep.Version
			}
		}
	}
	return "unknown"
}
