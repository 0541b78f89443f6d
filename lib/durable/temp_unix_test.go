//go:build unix

package durable

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// Who saw a writer's file before it had its final name does not take the next
// writer's for it.
func TestLateLook(t *testing.T) {
	path := filepath.Join(t.TempDir(), "name")
	first, err := Create(path, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	late, err := os.OpenFile(first.Name(), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer late.Close()
	if err := first.Commit(); err != nil {
		t.Fatal(err)
	}
	next, err := Create(path, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if clearOpen(late) {
		t.Error("the next writer's file is gone")
	}
	next.WriteString("next")
	if err := next.Commit(); err != nil {
		t.Error(err)
	}
}

// What stands at the temporary name and is no file of a writer stays there.
func TestTemporaryNameTaken(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "name")
	victim := filepath.Join(t.TempDir(), "victim")
	if err := os.WriteFile(victim, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, tempName(path, 0)); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(tempName(path, 1), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(path, []byte("whole"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir); got != ".lander-name-1.tmp .lander-name.tmp name" {
		t.Errorf("there are %s", got)
	}
	if b, err := os.ReadFile(victim); err != nil || string(b) != "mine" {
		t.Errorf("%q, %v", b, err)
	}
}

// A directory that cannot be synced is found out before anything has a name
// there. What it lacks is a descriptor.
func TestDirectoryIsNotOpened(t *testing.T) {
	dir := t.TempDir()
	f, err := Create(filepath.Join(dir, "name"), 0o600, NoReplace)
	if err != nil {
		t.Fatal(err)
	}
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	err = f.Commit()
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(err, unix.EMFILE) {
		t.Errorf("%v, want EMFILE", err)
	}
	if got := names(t, dir); got != "" {
		t.Errorf("there are %s", got)
	}
}
