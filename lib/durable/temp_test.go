package durable

import (
	"os"
	"path/filepath"
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
