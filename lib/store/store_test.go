package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lander/lib/store"
	"lander/lib/store/storetest"
)

func TestMemory(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return store.NewMemory() })
}

func openFiles(t testing.TB, dir string) *store.Files {
	t.Helper()
	s, err := store.OpenFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestFiles(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return openFiles(t, filepath.Join(t.TempDir(), "deep", "store")) })
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	tests := []struct {
		address, dir string
		files        string // where a put must appear, "" for none
		err          string
	}{
		{"", filepath.Join(dir, "default"), filepath.Join(dir, "default"), ""},
		{filepath.Join(dir, "given"), filepath.Join(dir, "unused"), filepath.Join(dir, "given"), ""},
		{"memory:", filepath.Join(dir, "unused"), "", ""},
		{"", "", "", "no directory is given"},
		{"nats://", dir, "", "a server is missing"},
		{"memory:x", dir, "", `"memory"`},
		{"file:///tmp", dir, "", `"file"`},
	}
	for _, tt := range tests {
		s, err := store.Open(t.Context(), tt.address, tt.dir)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) || s != nil {
				t.Errorf("%q: %v, %v, want %q", tt.address, s, err, tt.err)
			}
			if strings.Contains(tt.address, ":") && !errors.Is(err, store.ErrScheme) {
				t.Errorf("%q: %v, want ErrScheme", tt.address, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", tt.address, err)
			continue
		}
		if _, err := s.Put(t.Context(), "k", nil, 0); err != nil {
			t.Error(err)
		}
		s.Close()
		if tt.files != "" {
			if _, err := os.Stat(filepath.Join(tt.files, "store.log")); err != nil {
				t.Errorf("%q: %v", tt.address, err)
			}
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "unused")); err == nil {
		t.Error("the default directory was made for another address")
	}
}

func TestWord(t *testing.T) {
	tests := []struct{ text, word string }{
		{"", "="},
		{"job.lua", "job.lua"},
		{"a/b", "a=2Fb"},
		{"..", "=2E=2E"},
		{".a.", "=2Ea=2E"},
		{"a..b", "a.=2Eb"},
		{"=", "=3D"},
		{"ä b\n", "=C3=A4=20b=0A"},
	}
	for _, tt := range tests {
		if got := store.Word(tt.text); got != tt.word {
			t.Errorf("word of %q is %q, want %q", tt.text, got, tt.word)
		}
		if got, err := store.Text(tt.word); err != nil || got != tt.text {
			t.Errorf("text of %q is %q, %v, want %q", tt.word, got, err, tt.text)
		}
	}
	for _, w := range []string{"", "==", "=4", "=g0", "=2e", "=41", "a b", "=+1", "a."} {
		if text, err := store.Text(w); !errors.Is(err, store.ErrKey) || text != "" {
			t.Errorf("text of %q is %q, %v, want ErrKey", w, text, err)
		}
	}
}

func FuzzWord(f *testing.F) {
	for _, s := range []string{"", "a.b", "..", "=2F", "\x00ä"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		w := store.Word(s)
		if err := store.CheckKey(w); err != nil && len(w) <= store.MaxWord {
			t.Fatalf("word %q of %q: %v", w, s, err)
		}
		if back, err := store.Text(w); err != nil || back != s {
			t.Fatalf("word %q of %q reads back as %q, %v", w, s, back, err)
		}
		if text, err := store.Text(s); err == nil && store.Word(text) != s {
			t.Fatalf("text %q of %q is written %q", text, s, store.Word(text))
		}
	})
}
