package devs_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lander/lib/devs"
	"lander/lib/jacdac"
)

// rawUpload speaks the upload by hand, with all that a Manager would not do:
// it returns the port, 0 when the device did not answer.
func rawUpload(t *testing.T, m devs.Manager, size, chunk int, data []byte, shut bool) uint16 {
	t.Helper()
	b, err := m.Bus.Query(t.Context(), m.ID, devs.ClassManager, jacdac.Query{Command: devs.CmdDeployBytecode, Payload: binary.LittleEndian.AppendUint32(nil, uint32(size)), Tries: 1, Resend: time.Second})
	if errors.Is(err, jacdac.ErrNoAnswer) {
		return 0
	}
	if err != nil || len(b) < 2 {
		t.Fatalf("%x, %v", b, err)
	}
	port := binary.LittleEndian.Uint16(b)
	if shut {
		if err := m.Bus.SendPipe(t.Context(), jacdac.Pipe{ID: m.ID, Port: port, Chunk: chunk}, data); err != nil {
			t.Fatalf("not acknowledged: %v", err)
		}
	}
	return port
}

// The failure table, row by row. What a row says of runtime 2.16.4 is asked of
// a board with its quirks, and of the virtual machine where it survives it.
func TestFailureTable(t *testing.T) {
	good := program(t, "hello.devs").Image
	tests := []struct {
		name      string
		size      int
		chunk     int
		data      []byte
		shut      bool
		answered  bool
		after     int // size that the device says afterwards
		changed   bool
		restarted bool
		boardOnly bool // the virtual machine dies of it
	}{
		{name: "size no multiple of 32", size: len(good) + 1, after: len(good)},
		{name: "payload no multiple of 32", size: len(good), chunk: 220, data: good, shut: true, answered: true},
		{name: "fewer bytes than declared", size: len(good), chunk: 224, data: good[:224], shut: true, answered: true},
		{name: "does not fit", size: 115200, after: len(good), restarted: true, boardOnly: true},
		{name: "not bytecode", size: 1344, chunk: 224, data: bytes.Repeat([]byte{7}, 1344), shut: true, answered: true, after: 1344, changed: true},
		{name: "cleared", size: 0, answered: true, changed: true},
		{name: "cleared and closed", size: 0, chunk: 32, shut: true, answered: true, changed: true, restarted: true, boardOnly: true},
	}
	row := func(t *testing.T, m devs.Manager, i int, vm bool) {
		tt := tests[i]
		if _, err := deploy(t.Context(), m, devs.Deploy{Program: program(t, "hello.devs")}); err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		changed, restarted := false, false
		seen := map[uint16]bool{}
		time.Sleep(200 * time.Millisecond) // repeats of the events before
		defer m.Bus.Subscribe(m.ID, func(r jacdac.Report) {
			mu.Lock()
			defer mu.Unlock()
			if r.Event() && r.EventCode() == devs.EventProgramChange && !seen[r.Command] {
				changed, seen[r.Command] = true, true
			}
		})()
		defer m.Bus.Watch(func(d jacdac.Device, c jacdac.Change) {
			mu.Lock()
			defer mu.Unlock()
			restarted = restarted || c == jacdac.Restarted
		})()
		if port := rawUpload(t, m, tt.size, tt.chunk, tt.data, tt.shut); (port != 0) != tt.answered {
			t.Fatalf("port %d", port)
		}
		time.Sleep(300 * time.Millisecond)
		s, err := m.State(t.Context())
		if err != nil || int(s.Size) != tt.after {
			t.Errorf("%+v, %v", s, err)
		}
		if tt.after == 0 && tt.answered && !tt.restarted && *s.Status != devs.StatusWaiting {
			t.Errorf("status %s", s.Status)
		}
		mu.Lock()
		defer mu.Unlock()
		// The virtual machine tells a change for the erasing too.
		if changed != tt.changed && !(vm && changed) || restarted != tt.restarted {
			t.Errorf("changed %t, restarted %t", changed, restarted)
		}
	}
	for i, tt := range tests {
		t.Run("board/"+tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, _ := bench(t, devs.BoardConfig{Quirks: devs.BoardQuirks{NoLogging: true, CloseCrash: true, ReadCrash: true}}, 0)
				row(t, m, i, false)
			})
		})
	}
	t.Run("virtual machine", func(t *testing.T) {
		m := startVM(t, 1, 0).manager(t)
		for i, tt := range tests {
			if !tt.boardOnly {
				t.Run(tt.name, func(t *testing.T) { row(t, m, i, true) })
			}
		}
	})
}

