//go:build unix

package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"lander/lib/durable/durabletest"
	"lander/lib/store"
)

// A disk with little room takes what fits; one that is full fails each change
// with its reason, loses nothing, and goes on when there is room again.
func TestNearlyFullDisk(t *testing.T) {
	dir := t.TempDir()
	if durabletest.Apart(t, dir, func(dir string) { nearlyFull(t, dir) }) {
		return
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
	room := durabletest.Fill(t, st.Size()+1000)
	if _, err := s.Put(t.Context(), "small", make([]byte, 500), 0); err != nil {
		t.Errorf("there is room: %v", err)
	}
	for range 2 {
		if _, err := s.Put(t.Context(), "large", make([]byte, 2000), 0); !errors.Is(err, syscall.EFBIG) {
			t.Errorf("error %v, want EFBIG", err)
		}
	}
	room()
	if _, err := s.Put(t.Context(), "after", make([]byte, 2000), 0); err != nil {
		t.Error(err)
	}
}
