//go:build unix

package journal_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"lander/lib/journal"
)

// A disk that fills up in the middle of a line: one clear error, nothing half
// written, and the journal goes on when there is room again, with the note of
// what it had found before. The file size limit of a process is the disk.
func TestFullDisk(t *testing.T) {
	if dir := os.Getenv("LANDER_TEST_FULL"); dir != "" {
		fillUp(t, dir)
		return
	}
	dir, _, head := small(t, 3)
	f, err := os.OpenFile(filepath.Join(dir, journal.FileName), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString("torn")
	f.Close()
	cmd := exec.Command(os.Args[0], "-test.run=^TestFullDisk$", "-test.v")
	cmd.Env = append(os.Environ(), "LANDER_TEST_FULL="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "the disk was full") {
		t.Fatalf("child: %v\n%s", err, out)
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
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: uint64(before.Size()) + 600, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_, err = j.Append(t.Context(), journal.Line{Action: "run"})
		if !errors.Is(err, syscall.EFBIG) || err.Error() != "appending to the journal "+path+": file too large" {
			t.Errorf("error %v, want EFBIG", err)
		}
		if st, err := os.Stat(path); err != nil || st.Size() != before.Size()-int64(len("torn")) {
			t.Errorf("%d bytes after the failure, want the %d before without the torn ones, error %v", st.Size(), before.Size(), err)
		}
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	add(t, j, "after")
	t.Log("the disk was full")
}
