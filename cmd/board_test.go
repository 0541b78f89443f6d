package cmd_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"

	"lander/lib/luaota/luaotatest"
	"lander/lib/nodemcu/nodemcutest"
)

// boards are the simulated boards of all scripts, by their ports.
var boards sync.Map

// boardOn VARIABLE ID [WORD...] powers a simulated NodeMCU board behind a pty
// and sets VARIABLE to its port. Words are options of nodemcutest.Board, or
// capacity=BYTES, unplug=LINE and FILE=CONTENT for what it has on its flash.
func boardOn(ts *testscript.TestScript, neg bool, args []string) {
	id, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	b := &nodemcutest.Board{ID: id, Flash: luaotatest.NewFlash(nil), Dial: dialLoopback}
	var options []string
	for _, word := range args[2:] {
		key, value, ok := strings.Cut(word, "=")
		n, _ := strconv.Atoi(value)
		switch {
		case !ok:
			options = append(options, word)
		case key == "capacity":
			b.Capacity = n
		case key == "unplug":
			b.OnLine = func(line int) nodemcutest.Action {
				if line == n {
					return nodemcutest.Unplug
				}
				return nodemcutest.Go
			}
		default:
			b.Flash.Put(key, value)
		}
	}
	b.Options = strings.Join(options, " ")
	path, stop := boardPort(ts, b)
	ts.Defer(stop)
	boards.Store(path, b)
	ts.Setenv(args[0], path)
}

// boardFiles PORT DIR writes the flash of a board into DIR.
func boardFiles(ts *testscript.TestScript, neg bool, args []string) {
	b, ok := boards.Load(args[0])
	if !ok {
		ts.Fatalf("no board at %s", args[0])
	}
	for name, content := range b.(*nodemcutest.Board).Flash.Files() {
		p := filepath.Join(ts.MkAbs(args[1]), filepath.FromSlash(name))
		ts.Check(os.MkdirAll(filepath.Dir(p), 0o755))
		ts.Check(os.WriteFile(p, []byte(content), 0o644))
	}
}
