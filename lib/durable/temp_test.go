package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

func names(t *testing.T, dir string) string {
	t.Helper()
	es, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range es {
		out = append(out, e.Name())
	}
	return strings.Join(out, " ")
}

// What a writer that was killed left is cleared by the next one.
func TestLeftBehind(t *testing.T) {
	for _, base := range []string{"name", strings.Repeat("n", 255)} {
		dir := t.TempDir()
		path := filepath.Join(dir, base)
		f, err := Create(path, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		f.WriteString("half")
		f.Close() // as a kill does: the file stays, the lock goes
		if err := WriteFile(path, []byte("whole"), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := names(t, dir); got != base {
			t.Errorf("there are %s", got)
		}
		if b, err := os.ReadFile(path); err != nil || string(b) != "whole" {
			t.Errorf("%q, %v", b, err)
		}
	}
}

// What somebody is writing is not, and each writer's end clears its own.
func TestTwoWriters(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "name")
	f, err := Create(path, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString("first")
	if err := WriteFile(path, []byte("second"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "first" {
		t.Errorf("%q, %v", b, err)
	}
	if got := names(t, dir); got != "name" {
		t.Errorf("there are %s", got)
	}
}

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
		if runtime.GOOS == "windows" {
			t.Skip("what is open is not renamed here")
		}
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
		t.Skip(err)
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

// Many write one file at once: one of them wins each time, none fails and
// none leaves anything.
func TestManyWriters(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "name")
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			text := strings.Repeat(string(rune('a'+i)), 1000)
			for range 50 {
				if err := WriteFile(path, []byte(text), 0o600, NoSync); err != nil {
					t.Error(err)
				}
				if f, err := Create(path, 0o600); err != nil {
					t.Error(err)
				} else {
					f.Abort()
				}
				if b, err := os.ReadFile(path); err != nil || len(b) != 1000 || strings.Trim(string(b), string(b[:1])) != "" {
					t.Errorf("%.10q..., %v", b, err)
				}
			}
		})
	}
	wg.Wait()
	if got := names(t, dir); got != "name" {
		t.Errorf("there are %s", got)
	}
}

// A directory that cannot be synced is found out before anything has a name
// there.
func TestUnreadableDirectory(t *testing.T) {
	if os.Getuid() <= 0 {
		t.Skip("the system lets this user read every directory")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o300); err != nil {
		t.Fatal(err)
	}
	err := WriteFile(filepath.Join(dir, "name"), nil, 0o600, NoReplace)
	os.Chmod(dir, 0o700)
	if !errors.Is(err, fs.ErrPermission) {
		t.Errorf("%v", err)
	}
	if got := names(t, dir); got != "" {
		t.Errorf("there are %s", got)
	}
}
