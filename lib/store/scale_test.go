package store

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

// fill writes n devices with two records each, past the fsyncs of Put.
func fill(t testing.TB, root string, n int) {
	t.Helper()
	b := []byte(logHead)
	for i := range n {
		for k, key := range []string{fmt.Sprintf("devices/%08d", i), fmt.Sprintf("devices/%08d/queue/1", i)} {
			b = appendRecord(b, record{kindPut, Entry{Key: key, Value: []byte(key), Rev: Revision(2*i + k + 1)}})
		}
	}
	if err := os.WriteFile(filepath.Join(root, logName), b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func countEntries(t testing.TB, s Store, prefix string) int {
	t.Helper()
	n, last := 0, ""
	for e, err := range s.List(t.Context(), prefix) {
		if err != nil || string(e.Value) != e.Key || e.Key <= last {
			t.Fatalf("%q: %+v, %v after %q", prefix, e, err, last)
		}
		n, last = n+1, e.Key
	}
	return n
}

func TestManyKeys(t *testing.T) {
	n := 3000
	if os.Getenv("LANDER_LONG") == "1" {
		n = 50_000
	}
	root := t.TempDir()
	fill(t, root, n)
	s, err := OpenFiles(root)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got := countEntries(t, s, "devices"); got != 2*n {
		t.Errorf("%d entries, want %d", got, 2*n)
	}
	if got := countEntries(t, s, "devices/00000007"); got != 2 {
		t.Errorf("%d entries of one device, want 2", got)
	}
}

// BenchmarkOpen starts with 100,000 keys.
func BenchmarkOpen(b *testing.B) {
	root := b.TempDir()
	fill(b, root, 50_000)
	for b.Loop() {
		s, err := OpenFiles(root)
		if err != nil {
			b.Fatal(err)
		}
		s.Close()
	}
}

// BenchmarkList is over 100,000 keys: all of them, and those of one device.
func BenchmarkList(b *testing.B) {
	root := b.TempDir()
	fill(b, root, 50_000)
	s, err := OpenFiles(root)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	for _, prefix := range []string{"", "devices/00000007"} {
		b.Run("of "+prefix, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				countEntries(b, s, prefix)
			}
		})
	}
}

// BenchmarkWriters compares durable puts of 200 bytes, by one writer and by
// 32, with one append and one fsync after the other, in turn.
func BenchmarkWriters(b *testing.B) {
	value := make([]byte, 200)
	for _, writers := range []int{1, 32} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			s, err := OpenFiles(b.TempDir())
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			var wg sync.WaitGroup
			var n atomic.Int64
			b.ResetTimer()
			for range writers {
				wg.Go(func() {
					for i := n.Add(1); i <= int64(b.N); i = n.Add(1) {
						if _, err := s.Put(b.Context(), fmt.Sprintf("cmd/%d", i), value, 0); err != nil {
							b.Error(err)
						}
					}
				})
			}
			wg.Wait()
		})
	}
	b.Run("raw", func(b *testing.B) {
		f, err := os.Create(filepath.Join(b.TempDir(), "raw"))
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		for b.Loop() {
			if _, err := f.Write(value); err != nil {
				b.Fatal(err)
			}
			if err := f.Sync(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
