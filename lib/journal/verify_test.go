package journal_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lander/lib/journal"
)

// small makes a journal of n lines and returns its directory, its bytes and
// its head.
func small(t testing.TB, n int) (dir string, text []byte, head string) {
	t.Helper()
	dir = t.TempDir()
	j := open(t, dir, journal.Options{})
	for i := range n {
		head = add(t, j, fmt.Sprint(i)).Hash
	}
	j.Close()
	text, err := os.ReadFile(filepath.Join(dir, journal.FileName))
	if err != nil {
		t.Fatal(err)
	}
	return dir, text, head
}

func TestEveryAlteredByteIsFound(t *testing.T) {
	_, text, head := small(t, 3)
	if _, err := journal.Verify(t.Context(), bytes.NewReader(text), head); err != nil {
		t.Fatal(err)
	}
	broken := func(what string, text []byte) {
		t.Helper()
		_, err := journal.Verify(t.Context(), bytes.NewReader(text), head)
		if _, ok := errors.AsType[*journal.BrokenError](err); !ok {
			t.Errorf("%s: error %v", what, err)
		}
	}
	for i := range text {
		for _, flip := range []byte{1, 0x20, 0x80} {
			b := bytes.Clone(text)
			b[i] ^= flip
			broken(fmt.Sprintf("byte %d flipped by %#x", i, flip), b)
		}
		broken(fmt.Sprintf("byte %d dropped", i), append(bytes.Clone(text[:i]), text[i+1:]...))
		broken(fmt.Sprintf("cut at byte %d", i), text[:i])
		broken(fmt.Sprintf("byte %d doubled", i), append(bytes.Clone(text[:i+1]), text[i:]...))
	}
}

func TestVerifyNamesTheLine(t *testing.T) {
	_, text, head := small(t, 4)
	ls := bytes.SplitAfter(text, []byte("\n"))[:4]
	join := func(ls ...[]byte) string { return string(bytes.Join(ls, nil)) }
	other := journal.AppendLine(nil, journal.Line{Seq: 5, Prev: head, Action: "run"})
	tests := []struct {
		name, text, head string
		line             int
		why              string
	}{
		{"changed", strings.Replace(join(ls...), `"name":"2"`, `"name":"9"`, 1), head, 3, "hash does not fit"},
		{"dropped", join(ls[0], ls[2], ls[3]), head, 2, "does not follow"},
		{"swapped", join(ls[0], ls[2], ls[1], ls[3]), head, 2, "does not follow"},
		{"doubled", join(ls[0], ls[1], ls[1], ls[2], ls[3]), head, 3, "does not follow"},
		{"empty line", join(ls[0], []byte("\n"), ls[1]), head, 2, "does not end in a hash"},
		{"cut off", join(ls[0], ls[1]), head, 0, "no line has the hash"},
		{"another head", join(ls...) + string(other), strings.Repeat("0", 63) + "1", 0, "no line has the hash"},
		{"wrong seq", join(ls...) + string(journal.AppendLine(nil, journal.Line{Seq: 6, Prev: head, Action: "run"})), head, 5, "seq 6 follows seq 4"},
		{"first with a past", string(journal.AppendLine(nil, journal.Line{Seq: 1, Prev: head, Action: "run"})), "", 1, "has a line before it"},
		{"long line", join(ls[0]) + strings.Repeat("x", journal.MaxLine) + "\n", "", 2, "longer than"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := journal.Verify(t.Context(), strings.NewReader(tt.text), tt.head)
			be, ok := errors.AsType[*journal.BrokenError](err)
			if !ok || be.Line != tt.line || !strings.Contains(be.Why, tt.why) {
				t.Errorf("error %v, want line %d: %s", err, tt.line, tt.why)
			}
		})
	}
}

func TestVerifyAcceptsGrowthAndTornTails(t *testing.T) {
	dir, text, head := small(t, 3)
	j := open(t, dir, journal.Options{})
	add(t, j, "later")
	if r := verify(t, dir, head); r.HeadSeq != 3 || r.Last != 4 {
		t.Errorf("report %+v", r)
	}
	for _, torn := range []string{"x", strings.Repeat("y", 3*journal.MaxLine)} {
		r, err := journal.Verify(t.Context(), strings.NewReader(string(text)+torn), head)
		if err != nil || r.Lines != 3 || r.Torn != int64(len(torn)) {
			t.Errorf("report %+v, error %v", r, err)
		}
	}
	if r, err := journal.Verify(t.Context(), bytes.NewReader(nil), ""); err != nil || r.Lines != 0 {
		t.Errorf("empty: report %+v, error %v", r, err)
	}
	if _, err := journal.VerifyDir(t.Context(), filepath.Join(dir, "nowhere"), ""); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
	if _, err := journal.VerifyDir(t.Context(), t.TempDir(), ""); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no journal: %v", err)
	}
}

// Without a head from elsewhere the one beside the journal is compared.
func TestVerifyDirReadsTheHead(t *testing.T) {
	dir, text, _ := small(t, 3)
	ls := bytes.SplitAfter(text, []byte("\n"))
	if err := os.WriteFile(filepath.Join(dir, journal.FileName), bytes.Join(ls[:2], nil), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := journal.VerifyDir(t.Context(), dir, "")
	if be, ok := errors.AsType[*journal.BrokenError](err); !ok || !strings.Contains(be.Why, "journal.head says seq 3") {
		t.Errorf("error %v", err)
	}
	// The next append says so for good.
	j := open(t, dir, journal.Options{})
	if l := add(t, j, "after"); l.Seq != 4 {
		t.Errorf("seq %d, want 4: the note is 3", l.Seq)
	}
	if r := verify(t, dir, ""); r.Repairs != 1 || r.Lines != 4 {
		t.Errorf("report %+v", r)
	}
	// And a journal that is gone altogether does not begin again at 1.
	if err := os.Remove(filepath.Join(dir, journal.FileName)); err != nil {
		t.Fatal(err)
	}
	if l := add(t, j, "after"); l.Seq != 6 {
		t.Errorf("seq %d, want 6", l.Seq)
	}
}

func FuzzVerify(f *testing.F) {
	_, text, head := small(f, 3)
	f.Add(text, head)
	f.Add(text[:len(text)-9], "")
	f.Add([]byte("\n\n"), "")
	f.Fuzz(func(t *testing.T, b []byte, head string) {
		r, err := journal.Verify(t.Context(), bytes.NewReader(b), head)
		if err != nil {
			if _, ok := errors.AsType[*journal.BrokenError](err); !ok {
				t.Fatalf("error %v is no BrokenError", err)
			}
			return
		}
		if n := uint64(bytes.Count(b, []byte("\n"))); r.Lines != n {
			t.Fatalf("%d lines in the chain, %d in the text", r.Lines, n)
		}
		if head != "" && r.HeadSeq == 0 {
			t.Fatal("a head that was not met")
		}
	})
}
