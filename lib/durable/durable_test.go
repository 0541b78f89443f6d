package durable_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lander/lib/durable"
)

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func entries(t *testing.T, dir string) int {
	t.Helper()
	es, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(es)
}

func TestWriteFileReplaces(t *testing.T) {
	dir := t.TempDir()
	p := filepath.Join(dir, "a")
	for _, want := range []string{"one", "two"} {
		if err := durable.WriteFile(p, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := read(t, p); got != want {
			t.Errorf("content %q, want %q", got, want)
		}
	}
	if n := entries(t, dir); n != 1 {
		t.Errorf("%d entries, want only the file", n)
	}
}

func TestNoReplaceKeepsTheOldAndLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	p := filepath.Join(dir, "a")
	if err := durable.WriteFile(p, []byte("old"), 0o600, durable.NoReplace); err != nil {
		t.Fatal(err)
	}
	err := durable.WriteFile(p, []byte("new"), 0o600, durable.NoReplace, durable.NoSync)
	if !errors.Is(err, fs.ErrExist) {
		t.Errorf("error %v, want ErrExist", err)
	}
	if got := read(t, p); got != "old" {
		t.Errorf("content %q, want old", got)
	}
	if n := entries(t, dir); n != 1 {
		t.Errorf("%d entries, want only the file", n)
	}
}

func TestAbortLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	f, err := durable.Create(filepath.Join(dir, "a"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString("half")
	f.Abort()
	f.Abort()
	if n := entries(t, dir); n != 0 {
		t.Errorf("%d entries left", n)
	}
}

func TestExchangeDirectories(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	for _, d := range []string{a, b} {
		if err := durable.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(d, "name"), []byte(filepath.Base(d)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := durable.Exchange(a, b); err != nil {
		t.Fatal(err)
	}
	if got := read(t, filepath.Join(a, "name")) + read(t, filepath.Join(b, "name")); got != "ba" {
		t.Errorf("after the exchange %q, want ba", got)
	}
}

func TestTryLock(t *testing.T) {
	p := filepath.Join(t.TempDir(), "lock")
	l, err := durable.Acquire(p)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := durable.TryLock(p); !errors.Is(err, durable.ErrLocked) {
		t.Errorf("second holder: %v, want ErrLocked", err)
	}
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
	l, err = durable.TryLock(p)
	if err != nil {
		t.Fatal(err)
	}
	l.Release()
}

// What cannot be created is told by its own name, not by the temporary one.
func TestCreateNames(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none", "file")
	err := durable.WriteFile(path, nil, 0o600)
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), path+":") {
		t.Errorf("%v", err)
	}
}
