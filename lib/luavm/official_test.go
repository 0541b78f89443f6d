package luavm

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"lander/lib/capability"
	"lander/lib/job"
)

// official lists the files of the Lua 5.1 test suite that come with the
// module gopher-lua: "" for those that pass, else why they cannot, with the
// error they end with. The suite there is changed a little for gopher-lua, so
// that real lua5.1 fails some of it too.
var official = []struct{ file, reason, ends string }{
	{"api.lua", "", ""},
	{"attrib.lua", "", ""},
	{"big.lua", "expects lengths beyond 2^32 to overflow; real lua5.1 fails at the same line", "big.lua:12: assertion failed!"},
	{"calls.lua", "", ""},
	{"checktable.lua", "", ""},
	{"closure.lua", "", ""},
	{"code.lua", "", ""},
	{"constructs.lua", "", ""},
	{"db.lua", "needs hooks, which are not offered", "db.lua:19: hooks are not available"},
	{"errors.lua", "", ""},
	{"events.lua", "", ""},
	{"files.lua", "", ""},
	{"gc.lua", "", ""},
	{"literals.lua", "", ""},
	{"locals.lua", "", ""},
	{"main.lua", "tests the stand-alone interpreter", "main.lua:13: attempt to index global 'arg' (a nil value)"},
	{"math.lua", "changed for gopher-lua; real lua5.1 fails at the same line", "math.lua:47: assertion failed!"},
	{"nextvar.lua", "", ""},
	{"pm.lua", "changed for gopher-lua; real lua5.1 fails at the same line", "pm.lua:89: unexpected symbol near ';'"},
	{"sort.lua", "", ""},
	{"strings.lua", "", ""},
	{"vararg.lua", "", ""},
	{"verybig.lua", "", ""},
}

func TestOfficial(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/yuin/gopher-lua").Output()
	from := filepath.Join(strings.TrimSpace(string(out)), "_lua5.1-tests")
	if _, e := os.Stat(from); err != nil || e != nil || len(out) == 0 {
		if interop() {
			t.Fatalf("the test suite is not at hand: %v, %v", err, e)
		}
		t.Skip("the test suite is not at hand")
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	err = filepath.Walk(dir, func(p string, info os.FileInfo, err error) error {
		if err == nil {
			err = os.Chmod(p, info.Mode()|0o700)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range official {
		t.Run(strings.TrimSuffix(o.file, ".lua"), func(t *testing.T) {
			if o.file == "verybig.lua" && (raceEnabled || !long() && !interop()) {
				t.Skip("takes seconds: needs LANDER_LONG=1")
			}
			src, err := os.ReadFile(filepath.Join(dir, o.file))
			if err != nil {
				t.Fatal(err)
			}
			p, err := Compile(o.file, src)
			var text bytes.Buffer
			if err == nil {
				_, err = p.Run(context.Background(), Config{
					Capabilities: append(capability.Default(), "exec", "fs:"+filepath.ToSlash(dir)),
					Poll:         true, Stdout: &text, Stderr: &text,
					Budget: job.Budget{Wall: time.Minute, Memory: 64 << 20},
				})
			}
			got := ""
			if err != nil {
				got = err.Error()
			}
			if o.file == "big.lua" && strconv.IntSize == 32 {
				o.ends = "not enough memory"
			}
			if got != o.ends {
				t.Errorf("ends with %q, expected %q; it wrote:\n%.2000s", got, o.ends, text.String())
			}
		})
	}
}
