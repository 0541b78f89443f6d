package luavm

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lander/lib/capability"
	"lander/lib/job"
	"lander/lib/luac51"
)

// The chunks that luac 5.1 wrote run here as they do under lua5.1: as they
// are, with the other word size and byte order, and stripped.
func TestBytecode(t *testing.T) {
	files, err := filepath.Glob("../luac51/testdata/*.luac")
	if err != nil || len(files) != 9 {
		t.Fatalf("%d chunks, %v", len(files), err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".luac"), func(t *testing.T) {
			chunk, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(strings.TrimSuffix(f, ".luac") + ".out")
			if err != nil {
				t.Fatal(err)
			}
			// Without names and lines some texts are shorter.
			stripped, err := os.ReadFile(strings.TrimSuffix(f, ".luac") + ".stripped")
			if errors.Is(err, fs.ErrNotExist) {
				stripped, err = want, nil
			}
			if err != nil {
				t.Fatal(err)
			}
			p, err := luac51.Undump(chunk)
			if err != nil {
				t.Fatal(err)
			}
			if interop() {
				if got := plain(lua51(t, filepath.Dir(f), filepath.Base(f))); got != string(want) {
					t.Errorf("lua5.1 prints %q, recorded %q", got, want)
				}
				dir := t.TempDir()
				if err := os.WriteFile(filepath.Join(dir, "s.luac"), luac51.Dump(p, luac51.Layout{SizeT: 8}, true), 0o600); err != nil {
					t.Fatal(err)
				}
				if got := plain(lua51(t, dir, "s.luac")); got != string(stripped) {
					t.Errorf("lua5.1 prints %q for the stripped chunk, recorded %q", got, stripped)
				}
			}
			run := func(name string, b []byte, want string) {
				t.Helper()
				prog, err := Load("chunk", job.FormatLuac51, b)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if got := plain(ours(t, prog, nil)); got != want {
					t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
				}
			}
			run("as it is", chunk, string(want))
			for _, l := range []luac51.Layout{{SizeT: 4}, {SizeT: 8, BigEndian: true}, {SizeT: 4, BigEndian: true}} {
				run("full", luac51.Dump(p, l, false), string(want))
				run("stripped", luac51.Dump(p, l, true), string(stripped))
			}
		})
	}
}

func TestLoadRefuses(t *testing.T) {
	for _, c := range []struct{ format, payload, want string }{
		{job.FormatLuac51, "\x1bLJ\x02", "x: bad precompiled chunk: made by LuaJIT, not by luac 5.1"},
		{job.FormatLuac51, "print(1)", "x: bad precompiled chunk: no Lua signature"},
		{job.FormatLua, "\x1bLuaQ", "x: source text expected, got a precompiled chunk"},
		{job.FormatSh, "echo", `x: format "sh" is none of Lua`},
	} {
		p, err := Load("x", c.format, []byte(c.payload))
		if p != nil || err == nil || err.Error() != c.want {
			t.Errorf("%s %q: %v", c.format, c.payload, err)
		}
	}
}

// FuzzBytecode runs what the verifier lets through: whatever it does, it ends
// in time with values or an error of the script, never with a fault of ours.
func FuzzBytecode(f *testing.F) {
	files, err := filepath.Glob("../luac51/testdata/*.luac")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		if b, err := os.ReadFile(name); err != nil {
			f.Fatal(err)
		} else if len(b) < 3000 {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := CompileBytecode("f", b)
		if err != nil {
			return
		}
		_, err = p.Run(context.Background(), Config{
			Capabilities: capability.Set{"base"}, Poll: true, Stdout: io.Discard,
			Budget: job.Budget{Wall: 100 * time.Millisecond, Memory: 16 << 20, Output: 1 << 16},
		})
		if err != nil && strings.Contains(err.Error(), "lua: ") {
			t.Fatal(err)
		}
	})
}

// FuzzSource is the same for source text.
func FuzzSource(f *testing.F) {
	for _, h := range hostile {
		f.Add(h.src)
	}
	f.Fuzz(func(t *testing.T, src string) {
		p, err := Compile("f", []byte(src))
		if err != nil {
			return
		}
		_, err = p.Run(context.Background(), Config{
			Capabilities: capability.Set{"base"}, Poll: true, Stdout: io.Discard,
			Budget: job.Budget{Wall: 50 * time.Millisecond, Memory: 16 << 20, Output: 1 << 16},
		})
		if err != nil && strings.Contains(err.Error(), "lua: ") {
			t.Fatal(err)
		}
	})
}
