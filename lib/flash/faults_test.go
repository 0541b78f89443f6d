package flash_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"lander/lib/flash"
	"lander/lib/link/linktest"
	"lander/lib/luaota/luaotatest"
	"lander/lib/nodemcu"
	"lander/lib/nodemcu/nodemcutest"
)

// long says that all of a matrix is to be tried, and not a part.
var long = os.Getenv("LANDER_LONG") == "1"

// old is what a board had before: another client, and its application.
func old() map[string]string {
	out := map[string]string{"app.lua": "return 2\n", "luaOTA/check.lc": "\x1bLua:return {}"}
	for name, text := range wanted() {
		out[name] = "-- old\n" + text
	}
	out["luaOTA/config.json"] = `{"ssid":"old","server":"192.0.2.9","secret":"old"}`
	out["luaOTA/default.lua"] = "return {entry = print}\n"
	out["init.lua"] = "-- old\n"
	return out
}

// after is what it should have at the end.
func after() map[string]string {
	out := wanted()
	out["app.lua"] = "return 2\n"
	out["luaOTA/default.lua"] = "return {entry = print}\n" // the user's application
	return out
}

// whole checks that every file is the old or the new one; one that is missing
// must be there under a temporary name: the power failed between a removal and
// a renaming.
func whole(t *testing.T, got map[string]string) {
	t.Helper()
	was, want := old(), after()
	for name := range want {
		text, ok := got[name]
		switch {
		case ok && (text == want[name] || text == was[name]):
		case ok:
			t.Errorf("%s is neither old nor new: %.60q", name, text)
		default:
			found := false
			for temp, text := range got {
				found = found || strings.HasPrefix(temp, "~of.") && text == want[name] || temp == nodemcu.BadInit
			}
			if !found {
				t.Errorf("%s is gone", name)
			}
		}
	}
}

// quiet are options without a log: the matrices have thousands of lines.
func quiet(t testing.TB, w *nodemcutest.Wire) flash.Options {
	o := options(t, w)
	o.Log = nil
	return o
}

func oldBoard() *nodemcutest.Board {
	return &nodemcutest.Board{ID: 7, Flash: luaotatest.NewFlash(old())}
}

// completes runs once more without faults.
func completes(t *testing.T, b *nodemcutest.Board) {
	t.Helper()
	b.OnByte, b.OnLine, b.Spoil, b.BadWrites = nil, nil, nil, nil
	w := nodemcutest.NewWire(b)
	r, err := flash.Run(context.Background(), w, quiet(t, w))
	if err != nil {
		t.Fatalf("the next run: %v", err)
	}
	got := b.Flash.Files()
	delete(got, nodemcu.BadInit)
	same(t, got, after())
	if len(r.Files) != 7 {
		t.Errorf("%d files reported", len(r.Files))
	}
}

// bytesOf is how many bytes an undisturbed run has, to and from the board.
func bytesOf(t *testing.T) (out, in int64) {
	b := oldBoard()
	w := power(t, b)
	counted := &counting{Wire: w}
	if _, err := flash.Run(context.Background(), counted, quiet(t, w)); err != nil {
		t.Fatal(err)
	}
	same(t, b.Flash.Files(), after())
	return int64(w.Sent), counted.in
}

type counting struct {
	*nodemcutest.Wire
	in int64
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.Wire.Read(p)
	c.in += int64(n)
	return n, err
}

// every gives offsets all over a run.
func every(total int64, n int64) []int64 {
	switch {
	case long:
		n *= 20
	case raceEnabled:
		n = 2 + n/8
	}
	var out []int64
	for i := range n {
		out = append(out, total*i/n+i%7)
	}
	return out
}

