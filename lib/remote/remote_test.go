//go:build unix

package remote_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"lander/lib/bundle"
	"lander/lib/capability"
	"lander/lib/job"
	"lander/lib/journal"
	"lander/lib/proc"
	"lander/lib/remote"
	"lander/lib/trust"
)

const childArg = "lander-script-child"

// mains are what the test program is when it is started with one of these.
var mains = map[string]func() int{childArg: remote.ChildMain}

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && mains[os.Args[1]] != nil {
		os.Exit(mains[os.Args[1]]())
	}
	os.Exit(m.Run())
}

func child(h remote.Host) *remote.Child {
	return &remote.Child{Argv: []string{os.Args[0], childArg}, Host: h}
}

func runLua(t *testing.T, c *remote.Child, source string, budget job.Budget) job.Result {
	t.Helper()
	task := job.Task{Name: "t.lua", Format: job.FormatLua, Payload: []byte(source), Capabilities: capability.Default(), Budget: budget}
	return job.Execute(t.Context(), c, task, nil, job.Live{}, time.Now)
}

func TestChildOutcomes(t *testing.T) {
	tests := []struct {
		name, source string
		budget       job.Budget
		status       job.Status
		code         string
		stdout       string
	}{
		{name: "completed", source: "print('x')", status: job.Completed, stdout: "x\n"},
		{name: "throws", source: "print('x') error('boom')", status: job.Failed, code: job.CodeScript, stdout: "x\n"},
		{name: "does not parse", source: "x = = 1", status: job.Failed, code: job.CodeLoad},
		{name: "processor time", source: "while true do end", budget: job.Budget{CPU: time.Second}, status: job.Terminated, code: job.CodeCPU},
		{name: "memory", source: "local t = {} while true do t[#t+1] = {} end", budget: job.Budget{Memory: 32 << 20}, status: job.Terminated, code: job.CodeMemory},
		{name: "wall", source: "while true do end", budget: job.Budget{Wall: 100 * time.Millisecond}, status: job.Terminated, code: job.CodeTimeout},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := runLua(t, child(nil), tt.source, tt.budget)
			code := ""
			if r.Error != nil {
				code = r.Error.Code
			}
			if r.Status != tt.status || code != tt.code || r.Stdout != tt.stdout || strings.Contains(r.Stderr, "goroutine") {
				t.Errorf("%s, error %v, stdout %q, stderr %q", r.Status, r.Error, r.Stdout, r.Stderr)
			}
		})
	}
}

func TestCancelEndsTheChild(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	started := make(chan struct{})
	var once sync.Once
	live := writerFunc(func(p []byte) (int, error) { once.Do(func() { close(started) }); return len(p), nil })
	done := make(chan job.Result)
	go func() {
		task := job.Task{Name: "t.lua", Format: job.FormatLua, Payload: []byte("print('up') while true do end"), Capabilities: capability.Default()}
		done <- job.Execute(ctx, child(nil), task, nil, job.Live{Stdout: live}, time.Now)
	}()
	<-started
	cancel()
	if r := <-done; r.Status != job.Terminated || r.Error.Code != job.CodeInterrupted {
		t.Errorf("%s, error %v", r.Status, r.Error)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// What runs leave behind: nothing.
func TestNoDescriptorsLeft(t *testing.T) {
	count := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			if os.Getenv("LANDER_INTEROP") == "1" {
				t.Fatal("no /proc")
			}
			t.Skip("no /proc")
		}
		return len(entries)
	}
	runLua(t, child(nil), "print(1)", job.Budget{})
	before := count()
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 5 {
				if r := runLua(t, child(nil), fmt.Sprintf("print(%d)", w*5+i), job.Budget{}); r.Stdout != strconv.Itoa(w*5+i)+"\n" {
					t.Errorf("output %q", r.Stdout)
				}
			}
		})
	}
	wg.Wait()
	if after := count(); after > before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

type fixture struct {
	svc *remote.Service
	key trust.PrivateKey
	dir string
}

