package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"lander/lib/durable"
)

func openLogged(t testing.TB, dir string) *Logged {
	t.Helper()
	s, err := OpenLogged(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestLoggedSurvives(t *testing.T) {
	dir := t.TempDir()
	s := openLogged(t, dir)
	ctx := context.Background()
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			rev := Revision(0)
			for i := range 20 {
				next, err := s.Put(ctx, fmt.Sprintf("k/%d", g), fmt.Append(nil, i), rev)
				if err != nil {
					t.Error(err)
					return
				}
				rev = next
			}
			if g%2 == 1 {
				if err := s.Delete(ctx, fmt.Sprintf("k/%d", g), rev); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if _, err := OpenLogged(dir); !errors.Is(err, ErrInUse) {
		t.Errorf("opened twice: %v", err)
	}
	last := s.mem.last
	s.Close()
	s = openLogged(t, dir)
	for g := range 8 {
		e, err := s.Get(ctx, fmt.Sprintf("k/%d", g))
		if g%2 == 1 {
			if !errors.Is(err, ErrNotFound) {
				t.Errorf("key %d: %v", g, err)
			}
		} else if err != nil || string(e.Value) != "19" {
			t.Errorf("key %d: %q, %v", g, e.Value, err)
		}
	}
	if rev, err := s.Put(ctx, "new", nil, 0); err != nil || rev <= last {
		t.Errorf("revision %d after %d, %v", rev, last, err)
	}
}

// A torn end is cut off, and what stands before it holds.
func TestLoggedTornEnd(t *testing.T) {
	dir := t.TempDir()
	s := openLogged(t, dir)
	if _, err := s.Put(context.Background(), "a", []byte("x"), 0); err != nil {
		t.Fatal(err)
	}
	s.Close()
	path := filepath.Join(dir, loggedName)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	torn := appendChange(bytes.Clone(whole), Entry{Key: "b", Value: []byte("y"), Rev: 9}, false)
	for cut := len(whole); cut < len(torn); cut++ {
		if err := os.WriteFile(path, torn[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		s := openLogged(t, dir)
		if _, err := s.Get(context.Background(), "a"); err != nil {
			t.Errorf("cut at %d: %v", cut, err)
		}
		if _, err := s.Get(context.Background(), "b"); !errors.Is(err, ErrNotFound) {
			t.Errorf("cut at %d: a torn record counts: %v", cut, err)
		}
		s.Close()
	}
}

// The log is written anew before it grows without bound.
func TestLoggedCompacts(t *testing.T) {
	dir := t.TempDir()
	s := openLogged(t, dir)
	rev, value := Revision(0), make([]byte, 40<<10)
	for range 60 {
		next, err := s.Put(context.Background(), "a", value, rev)
		if err != nil {
			t.Fatal(err)
		}
		rev = next
	}
	st, err := os.Stat(filepath.Join(dir, loggedName))
	if err != nil || st.Size() > 3*durable.LogSlack+5*64<<10 {
		t.Errorf("%d bytes after 60 puts, %v", st.Size(), err)
	}
	s.Close()
	s = openLogged(t, dir)
	if e, err := s.Get(context.Background(), "a"); err != nil || e.Rev != rev || len(e.Value) != len(value) {
		t.Errorf("revision %d, %d bytes, %v", e.Rev, len(e.Value), err)
	}
}

func FuzzParseChange(f *testing.F) {
	f.Add([]byte("put a/b 7 aGVsbG8="))
	f.Add([]byte("del a 1"))
	f.Fuzz(func(t *testing.T, rec []byte) {
		e, del, err := parseChange(rec)
		if err != nil {
			if e.Key != "" || e.Rev != 0 || e.Value != nil || del {
				t.Errorf("an error and %+v", e)
			}
			return
		}
		line := appendChange(nil, e, del)
		if back, ok := durable.ParseRecord(line[:len(line)-1]); !ok || !bytes.Equal(back, rec) {
			t.Errorf("%q came back as %q", rec, back)
		}
	})
}

// Many writers share fsyncs: compare with one file for each record.
func BenchmarkPut(b *testing.B) {
	value := bytes.Repeat([]byte("x"), 300)
	for _, kind := range []string{"Logged", "Files"} {
		b.Run(kind, func(b *testing.B) {
			var s Store
			var err error
			if kind == "Logged" {
				s, err = OpenLogged(b.TempDir())
			} else {
				s, err = OpenFiles(b.TempDir())
			}
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			b.SetParallelism(4)
			b.ReportAllocs()
			var mu sync.Mutex
			n := 0
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					mu.Lock()
					n++
					key := fmt.Sprintf("r/%d", n%1000)
					mu.Unlock()
					e, err := s.Get(context.Background(), key)
					if err != nil && !errors.Is(err, ErrNotFound) {
						b.Error(err)
						return
					}
					if _, err := s.Put(context.Background(), key, value, e.Rev); err != nil && !errors.Is(err, ErrConflict) {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