func TestNoiseOnTheLine(t *testing.T) {
	out, in := bytesOf(t)
	kinds := map[string]func(at int64) linktest.Fault{
		"dropped":      func(at int64) linktest.Fault { return linktest.Drop(at, 1) },
		"many dropped": func(at int64) linktest.Fault { return linktest.Drop(at, 40) },
		"flipped":      func(at int64) linktest.Fault { return linktest.Flip(at, 1<<(at%8)) },
		"doubled":      func(at int64) linktest.Fault { return linktest.Duplicate(at, 1) },
		"many doubled": func(at int64) linktest.Fault { return linktest.Duplicate(at, 20) },
	}
	for kind, fault := range kinds {
		for dir, total := range map[string]int64{"to": out, "from": in} {
			t.Run(kind+" "+dir, func(t *testing.T) {
				for _, at := range every(total, 5) {
					b := oldBoard()
					w := nodemcutest.NewWire(b)
					f := linktest.Faults{Write: []linktest.Fault{fault(at)}}
					if dir == "from" {
						f = linktest.Faults{Read: []linktest.Fault{fault(at)}}
					}
					_, err := flash.Run(context.Background(), linktest.Wrap(w, f), quiet(t, w))
					if err != nil {
						t.Errorf("at byte %d: %v", at, err)
						whole(t, b.Flash.Files())
					}
					got := b.Flash.Files()
					strays := 0
					for name := range got {
						// Twenty bytes twice, across the end of a line, may name
						// a temporary file anew; the next run takes it away.
						if strings.HasPrefix(name, "~of") && fault(0) == linktest.Duplicate(0, 20) {
							delete(got, name)
							strays++
						}
					}
					same(t, got, after())
					if err != nil || strays > 0 {
						completes(t, b)
					}
					b.Off()
					if t.Failed() {
						t.Fatalf("at byte %d", at)
					}
				}
			})
		}
	}
}

// A line so noisy that every few hundred bytes one is lost.
func TestNoiseThroughout(t *testing.T) {
	for _, dir := range []string{"to", "from"} {
		gaps := []int64{401, 1009}
		if long {
			gaps = append(gaps, 97, 211)
		}
		for _, gap := range gaps {
			b := oldBoard()
			w := nodemcutest.NewWire(b)
			var faults []linktest.Fault
			for at := gap; at < 40_000; at += gap {
				faults = append(faults, []linktest.Fault{linktest.Drop(at, 1), linktest.Flip(at, 4), linktest.Duplicate(at, 1)}[at/gap%3])
			}
			f := linktest.Faults{Write: faults}
			if dir == "from" {
				f = linktest.Faults{Read: faults}
			}
			_, err := flash.Run(context.Background(), linktest.Wrap(w, f), quiet(t, w))
			whole(t, b.Flash.Files())
			if err == nil {
				same(t, b.Flash.Files(), after())
			} else if gap > 400 {
				t.Errorf("%s the board, one byte in %d: %v", dir, gap, err)
			}
			completes(t, b)
			b.Off()
		}
	}
}

func TestRebootAtAnyMoment(t *testing.T) {
	out, _ := bytesOf(t)
	for _, at := range every(out, 40) {
		b := oldBoard()
		b.OnByte = once(int(at)+1, nodemcutest.Reboot)
		w := nodemcutest.NewWire(b)
		r, err := flash.Run(context.Background(), w, quiet(t, w))
		if err != nil {
			t.Errorf("restarted at byte %d: %v", at, err)
		}
		same(t, b.Flash.Files(), after())
		if r.Restarts > 2 {
			t.Errorf("restarted at byte %d: %d restarts", at, r.Restarts)
		}
		b.Off()
	}
}

func once(n int, a nodemcutest.Action) func(int) nodemcutest.Action {
	return func(i int) nodemcutest.Action {
		if i == n {
			return a
		}
		return nodemcutest.Go
	}
}

// The power fails at each single change of the flash.
func TestPowerCutAtEachChange(t *testing.T) {
	for name, capacity := range map[string]int{"room for all": 0, "no room beside the old files": 20000} {
		t.Run(name, func(t *testing.T) {
			tight := func() *nodemcutest.Board {
				b := oldBoard()
				if capacity > 0 {
					b.Capacity = capacity
				}
				return b
			}
			clean := tight()
			w := power(t, clean)
			clean.Flash.CutAfter(0)
			if _, err := flash.Run(context.Background(), w, quiet(t, w)); err != nil {
				t.Fatal(err)
			}
			changes := clean.Flash.Changes()
			if changes < 60 {
				t.Fatalf("%d changes", changes)
			}
			for n := range changes {
				if raceEnabled && n%9 > 0 {
					continue
				}
				b := tight()
				w := nodemcutest.NewWire(b)
				b.Flash.CutAfter(n + 1)
				_, err := flash.Run(context.Background(), w, quiet(t, w))
				if err != nil {
					t.Errorf("cut at change %d: %v", n+1, err)
				}
				same(t, b.Flash.Files(), after())
				b.Off()
			}
		})
	}
}

