package sovd

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A script that was kept is read again as soon as its file is another one,
// also when size and time of the content are the same.
func TestReadingSeesChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.sh")
	var r reading
	get := func() string {
		t.Helper()
		b, sum, err := r.get(path, 100, os.Stat, os.Open)
		if err != nil {
			t.Fatal(err)
		}
		if sum != digest(b) {
			t.Errorf("the digest of %q is %s", b, sum)
		}
		return string(b)
	}
	old := time.Now().Add(-time.Hour)
	for _, text := range []string{"echo 1", "echo 2", "echo 3"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, old, old); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if got := get(); got != text {
				t.Fatalf("got %q instead of %q", got, text)
			}
		}
		// As if it were older: what is kept is used.
		if st, err := os.Stat(path); err == nil {
			if id, ok := identify(st); ok {
				r.mu.Lock()
				r.kept = map[string]readFile{path: {id, []byte(text), digest([]byte(text))}}
				r.mu.Unlock()
			}
		}
		if got := get(); got != text {
			t.Fatalf("kept %q instead of %q", got, text)
		}
	}
	if _, _, err := r.get(path, 3, os.Stat, os.Open); err == nil {
		t.Error("a script over the limit was given")
	}
	if _, _, err := r.get(t.TempDir(), 100, os.Stat, os.Open); err == nil {
		t.Error("a directory was given")
	}
}
