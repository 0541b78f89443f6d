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

// roms are the simulated chips of all scripts, by their ports.
var roms sync.Map

// romOn VARIABLE esp8266|esp32 has a chip with 4 MiB of flash in its loader
// behind a pty, and sets VARIABLE to its port.
func romOn(ts *testscript.TestScript, neg bool, args []string) {
	r := nodemcutest.NewROM(args[1] == "esp32", 4<<20)
	path, stop := romPort(ts, r)
	ts.Defer(stop)
	roms.Store(path, r)
	ts.Setenv(args[0], path)
}

// romImage PORT OFFSET FILE checks that a chip's flash has the content of FILE
// at OFFSET.
func romImage(ts *testscript.TestScript, neg bool, args []string) {
	r, ok := roms.Load(args[0])
	if !ok {
		ts.Fatalf("no chip at %s", args[0])
	}
	offset, err := strconv.ParseInt(args[1], 0, 32)
	ts.Check(err)
	want := ts.ReadFile(args[2])
	if got := r.(*nodemcutest.ROM).Flash[offset : int(offset)+len(want)]; string(got) != want {
		ts.Fatalf("the flash has something else at %#x", offset)
	}
}
