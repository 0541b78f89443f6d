package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// What systems do that cannot rename with a condition, or swap: on this one it
// is reached on few filesystems.
func TestWithoutRenameat2(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	write := func(path, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := func(path, text string) {
		t.Helper()
		if b, err := os.ReadFile(path); string(b) != text || err != nil && text != "" {
			t.Errorf("%s is %q, %v, want %q", filepath.Base(path), b, err, text)
		}
	}

	write(at("new"), "new")
	if err := linkNoReplace(at("new"), at("name")); err != nil {
		t.Fatal(err)
	}
	want(at("name"), "new")
	want(at("new"), "")
	write(at("newer"), "newer")
	if err := linkNoReplace(at("newer"), at("name")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a name that is taken: %v", err)
	}
	want(at("name"), "new")
	want(at("newer"), "newer")

	write(at("a/x"), "a")
	write(at("b/x"), "b")
	if err := exchangeByRename(at("a"), at("b")); err != nil {
		t.Fatal(err)
	}
	want(at("a/x"), "b")
	want(at("b/x"), "a")
	if err := exchangeByRename(at("none"), at("b")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing to put there: %v", err)
	}
	want(at("b/x"), "a") // put back
	if err := exchangeByRename(at("a"), at("none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing to take away: %v", err)
	}
	want(at("a/x"), "b")
	// What stands where the old one is put meanwhile is somebody else's.
	write(at("b.old/x"), "mine")
	if err := exchangeByRename(at("a"), at("b")); err == nil {
		t.Error("a directory that is in the way was replaced")
	}
	want(at("a/x"), "b")
	want(at("b/x"), "a")
	want(at("b.old/x"), "mine")
}
