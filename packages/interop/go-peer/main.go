// Command go-peer is one memberlist node driven by JSON lines: commands on stdin, answers and events on stdout.
// The vocabulary is described in ../src/peer-protocol.ts, which the TypeScript peer shares.
package main

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

func main() {
	out := newWriter(os.Stdout)
	p := newPeer(out)
	out.event("ready", map[string]any{
		"pid":        os.Getpid(),
		"runtime":    runtime.Version(),
		"memberlist": memberlistVersion(),
	})

	lines := bufio.NewReaderSize(os.Stdin, 64<<10)
	for {
		line, err := readLine(lines)
		if errors.Is(err, io.EOF) {
			break
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
			break
		}
		if slowCommands[req.Cmd] {
			go out.run(req, line, p)
		} else {
			out.run(req, line, p)
		}
	}
	p.close()
	out.flush()
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
				return dep.Version
			}
		}
	}
	return "unknown"
}
