//go:build unix

package store_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"lander/lib/store"
)

// A disk with little room takes what fits; one that is full fails each change
// with its reason, loses nothing, and goes on when there is room again. The
// file size limit of a process is the disk.
func TestNearlyFullDisk(t *testing.T) {
	if dir := os.Getenv("LANDER_TEST_FULL"); dir != "" {
		nearlyFull(t, dir)
		return
	}
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^TestNearlyFullDisk$", "-test.v")
	cmd.Env = append(os.Environ(), "LANDER_TEST_FULL="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "the disk was full") {
		t.Fatalf("child: %v\n%s", err, out)
	}
	s, err := store.OpenFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	n := 0
	for _, err := range s.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 2 {
		t.Errorf("%d records, want that from before and that from after", n)
	}
}

func nearlyFull(t *testing.T, dir string) {
	s, err := store.OpenFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	st, err := os.Stat(filepath.Join(dir, "store.log"))
	if err != nil {
		t.Fatal(err)
	}
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: uint64(st.Size()) + 1000, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(t.Context(), "small", make([]byte, 500), 0); err != nil {
		t.Errorf("there is room: %v", err)
	}
	for range 2 {
		if _, err := s.Put(t.Context(), "large", make([]byte, 2000), 0); !errors.Is(err, syscall.EFBIG) {
			t.Errorf("error %v, want EFBIG", err)
		}
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(t.Context(), "after", make([]byte, 2000), 0); err != nil {
		t.Error(err)
	}
	t.Log("the disk was full")
}