// lost is a run that ends with the board gone at a line; the next completes it.
func lost(t *testing.T, action nodemcutest.Action, line int) {
	b := oldBoard()
	b.OnLine = once(line, action)
	w := nodemcutest.NewWire(b)
	defer b.Off()
	_, err := flash.Run(context.Background(), w, quiet(t, w))
	whole(t, b.Flash.Files())
	files := b.Flash.Files()
	changed := !maps.Equal(files, old())
	ie, interrupted := errors.AsType[*flash.InterruptedError](err)
	switch {
	case err == nil:
		// After the last file was read back nothing can be lost.
		same(t, files, after())
	case changed && !interrupted:
		t.Errorf("line %d: something was changed, and the error is %v", line, err)
	case interrupted && (ie.Of != 7 || ie.Done > 7):
		t.Errorf("line %d: %v", line, err)
	}
	if action == nodemcutest.Hang {
		b.PowerCycle()
	}
	completes(t, b)
}

func linesOf(t *testing.T) int {
	b := oldBoard()
	w := power(t, b)
	n := 0
	b.OnLine = func(i int) nodemcutest.Action { n = i; return nodemcutest.Go }
	if _, err := flash.Run(context.Background(), w, quiet(t, w)); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestUnpluggedAtEachLine(t *testing.T) {
	for line := range linesOf(t) {
		if line%9 == 0 || !raceEnabled {
			lost(t, nodemcutest.Unplug, line+1)
		}
	}
}

func TestHangAtEachLine(t *testing.T) {
	for line := range linesOf(t) {
		if line%4 == 0 && !raceEnabled || line%16 == 0 || long {
			lost(t, nodemcutest.Hang, line+1)
		}
	}
}

func TestPanicLoop(t *testing.T) {
	for _, ms := range []int{40, 150, 1500} {
		t.Run(fmt.Sprint(ms), func(t *testing.T) {
			b := oldBoard()
			b.Flash.Put("init.lua", fmt.Sprintf("tmr.create():alarm(%d, 0, function() error('boom') end)\n", ms))
			w := power(t, b)
			r, err := flash.Run(context.Background(), w, quiet(t, w))
			if err != nil {
				t.Fatal(err)
			}
			got := b.Flash.Files()
			if r.Cured != (got[nodemcu.BadInit] != "") {
				t.Errorf("cured: %v, and the files say otherwise", r.Cured)
			}
			delete(got, nodemcu.BadInit)
			same(t, got, after())
		})
	}
}

func TestNoPrompt(t *testing.T) {
	for name, c := range map[string]struct {
		b    *nodemcutest.Board
		want string
	}{
		"no firmware":         {&nodemcutest.Board{Mute: true}, "says nothing"},
		"init.lua blocks":     {&nodemcutest.Board{Blocked: true}, "init.lua blocks the console"},
		"only an application": {&nodemcutest.Board{Mute: true, Chatter: time.Second}, "says nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			w := power(t, c.b)
			_, err := flash.Run(context.Background(), w, quiet(t, w))
			pe, ok := errors.AsType[*nodemcu.PromptError](err)
			if !ok || !strings.Contains(pe.Reason, c.want) || pe.Hint == "" {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestStatesOfTheBoard(t *testing.T) {
	for name, prepare := range map[string]func(*nodemcutest.Board, *nodemcutest.Wire){
		"an open string":   func(b *nodemcutest.Board, w *nodemcutest.Wire) { typed(w, "x = [[ never 'ends\n") },
		"an open function": func(b *nodemcutest.Board, w *nodemcutest.Wire) { typed(w, "function f(\n") },
		"half a line":      func(b *nodemcutest.Board, w *nodemcutest.Wire) { typed(w, "file.remove('app.lu") },
		"echo is off":      func(b *nodemcutest.Board, w *nodemcutest.Wire) { typed(w, "uart.setup(0,115200,8,0,1,0)\n") },
		"chatter":          func(b *nodemcutest.Board, w *nodemcutest.Wire) { b.Chatter = 35 * time.Millisecond; b.PowerCycle() },
		"rare chatter":     func(b *nodemcutest.Board, w *nodemcutest.Wire) { b.Chatter = 210 * time.Millisecond; b.PowerCycle() },
		"prompts in chatter": func(b *nodemcutest.Board, w *nodemcutest.Wire) {
			b.Chatter, b.ChatText = 90*time.Millisecond, "\r\n> "
			b.PowerCycle()
		},
		"an old client waits": func(b *nodemcutest.Board, w *nodemcutest.Wire) {
			for name, text := range wanted() {
				b.Flash.Put(name, text)
			}
			b.Flash.Put("luaOTA/default.lua", "return {entry = print}\n")
			b.PowerCycle()
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := oldBoard()
			w := power(t, b)
			prepare(b, w)
			if _, err := flash.Run(context.Background(), w, quiet(t, w)); err != nil {
				t.Fatal(err)
			}
			same(t, b.Flash.Files(), after())
		})
	}
}

// typed lets a board start, and types at it.
func typed(w *nodemcutest.Wire, s string) {
	listen(w, new([]byte))
	w.Write([]byte(s))
}

// listen takes what a board sends for half a second of its time.
func listen(w *nodemcutest.Wire, out *[]byte) {
	w.SetReadDeadline(w.Now().Add(500 * time.Millisecond))
	for buf := make([]byte, 1000); ; {
		n, err := w.Read(buf)
		*out = append(*out, buf[:n]...)
		if err != nil {
			return
		}
	}
}

func TestRates(t *testing.T) {
	for _, rate := range []int{9600, 57600, 74880, 230400, 460800, 921600} {
		b := oldBoard()
		b.Rate = rate
		w := power(t, b)
		r, err := flash.Run(context.Background(), w, quiet(t, w))
		if err != nil {
			t.Fatalf("%d baud: %v", rate, err)
		}
		same(t, b.Flash.Files(), after())
		if r.Baud != rate {
			t.Errorf("%d baud: reported %d", rate, r.Baud)
		}
	}
}

func TestFast(t *testing.T) {
	for name, c := range map[string]struct {
		fast []int
		max  int
		want int
	}{
		"it works":       {[]int{460800}, 0, 460800},
		"a slow wire":    {[]int{921600, 460800, 230400}, 300_000, 230400},
		"no faster wire": {[]int{921600}, 115200, 115200},
	} {
		t.Run(name, func(t *testing.T) {
			b := oldBoard()
			w := power(t, b)
			w.MaxRate = c.max
			o := options(t, w)
			o.Fast = c.fast
			r, err := flash.Run(context.Background(), w, o)
			if err != nil {
				t.Fatal(err)
			}
			same(t, b.Flash.Files(), after())
			if r.Baud != c.want {
				t.Errorf("at %d baud", r.Baud)
			}
			completes(t, b) // at the rate that it was found at
		})
	}
}

// The board restarts at its own rate in the midst of a fast transfer.
func TestRebootWhileFast(t *testing.T) {
	for _, at := range every(12_000, 8) {
		b := oldBoard()
		b.OnByte = once(int(at)+1, nodemcutest.Reboot)
		w := power(t, b)
		o := quiet(t, w)
		o.Fast = []int{921600}
		if _, err := flash.Run(context.Background(), w, o); err != nil {
			t.Errorf("restarted at byte %d: %v", at, err)
		}
		same(t, b.Flash.Files(), after())
	}
}

// Files that noise named are taken away, whatever is in their names.
func TestStraysAreSweptAway(t *testing.T) {
	b := oldBoard()
	for _, name := range []string{"~of end\n", "~of.8rn self\n", "~of.8rn", "~of.3", "~of", "~of.1\"x"} {
		b.Flash.Put(name, "x")
	}
	w := power(t, b)
	if _, err := flash.Run(context.Background(), w, quiet(t, w)); err != nil {
		t.Fatal(err)
	}
	same(t, b.Flash.Files(), after())
}

func TestFlashThatFails(t *testing.T) {
	t.Run("one bad page", func(t *testing.T) {
		b := oldBoard()
		b.BadWrites = map[int]bool{20: true}
		w := power(t, b)
		r, err := flash.Run(context.Background(), w, quiet(t, w))
		if err != nil {
			t.Fatal(err)
		}
		same(t, b.Flash.Files(), after())
		retries := 0
		for _, f := range r.Files {
			retries += f.Retries
		}
		if retries == 0 {
			t.Error("no retry reported")
		}
	})
	t.Run("bad for ever", func(t *testing.T) {
		b := oldBoard()
		b.BadWrites = map[int]bool{}
		for i := 20; i < 500; i++ {
			b.BadWrites[i] = true
		}
		w := power(t, b)
		_, err := flash.Run(context.Background(), w, quiet(t, w))
		if fe, ok := errors.AsType[*flash.FullError](err); !ok || fe.File == "" {
			t.Errorf("%v", err)
		}
		whole(t, b.Flash.Files())
		completes(t, b)
	})
	t.Run("silently wrong once", func(t *testing.T) {
		b := oldBoard()
		n := 0
		b.Spoil = func(name string, text []byte) []byte {
			if n++; n == 15 {
				text[len(text)-1] ^= 1
			}
			return text
		}
		w := power(t, b)
		if _, err := flash.Run(context.Background(), w, quiet(t, w)); err != nil {
			t.Fatal(err)
		}
		same(t, b.Flash.Files(), after())
	})
	t.Run("silently wrong for ever", func(t *testing.T) {
		b := oldBoard()
		b.Spoil = func(name string, text []byte) []byte {
			text[0] ^= 1
			return text
		}
		w := power(t, b)
		_, err := flash.Run(context.Background(), w, quiet(t, w))
		if me, ok := errors.AsType[*flash.MismatchError](err); !ok || me.Want == me.Got || me.File == "" {
			t.Errorf("%v", err)
		}
		whole(t, b.Flash.Files())
		completes(t, b)
	})
	t.Run("little room", func(t *testing.T) {
		b := oldBoard()
		b.Capacity = 38000
		w := power(t, b)
		r, err := flash.Run(context.Background(), w, quiet(t, w))
		if err != nil {
			t.Fatal(err)
		}
		if r.Plan.Staged {
			t.Error("all travelled at once")
		}
		same(t, b.Flash.Files(), after())
	})
	t.Run("left-over files in the way", func(t *testing.T) {
		b := oldBoard()
		b.Capacity = 38000
		for _, n := range []string{"~of.4", "~of.77"} {
			b.Flash.Put(n, strings.Repeat("x", 8000))
		}
		w := power(t, b)
		if _, err := flash.Run(context.Background(), w, quiet(t, w)); err != nil {
			t.Fatal(err)
		}
		same(t, b.Flash.Files(), after())
	})
	t.Run("no room beside the old file", func(t *testing.T) {
		b := oldBoard()
		b.Flash.Put("luaOTA/_provision.lua", strings.Repeat("-- old\n", 1000))
		b.Capacity = 29500
		w := power(t, b)
		r, err := flash.Run(context.Background(), w, quiet(t, w))
		if err != nil {
			t.Fatal(err)
		}
		if i := slices.IndexFunc(r.Plan.Files, func(s flash.Step) bool { return s.Over }); i < 0 {
			t.Errorf("no file was removed first: %+v", r.Plan)
		}
		same(t, b.Flash.Files(), after())
	})
	t.Run("full, and only compared", func(t *testing.T) {
		b := oldBoard()
		b.Capacity = 20000
		w := power(t, b)
		o := quiet(t, w)
		o.VerifyOnly = true
		if _, err := flash.Run(context.Background(), w, o); !errors.As(err, new(*flash.DiffersError)) {
			t.Errorf("%v", err)
		}
	})
	t.Run("no room", func(t *testing.T) {
		b := oldBoard()
		if err := b.Flash.Remove("luaOTA/_provision.lua"); err != nil {
			t.Fatal(err)
		}
		was := b.Flash.Files()
		b.Capacity = 12000
		w := power(t, b)
		_, err := flash.Run(context.Background(), w, quiet(t, w))
		if fe, ok := errors.AsType[*flash.FullError](err); !ok || fe.Need <= fe.Free || !strings.Contains(err.Error(), "bytes are missing") {
			t.Errorf("%v", err)
		}
		same(t, b.Flash.Files(), was)
	})
}
