//go:build unix

// Package durabletest is for tests of what a full disk does. The file size
// limit of a process is the disk: it needs no rights and no file system of its
// own.
package durabletest

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Fill lets no file of this process grow beyond size bytes until room is
// called, or the test ends: writes fail with EFBIG.
func Fill(t testing.TB, size int64) (room func()) {
	t.Helper()
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: uint64(size), Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	room = func() {
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &old); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(room)
	return room
}

// dirVariable tells the process of Apart which directory it has.
const dirVariable = "LANDER_TEST_FULL"

// Apart runs a test's part that fills the disk in a process of its own, where
// it is in nobody's way: this test begins anew there, and f is called with dir.
// In that process it reports true, and the test is to return.
func Apart(t *testing.T, dir string, f func(dir string)) (there bool) {
	t.Helper()
	const end = "the disk was full"
	if dir := os.Getenv(dirVariable); dir != "" {
		f(dir)
		t.Log(end)
		return true
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), dirVariable+"="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), end) {
		t.Fatalf("apart: %v\n%s", err, out)
	}
	return false
}
