//go:build unix

package journal_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"lander/lib/durable/durabletest"
	"lander/lib/journal"
)

// A disk that fills up in the middle of a line: one clear error, nothing half
// written, and the journal goes on when there is room again, with the note of
// what it had found before.
func TestFullDisk(t *testing.T) {
	dir, _, head := small(t, 3)
	f, err := os.OpenFile(filepath.Join(dir, journal.FileName), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString("torn")
	f.Close()
	if durabletest.Apart(t, dir, func(dir string) { fillUp(t, dir) }) {
		return
	}
	if r := verify(t, dir, head); r.Lines != 5 || r.Repairs != 1 {
		t.Errorf("report %+v", r)
	}
}

func fillUp(t *testing.T, dir string) {
	j := open(t, dir, journal.Options{})
	path := filepath.Join(dir, journal.FileName)
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	room := durabletest.Fill(t, before.Size()+600)
	for range 2 {
		_, err = j.Append(t.Context(), journal.Line{Action: "run"})
		if !errors.Is(err, syscall.EFBIG) || err.Error() != "appending to the journal "+path+": file too large" {
			t.Errorf("error %v, want EFBIG", err)
		}
		if st, err := os.Stat(path); err != nil || st.Size() != before.Size()-int64(len("torn")) {
			t.Errorf("%d bytes after the failure, want the %d before without the torn ones, error %v", st.Size(), before.Size(), err)
		}
	}
	room()
	add(t, j, "after")
}
