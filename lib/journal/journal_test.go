package journal_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lander/lib/durable"
	"lander/lib/journal"
)

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 6_700_000, time.FixedZone("east", 3600))

func open(t testing.TB, dir string, o journal.Options) *journal.Journal {
	t.Helper()
	if o.Clock == nil {
		o.Clock = func() time.Time { return epoch }
	}
	j, err := journal.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

func add(t testing.TB, j *journal.Journal, name string) journal.Line {
	t.Helper()
	l, err := j.Append(t.Context(), journal.Line{Source: "cli", Action: journal.ActionRun, Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// verify checks the whole directory against the head.
func verify(t testing.TB, dir, head string) journal.Report {
	t.Helper()
	r, err := journal.VerifyDir(t.Context(), dir, head)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAppendChains(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "state")
	j := open(t, dir, journal.Options{})
	prev := journal.Zero
	for i := range 5 {
		// Each second line by another journal on the same files.
		if i%2 == 1 {
			j = open(t, dir, journal.Options{})
		}
		l := add(t, j, fmt.Sprint(i))
		if l.Seq != uint64(i+1) || l.Prev != prev || l.Time != "2026-01-02T02:04:05.006Z" {
			t.Errorf("line %d: seq %d prev %s time %s", i, l.Seq, l.Prev, l.Time)
		}
		prev = l.Hash
	}
	if r := verify(t, dir, prev); r.Lines != 5 || r.First != 1 || r.Last != 5 || r.Hash != prev || r.HeadSeq != 5 || r.Repairs != 0 {
		t.Errorf("report %+v", r)
	}
	for _, name := range []string{journal.FileName, journal.HeadName} {
		st, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if runtime.GOOS != "windows" && st.Mode() != 0o600 {
			t.Errorf("%s has mode %v", name, st.Mode())
		}
	}
	head, err := os.ReadFile(filepath.Join(dir, journal.HeadName))
	if want := "5 " + prev + "\n"; err != nil || string(head) != want {
		t.Errorf("head %q, error %v, want %q", head, err, want)
	}
}

func TestAppendRefusesUnknownWords(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, journal.Options{})
	for _, l := range []journal.Line{{}, {Action: "dance"}, {Action: "run", Verdict: "maybe"}} {
		if _, err := j.Append(t.Context(), l); !errors.Is(err, journal.ErrInvalid) {
			t.Errorf("%+v: error %v, want ErrInvalid", l, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, journal.FileName)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("journal file: %v, want none", err)
	}
}

func TestLongTextsAreCut(t *testing.T) {
	j := open(t, t.TempDir(), journal.Options{})
	hostile := strings.Repeat("\x01", 2047) + strings.Repeat("é", 1<<20)
	l, err := j.Append(t.Context(), journal.Line{Source: hostile, Actor: hostile, Action: "run", Name: hostile, Format: hostile, SHA256: hostile,
		KeyID: hostile, Reason: hostile, Outcome: hostile, Ticket: hostile, Execution: hostile})
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.Repeat("\x01", 2047) + "…"; l.Name != want {
		t.Errorf("name of %d bytes ends in %q", len(l.Name), l.Name[len(l.Name)-6:])
	}
	if b := journal.AppendLine(nil, l); len(b) > journal.MaxLine {
		t.Errorf("a line of %d bytes", len(b))
	}
}

func TestAppendAllFollowEachOther(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, journal.Options{})
	add(t, j, "before")
	out, err := j.AppendAll(t.Context(), []journal.Line{{Action: "sign", Name: "a"}, {Action: "sign", Name: "b"}})
	if err != nil || len(out) != 2 || out[0].Seq != 2 || out[1].Seq != 3 || out[1].Prev != out[0].Hash {
		t.Errorf("lines %+v, error %v", out, err)
	}
	if r := verify(t, dir, out[1].Hash); r.Lines != 3 {
		t.Errorf("report %+v", r)
	}
}

// Appends that wait for another process are then written in one commit, which
// reads the clock once.
func TestGroupCommit(t *testing.T) {
	dir := t.TempDir()
	var commits atomic.Int64
	j := open(t, dir, journal.Options{Clock: func() time.Time { commits.Add(1); return epoch }})
	other, err := durable.Acquire(filepath.Join(dir, "journal.lock"))
	if err != nil {
		t.Fatal(err)
	}
	const n = 50
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { add(t, j, fmt.Sprint(i)) })
	}
	for j.Waiting() < n {
		runtime.Gosched()
	}
	other.Release()
	wg.Wait()
	if c := commits.Load(); c != 1 {
		t.Errorf("%d commits for %d lines, want 1", c, n)
	}
	if r := verify(t, dir, ""); r.Lines != n {
		t.Errorf("report %+v", r)
	}
}

func TestAppendGivesUpWithItsContext(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, journal.Options{})
	other, err := durable.Acquire(filepath.Join(dir, "journal.lock"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	errs := make(chan error)
	for range 3 {
		go func() {
			_, err := j.Append(ctx, journal.Line{Action: "run"})
			errs <- err
		}()
	}
	for j.Waiting() < 3 {
		runtime.Gosched()
	}
	cancel()
	for range 3 {
		if err := <-errs; !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want Canceled", err)
		}
	}
	other.Release()
	if l := add(t, j, "after"); l.Seq != 1 {
		t.Errorf("seq %d after appends that gave up, want 1", l.Seq)
	}
}

func TestClose(t *testing.T) {
	j := open(t, t.TempDir(), journal.Options{})
	add(t, j, "a")
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Append(t.Context(), journal.Line{Action: "run"}); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("error %v, want ErrClosed", err)
	}
}

