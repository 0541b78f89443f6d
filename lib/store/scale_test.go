package store

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// fill writes n devices with two records each past the fsyncs of Put.
func fill(t testing.TB, root string, n int) {
	t.Helper()
	for i := range n {
		for _, key := range []string{fmt.Sprintf("devices/%08d", i), fmt.Sprintf("devices/%08d/queue/1", i)} {
			path := recordPath(root, key)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, appendRecord(nil, Entry{Key: key, Value: []byte(key), Rev: 1}), 0o600); err != nil {
				t.Fatal(err)
			}
		}
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
	n := 300
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
	// No directory has more than its share.
	buckets, err := os.ReadDir(filepath.Join(root, "c-devices"))
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range buckets {
		es, err := os.ReadDir(filepath.Join(root, "c-devices", b.Name()))
		if err != nil || len(es) > 10*2*n/256 {
			t.Errorf("bucket %s has %d files, %v", b.Name(), len(es), err)
		}
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
