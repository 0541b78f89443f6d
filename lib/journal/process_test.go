package journal_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"lander/lib/journal"
)

// TestMain lets the test binary be the other process: with the variable set
// it appends to the journal there and prints each line that was acknowledged.
func TestMain(m *testing.M) {
	if dir := os.Getenv("LANDER_TEST_JOURNAL"); dir != "" {
		if err := appendForever(dir, os.Getenv("LANDER_TEST_LINES")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func appendForever(dir, lines string) error {
	limit := -1
	if lines != "" {
		if _, err := fmt.Sscan(lines, &limit); err != nil {
			return err
		}
	}
	j, err := journal.Open(dir, journal.Options{MaxBytes: 30_000})
	if err != nil {
		return err
	}
	defer j.Close()
	var mu sync.Mutex
	var wg sync.WaitGroup
	var failed error
	for g := range 4 {
		wg.Go(func() {
			for i := 0; i != limit; i++ {
				l, err := j.Append(context.Background(), journal.Line{Action: "run", Name: fmt.Sprint(os.Getpid(), " ", g, " ", i)})
				mu.Lock()
				if err != nil {
					failed = err
					mu.Unlock()
					return
				}
				fmt.Println(l.Seq, l.Hash)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return failed
}

// writer starts another process that appends; lines < 0: until it is killed.
func writer(t *testing.T, dir string, lines int) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "LANDER_TEST_JOURNAL="+dir)
	if lines >= 0 {
		cmd.Env = append(cmd.Env, fmt.Sprint("LANDER_TEST_LINES=", lines))
	}
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out)
}

// chain reads seq -> hash of every line of the journal.
func chain(t *testing.T, dir string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "journal*.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]string{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for text := range strings.Lines(string(b)) {
			l, err := journal.ParseLine([]byte(text))
			if err != nil {
				t.Fatalf("%s: %v", f, err)
			}
			m[fmt.Sprint(l.Seq)] = l.Hash
		}
	}
	return m
}

func TestTwoProcessesAtOnce(t *testing.T) {
	dir := t.TempDir()
	const lines = 40
	acked := make(chan string, 2*4*lines)
	var wg sync.WaitGroup
	for range 2 {
		cmd, out := writer(t, dir, lines)
		wg.Go(func() {
			for out.Scan() {
				acked <- out.Text()
			}
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	close(acked)
	if r := verify(t, dir, ""); r.Lines != 2*4*lines || r.Repairs != 0 || r.Torn != 0 {
		t.Errorf("report %+v", r)
	}
	have := chain(t, dir)
	for a := range acked {
		seq, hash, _ := strings.Cut(a, " ")
		if have[seq] != hash {
			t.Errorf("acknowledged line %s has hash %s, want %s", seq, have[seq], hash)
		}
		delete(have, seq)
	}
	if len(have) > 0 {
		t.Errorf("lines that nobody wrote, or two got acknowledged: %v", have)
	}
}

func TestKilledWriters(t *testing.T) {
	rounds := 10
	if os.Getenv("LANDER_LONG") == "1" {
		rounds = 200
	}
	dir := t.TempDir()
	acked := map[string]string{}
	for round := range rounds {
		cmd, out := writer(t, dir, -1)
		for n := 0; n < 1+round%7*5 && out.Scan(); n++ {
			seq, hash, _ := strings.Cut(out.Text(), " ")
			acked[seq] = hash
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for out.Scan() {
			if seq, hash, ok := strings.Cut(out.Text(), " "); ok && len(hash) == len(journal.Zero) {
				acked[seq] = hash
			}
		}
		cmd.Wait()
	}
	j := open(t, dir, journal.Options{})
	last := add(t, j, "the survivor")
	if r := verify(t, dir, last.Hash); r.Lines < uint64(len(acked)) || r.Torn != 0 {
		t.Errorf("report %+v with %d lines acknowledged", r, len(acked))
	}
	have := chain(t, dir)
	for seq, hash := range acked {
		if have[seq] != hash {
			t.Errorf("acknowledged line %s has hash %s, want %s", seq, have[seq], hash)
		}
	}
}

// Every way a crash can leave the end of the file is repaired by the next
// append, which says so in the journal.
func TestRepair(t *testing.T) {
	tests := []struct {
		name string
		harm func(b []byte) []byte
		line int // lines that stay of three
		note string
	}{
		{"half a line", func(b []byte) []byte { return b[:len(b)-100] }, 2, "cut "},
		{"only the newline is missing", func(b []byte) []byte { return b[:len(b)-1] }, 2, "cut "},
		{"zeros", func(b []byte) []byte { return append(b, make([]byte, 9000)...) }, 3, "cut 9000 bytes of a torn line"},
		{"long garbage", func(b []byte) []byte { return append(b, strings.Repeat("x", 2*journal.MaxLine)...) }, 3, "cut 524288 bytes of a torn line"},
		{"nothing but half a line", func(b []byte) []byte { return b[:50] }, 0, "cut 50 bytes of a torn line"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir, text, _ := small(t, 3)
			path := filepath.Join(dir, journal.FileName)
			if err := os.WriteFile(path, tt.harm(text), 0o600); err != nil {
				t.Fatal(err)
			}
			// As after a crash: the head was not written yet.
			if err := os.Remove(filepath.Join(dir, journal.HeadName)); err != nil {
				t.Fatal(err)
			}
			j := open(t, dir, journal.Options{})
			l := add(t, j, "after")
			if want := uint64(tt.line + 2); l.Seq != want {
				t.Errorf("seq %d, want %d", l.Seq, want)
			}
			add(t, j, "and on")
			if r := verify(t, dir, ""); r.Lines != uint64(tt.line+3) || r.Repairs != 1 || r.Torn != 0 {
				t.Errorf("report %+v", r)
			}
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if note, err := journal.ParseLine([]byte(strings.SplitAfter(string(b), "\n")[tt.line])); err != nil ||
				note.Action != journal.ActionRepair || !strings.HasPrefix(note.Reason, tt.note) || len(note.SHA256) != 64 {
				t.Errorf("note %+v, error %v", note, err)
			}
		})
	}
}

// Where the note of the end is lost as well, the last line that is whole
// counts, and what only looks like a file of the journal does not.
func TestDamagedWithoutHead(t *testing.T) {
	dir, text, _ := small(t, 3)
	if err := os.WriteFile(filepath.Join(dir, journal.FileName), []byte(string(text)+"junk\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, journal.HeadName)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"journal.7.ndjson", "journal.000007.ndjson.bak", "journal.000000.ndjson", "journal.-00007.ndjson", "old.journal.000007.ndjson"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("not of the journal\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	j := open(t, dir, journal.Options{})
	if l := add(t, j, "after"); l.Seq != 5 {
		t.Errorf("seq %d, want 5: three lines and a note", l.Seq)
	}
	if _, err := os.Stat(filepath.Join(dir, "journal.000001.ndjson")); err != nil {
		t.Error(err)
	}
	f, err := os.Open(filepath.Join(dir, journal.FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if r, err := journal.Verify(t.Context(), f, ""); err != nil || r.First != 4 || r.Last != 5 {
		t.Errorf("new file: report %+v, error %v", r, err)
	}
	rotated, err := os.ReadFile(filepath.Join(dir, "journal.000001.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "journal.000001.ndjson"), rotated[:len(rotated)-len("junk\n")], 0o600); err != nil {
		t.Fatal(err)
	}
	if r, err := journal.VerifyDir(t.Context(), dir, ""); err != nil || r.Files != 2 || r.Lines != 5 {
		t.Errorf("without the damage: %+v, %v", r, err)
	}
}

// A journal that keeps nothing takes nothing.
func TestNotAFile(t *testing.T) {
	if _, err := os.Stat(os.DevNull); err != nil || os.PathSeparator != '/' {
		t.Skip("no such device here")
	}
	dir := t.TempDir()
	if err := os.Symlink(os.DevNull, filepath.Join(dir, journal.FileName)); err != nil {
		t.Fatal(err)
	}
	j := open(t, dir, journal.Options{})
	if _, err := j.Append(t.Context(), journal.Line{Action: "run"}); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("%v", err)
	}
}

// A file whose last line is damaged is evidence: it is kept, and the journal
// goes on in the next file.
func TestDamagedLastLine(t *testing.T) {
	for _, tail := range []string{"{\"seq\":4}\n", strings.Repeat("x", 3*journal.MaxLine) + "\n", "junk\nhalf"} {
		dir, text, head := small(t, 3)
		damaged := string(text) + tail
		if err := os.WriteFile(filepath.Join(dir, journal.FileName), []byte(damaged), 0o600); err != nil {
			t.Fatal(err)
		}
		j := open(t, dir, journal.Options{})
		if l := add(t, j, "after"); l.Seq != 5 {
			t.Errorf("seq %d, want 5: the note is 4", l.Seq)
		}
		b, err := os.ReadFile(filepath.Join(dir, "journal.000001.ndjson"))
		if err != nil || string(b) != damaged {
			t.Errorf("the damaged file has %d bytes, want %d, error %v", len(b), len(damaged), err)
		}
		f, err := os.Open(filepath.Join(dir, journal.FileName))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if r, err := journal.Verify(t.Context(), f, ""); err != nil || r.First != 4 || r.Repairs != 1 {
			t.Errorf("new file: report %+v, error %v", r, err)
		}
		_, err = journal.VerifyDir(t.Context(), dir, head)
		if be, ok := errors.AsType[*journal.BrokenError](err); !ok || be.Line != 4 || filepath.Base(be.File) != "journal.000001.ndjson" {
			t.Errorf("whole directory: %v", err)
		}
	}
}
