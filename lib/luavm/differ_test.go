package luavm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lander/lib/capability"
	"lander/lib/job"
)

// What PUC Lua 5.1 does is recorded in testdata. With LANDER_INTEROP=1 the
// recordings are checked against a real lua5.1 too; with LANDER_RECORD=1 they
// are written anew.

func interop() bool { return os.Getenv("LANDER_INTEROP") == "1" }
func record() bool  { return os.Getenv("LANDER_RECORD") == "1" }
func long() bool    { return os.Getenv("LANDER_LONG") == "1" }

// peer finds a program to compare with.
func peer(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if interop() {
			t.Fatalf("%s is missing", name)
		}
		t.Skipf("%s is missing", name)
	}
	return path
}

// lua51 runs a script under lua5.1 and returns its output, with the error
// that ended it as the last line.
func lua51(t testing.TB, dir string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, peer(t, "lua5.1"), args...)
	c.Dir, c.Env = dir, append(os.Environ(), "TZ=UTC")
	var out, stderr bytes.Buffer
	c.Stdout, c.Stderr = &out, &stderr
	if err := c.Run(); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			t.Fatal(err)
		}
		line, _, _ := strings.Cut(stderr.String(), "\n")
		out.WriteString("FAILED " + strings.TrimPrefix(line, "lua5.1: "))
	}
	return out.String()
}

var address = regexp.MustCompile(`0x[0-9a-f]+`)

// plain hides addresses.
func plain(s string) string { return address.ReplaceAllString(s, "ADDR") }

// ours runs a program here, the same way.
func ours(t testing.TB, p *Program, args map[string]string) string {
	t.Helper()
	var out bytes.Buffer
	caps := append(capability.Default(), "fs:/")
	_, err := p.Run(context.Background(), Config{
		Args: args, Capabilities: caps, Stdout: &out, Poll: true,
		Budget: job.Budget{Wall: time.Minute, Memory: 256 << 20},
		Now:    func() time.Time { return time.Now().UTC() }, // as the answers were recorded
	})
	if err != nil {
		out.WriteString("FAILED " + err.Error())
	}
	return out.String()
}

func compileFile(t testing.TB, path string) *Program {
	t.Helper()
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Compile(filepath.Base(path), src)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// probes reads the list of one-line probes.
func probes(t *testing.T) []string {
	t.Helper()
	v, err := compileFile(t, "testdata/probes.lua").Run(context.Background(), Config{Capabilities: capability.Set{"base"}})
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, s := range v[0].([]Value) {
		list = append(list, s.(string))
	}
	return list
}

// recording reads a JSON file of testdata; bytes beyond ASCII are escaped in
// it as code points.
func recording(t *testing.T, name string, into any) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err == nil {
		err = json.Unmarshal(b, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func rewrite(t *testing.T, name string, v any) {
	t.Helper()
	b, err := json.MarshalIndent(v, "", " ")
	if err == nil {
		err = os.WriteFile(filepath.Join("testdata", name), append(b, '\n'), 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// latin makes text of bytes that JSON can carry.
func latin(s string) string {
	r := make([]rune, len(s))
	for i := range len(s) {
		r[i] = rune(s[i])
	}
	return string(r)
}

func peerProbe(t *testing.T, probe string) string {
	t.Helper()
	f := filepath.Join(t.TempDir(), "probe")
	if err := os.WriteFile(f, []byte(probe), 0o666); err != nil {
		t.Fatal(err)
	}
	script, err := filepath.Abs("testdata/probe.lua")
	if err != nil {
		t.Fatal(err)
	}
	s := lua51(t, t.TempDir(), script, f)
	return latin(plain(strings.ReplaceAll(s, script, "probe.lua")))
}

// exceptions reads the list in DIALECT.md: the probes that differ.
func exceptions(t *testing.T) map[string]bool {
	t.Helper()
	b, err := os.ReadFile("DIALECT.md")
	if err != nil {
		t.Fatal(err)
	}
	list := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^    (.*)$").FindAllSubmatch(b, -1) {
		list[string(m[1])] = true
	}
	return list
}

// The probes give what lua5.1 gives, but for the exceptions of DIALECT.md,
// which must be exact: one that does not differ any more fails too.
func TestProbes(t *testing.T) {
	list := probes(t)
	var want []string
	if record() {
		for _, p := range list {
			want = append(want, peerProbe(t, p))
		}
		rewrite(t, "probes.json", want)
	}
	recording(t, "probes.json", &want)
	if len(want) != len(list) {
		t.Fatalf("%d recorded answers for %d probes", len(want), len(list))
	}
	prog := compileFile(t, "testdata/probe.lua")
	excepted := exceptions(t)
	differ := 0
	for i, p := range list {
		if interop() {
			if got := peerProbe(t, p); got != want[i] && !excepted[p] {
				t.Errorf("recorded answer of %q is not what lua5.1 gives:\n%s", p, cmp.Diff(want[i], got))
			}
		}
		got := latin(plain(ours(t, prog, map[string]string{"src": p})))
		switch {
		case got == want[i] && excepted[p]:
			t.Errorf("%q does not differ any more: take it from DIALECT.md", p)
		case got != want[i] && !excepted[p]:
			t.Errorf("%q: got %q, lua5.1 gives %q", p, got, want[i])
		}
		if got != want[i] {
			differ++
		}
		delete(excepted, p)
	}
	for p := range excepted {
		t.Errorf("DIALECT.md lists %q, which is no probe", p)
	}
	t.Logf("%d of %d probes differ", differ, len(list))
}

// Whole scripts print what they print under lua5.1.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/scripts/*.lua")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d scripts, %v", len(files), err)
	}
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".lua")
		t.Run(name, func(t *testing.T) {
			golden := strings.TrimSuffix(f, ".lua") + ".out"
			if record() || interop() {
				got := plain(lua51(t, filepath.Dir(f), filepath.Base(f)))
				if record() {
					if err := os.WriteFile(golden, []byte(got), 0o666); err != nil {
						t.Fatal(err)
					}
				}
				compareFile(t, golden, got)
			}
			compareFile(t, golden, plain(ours(t, compileFile(t, f), nil)))
		})
	}
}

func compareFile(t *testing.T, golden, got string) {
	t.Helper()
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); d != "" {
		t.Error(d)
	}
}