// What a Manager makes of the same faults.
func TestDeployFaults(t *testing.T) {
	hello, large := program(t, "hello.devs"), program(t, "large.devs")
	t.Run("it does not fit", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m, _ := bench(t, devs.BoardConfig{Capacity: 64 << 10}, 0)
			if _, err := deploy(t.Context(), m, devs.Deploy{Program: hello}); err != nil {
				t.Fatal(err)
			}
			_, err := deploy(t.Context(), m, devs.Deploy{Program: large})
			re, ok := errors.AsType[*devs.RejectedError](err)
			if !ok || !strings.Contains(re.Message, "old program is still there") || !strings.Contains(re.Message, "restarted") {
				t.Errorf("%v", err)
			}
		})
	})
	t.Run("it refuses, and runs on", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m, _ := bench(t, devs.BoardConfig{Capacity: 64 << 10, Quirks: devs.BoardQuirks{SilentFull: true}}, 0)
			if _, err := deploy(t.Context(), m, devs.Deploy{Program: hello}); err != nil {
				t.Fatal(err)
			}
			_, err := deploy(t.Context(), m, devs.Deploy{Program: large})
			if re, ok := errors.AsType[*devs.RejectedError](err); !ok || !strings.Contains(re.Message, "old program is still there") {
				t.Errorf("%v", err)
			}
			if s, err := m.State(t.Context()); err != nil || !s.Running || !s.Autostart {
				t.Errorf("%+v, %v", s, err)
			}
		})
	})
	t.Run("a killed host left autostart off", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m, _ := bench(t, devs.BoardConfig{}, 0)
			if err := m.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
			if r, err := deploy(t.Context(), m, devs.Deploy{Program: hello}); err != nil || !r.Running {
				t.Errorf("%+v, %v", r, err)
			}
			if s, err := m.State(t.Context()); err != nil || !s.Autostart {
				t.Errorf("%+v, %v", s, err)
			}
		})
	})
	t.Run("stopped stays stopped", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m, _ := bench(t, devs.BoardConfig{}, 0)
			r, err := deploy(t.Context(), m, devs.Deploy{Program: hello, NoStart: true})
			if err != nil || r.Running {
				t.Fatalf("%+v, %v", r, err)
			}
			time.Sleep(time.Minute)
			if s, err := m.State(t.Context()); err != nil || s.Running || s.Autostart {
				t.Errorf("a minute later: %+v, %v", s, err)
			}
			if err := m.Reset(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Second)
			if s, err := m.State(t.Context()); err != nil || !s.Running || !s.Autostart {
				t.Errorf("after a reset: %+v, %v", s, err)
			}
		})
	})
	t.Run("without autostart clearing it the timer starts the program", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m, _ := bench(t, devs.BoardConfig{}, 0)
			if _, err := deploy(t.Context(), m, devs.Deploy{Program: hello}); err != nil {
				t.Fatal(err)
			}
			if err := m.Bus.Set(t.Context(), m.ID, devs.ClassManager, devs.RegRunning, []byte{0}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(9 * time.Second)
			if s, err := m.State(t.Context()); err != nil || !s.Running {
				t.Errorf("%+v, %v", s, err)
			}
		})
	})
	t.Run("read back", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m, _ := bench(t, devs.BoardConfig{}, 0)
			if _, err := deploy(t.Context(), m, devs.Deploy{Program: large}); err != nil {
				t.Fatal(err)
			}
			if b, err := m.ReadBack(t.Context()); err != nil || !bytes.Equal(b, large.Image) {
				t.Errorf("%d bytes, %v", len(b), err)
			}
			m, _ = bench(t, devs.BoardConfig{Quirks: devs.BoardQuirks{ReadCrash: true}}, 0)
			if _, err := deploy(t.Context(), m, devs.Deploy{Program: large}); err != nil {
				t.Fatal(err)
			}
			if _, err := m.ReadBack(t.Context()); err == nil || !strings.Contains(err.Error(), "restarted instead") {
				t.Errorf("of 2.16.4: %v", err)
			}
		})
	})
	t.Run("the host is killed", func(t *testing.T) {
		v := newBenchPair(t)
		killUpload(t, v.m, v.doomed)
	})
}