func TestRotation(t *testing.T) {
	dir := t.TempDir()
	o := journal.Options{MaxBytes: 2000}
	j, k := open(t, dir, o), open(t, dir, o)
	var last journal.Line
	for range 20 {
		add(t, j, "from one")
		last = add(t, k, "from the other")
	}
	r := verify(t, dir, last.Hash)
	if r.Lines != 40 || r.Files < 5 || r.Repairs != 0 {
		t.Errorf("report %+v", r)
	}
	es, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range es {
		if st, err := e.Info(); err != nil || st.Size() > 2000 {
			t.Errorf("%s: %d bytes, error %v", e.Name(), st.Size(), err)
		}
	}
	// A crash between the rename and the next file.
	j.Close()
	if err := os.Rename(filepath.Join(dir, journal.FileName), filepath.Join(dir, "journal.000999.ndjson")); err != nil {
		t.Fatal(err)
	}
	if l := add(t, k, "after"); l.Seq != 41 || l.Prev != last.Hash {
		t.Errorf("seq %d prev %s after the rename", l.Seq, l.Prev)
	}
	if r := verify(t, dir, last.Hash); r.Lines != 41 || r.HeadSeq != 40 {
		t.Errorf("report %+v", r)
	}
}

// A state directory that cannot be used is one clear error, for every user.
func TestUnusableDirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := journal.Open(file, journal.Options{}); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("a file as directory: %v", err)
	}
	for _, name := range []string{journal.FileName, journal.HeadName, "journal.lock"} {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		j := open(t, dir, journal.Options{})
		_, err := j.Append(t.Context(), journal.Line{Action: "run"})
		if err == nil || !strings.Contains(err.Error(), dir) || strings.Count(err.Error(), dir) != 1 {
			t.Errorf("%s is a directory: %v", name, err)
		}
		if b, err := os.ReadFile(filepath.Join(dir, journal.FileName)); len(b) > 0 {
			t.Errorf("%s is a directory: %q stays in the journal, %v", name, b, err)
		}
	}
}

// The last lines are read without the first, however little is asked for.
func TestRecent(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, journal.Options{})
	if lines, older, err := j.Recent(1000); err != nil || lines != nil || older {
		t.Errorf("none: %v, %v, %v", lines, older, err)
	}
	for i := range 5 {
		if _, err := j.Append(t.Context(), journal.Line{Action: journal.ActionRun, Execution: fmt.Sprint("x", i)}); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, journal.FileName)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	each := int64(len(b)) / 5
	for limit, first := range map[int64]int{1 << 20: 0, int64(len(b)): 0, int64(len(b)) - 1: 1, each + each/2: 4, 10: 5, 0: 5} {
		lines, older, err := j.Recent(limit)
		if err != nil || len(lines) != 5-first || older != (limit < int64(len(b))) {
			t.Errorf("%d bytes: %d lines, %v, %v", limit, len(lines), older, err)
		}
		for i, l := range lines {
			if l.Execution != fmt.Sprint("x", first+i) {
				t.Errorf("%d bytes: line %d is %s", limit, i, l.Execution)
			}
		}
	}
	// What a crash has torn is no line.
	if err := os.WriteFile(path, append(b, `{"seq":6`...), 0o600); err != nil {
		t.Fatal(err)
	}
	if lines, _, err := j.Recent(1 << 20); err != nil || len(lines) != 5 {
		t.Errorf("torn: %d lines, %v", len(lines), err)
	}
}
