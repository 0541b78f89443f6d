package fleet

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// tight is a disk with room for half of a line, once.
type tight struct {
	f    *os.File
	full bool
}

func (d *tight) Write(b []byte) (int, error) {
	if d.full {
		return d.f.Write(b)
	}
	d.full = true
	n, err := d.f.Write(b[:len(b)/2])
	return n, errors.Join(errors.New("no space left on device"), err)
}

// What was not written, or may not last, is an error, and nothing but that:
// the next record is written, and no half of a line stays.
func TestSinkOnBadDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := NewSink(f)
	bad := errors.New("input/output error")
	s.sync = func() error { return bad }
	if err := s.Write(Record{Device: "lost"}); !errors.Is(err, bad) {
		t.Errorf("no sync: %v", err)
	}
	s.sync = f.Sync
	if err := s.Write(Record{Device: "one"}); err != nil {
		t.Errorf("after it: %v", err)
	}
	s.w = &tight{f: f}
	if err := s.Write(Record{Device: "half"}); err == nil {
		t.Error("half a line is written")
	}
	if err := s.Write(Record{Device: "two"}); err != nil {
		t.Errorf("after it: %v", err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Count(b, []byte("\n")) != 3 || bytes.Contains(b, []byte("half")) || bytes.Count(b, []byte("time")) != 3 {
		t.Errorf("there is %q", b)
	}
}