func newFixture(t *testing.T, policy string) fixture {
	t.Helper()
	dir := t.TempDir()
	key, err := trust.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	store := filepath.Join(dir, "trust")
	if _, err := trust.Add(store, key.Public().Text(), ""); err != nil {
		t.Fatal(err)
	}
	if policy != "" {
		if err := os.WriteFile(filepath.Join(store, "policy.toml"), []byte(policy), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	serials, err := trust.OpenSerials(filepath.Join(dir, "serials"))
	if err != nil {
		t.Fatal(err)
	}
	j, err := journal.Open(dir, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	lua, sh := child(nil), &proc.Runner{}
	return fixture{&remote.Service{
		Trust: func() (*trust.Store, error) { return trust.OpenStore(store) }, Serials: serials, Journal: j,
		Runners: remote.Runners{job.FormatLua: lua, job.FormatSh: sh}, Names: []string{"gw-1"}, Clock: time.Now,
	}, key, dir}
}

func (f fixture) bundle(t *testing.T, payload string, change func(*trust.Statement)) []byte {
	t.Helper()
	p, err := bundle.Spool(strings.NewReader(payload), 1<<20, "")
	if err != nil {
		t.Fatal(err)
	}
	st := trust.Statement{Name: "t.lua", Format: "lua", Size: p.Size, SHA256: p.SHA256, Targets: []string{"gw-1"}, Serial: 1, Signed: time.Now().Truncate(time.Second)}
	if change != nil {
		change(&st)
	}
	comment, err := st.Comment()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := bundle.Pack(&b, p.Sign(f.key, comment, bundle.Comment), p.Reader()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func (f fixture) lines(t *testing.T) []journal.Line {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(f.dir, journal.FileName))
	if err != nil {
		t.Fatal(err)
	}
	var out []journal.Line
	for l := range bytes.Lines(text) {
		line, err := journal.ParseLine(l)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, line)
	}
	return out
}

func TestServiceRunsAndJournals(t *testing.T) {
	f := newFixture(t, "")
	good := f.bundle(t, "print('ran')", nil)
	r, err := f.svc.Run(t.Context(), remote.Order{Source: job.SourceCLI, Actor: "me", Ticket: "7", Bundle: bytes.NewReader(good)})
	if err != nil || r.Status != job.Completed || r.Stdout != "ran\n" {
		t.Fatalf("%v, %+v", err, r)
	}
	if r.Name != "t.lua" || *r.Serial != 1 || *r.KeyID != f.key.Public().ID() || r.Target != "gw-1" || *r.Ticket != "7" || r.Source != "cli" || len(r.SHA256) != 64 {
		t.Errorf("result %+v", r)
	}
	lines := f.lines(t)
	if len(lines) != 1 || lines[0].Verdict != journal.Accepted || lines[0].Outcome != "completed" || lines[0].Actor != "me" || lines[0].Execution != r.ID || lines[0].SHA256 != r.SHA256 {
		t.Errorf("journal %+v", lines)
	}
}

func TestRefusalsAreJournalledAndCostNothing(t *testing.T) {
	f := newFixture(t, "")
	for name, order := range map[string]remote.Order{
		"elsewhere": {Bundle: bytes.NewReader(f.bundle(t, "print(1)", func(s *trust.Statement) { s.Targets, s.Serial = []string{"x"}, 9 }))},
		"altered":   {Bundle: strings.NewReader(string(f.bundle(t, "print(1)", func(s *trust.Statement) { s.Serial = 9 })) + "x")},
		"data":      {Bundle: bytes.NewReader(f.bundle(t, "print(1)", func(s *trust.Statement) { s.Format, s.Serial = "data", 9 }))},
		"sh":        {Bundle: bytes.NewReader(f.bundle(t, "echo", func(s *trust.Statement) { s.Format, s.Serial = "sh", 9 }))},
		"bash":      {Bundle: bytes.NewReader(f.bundle(t, "echo", func(s *trust.Statement) { s.Format, s.Serial = "bash", 9 }))},
		"args":      {Args: map[string]string{"a": "b"}, Bundle: bytes.NewReader(f.bundle(t, "print(1)", func(s *trust.Statement) { s.Serial = 9 }))},
	} {
		r, err := f.svc.Run(t.Context(), order)
		if _, ok := errors.AsType[*trust.Refusal](err); !ok || r.ID != "" {
			t.Errorf("%s: error %v, result %+v", name, err, r)
		}
	}
	for _, l := range f.lines(t) {
		if l.Verdict != journal.Refused || l.Reason == "" || l.Outcome != "" || l.Execution != "" {
			t.Errorf("line %+v", l)
		}
	}
	if _, err := f.svc.Run(t.Context(), remote.Order{Bundle: bytes.NewReader(f.bundle(t, "print(1)", nil))}); err != nil {
		t.Errorf("serial 1 after refused ones: %v", err)
	}
}

// That a refusal could not be journalled is told beside it, in one line.
func TestRefusalNotJournalled(t *testing.T) {
	f := newFixture(t, "")
	if err := f.svc.Journal.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(f.dir, journal.FileName)
	if err := os.RemoveAll(file); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(file, 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := f.svc.Run(t.Context(), remote.Order{Bundle: strings.NewReader("no bundle")})
	u, ok := errors.AsType[*remote.UnjournalledError](err)
	if !ok || !errors.Is(err, trust.ErrInvalid) || strings.Contains(u.Err.Error(), f.dir) {
		t.Fatalf("%#v", err)
	}
	if text := err.Error(); strings.Contains(text, "\n") || !strings.Contains(text, u.Err.Error()) || !strings.Contains(text, u.Journal.Error()) {
		t.Errorf("%q", text)
	}
}

func TestUnsignedHasNoMoreThanAsked(t *testing.T) {
	f := newFixture(t, "")
	u := &remote.Unsigned{Name: "t.sh", Format: job.FormatSh, Payload: []byte("echo hi")}
	if _, err := f.svc.Run(t.Context(), remote.Order{Unsigned: u}); err == nil {
		t.Error("sh without exec ran")
	}
	u.Capabilities = capability.Set{capability.Exec}
	r, err := f.svc.Run(t.Context(), remote.Order{Unsigned: u})
	if err != nil || r.Stdout != "hi\n" || r.KeyID != nil {
		t.Errorf("%v, %+v", err, r)
	}
	if lines := f.lines(t); lines[1].Reason != "unsigned" || lines[1].KeyID != "" {
		t.Errorf("line %+v", lines[1])
	}
}
