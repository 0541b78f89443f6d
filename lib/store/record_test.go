package store

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

func TestRecord(t *testing.T) {
	// Check value of CRC-32C: e3069283 for "123456789".
	e := Entry{Key: "a/b", Value: []byte("123456789"), Rev: 42}
	want := "lander-record 1 42 9 e3069283 a/b\n123456789"
	if got := appendRecord(nil, e); string(got) != want {
		t.Errorf("record %q, want %q", got, want)
	}
	tests := []struct{ record, err string }{
		{want, ""},
		{"lander-record 1 1 0 00000000 a\n", ""},
		{"", "no first line"},
		{"lander-record 1 42 9 e3069283 a/b", "no first line"},
		{"lander-record 2 42 9 e3069283 a/b\n123456789", "does not begin"},
		{"lander-record 1 42 9 e3069283\n123456789", "does not begin"},
		{"lander-record 1 0 9 e3069283 a/b\n123456789", "malformed"},
		{"lander-record 1 -1 9 e3069283 a/b\n123456789", "malformed"},
		{"lander-record 1 42 9 e3069283 a/../b\n123456789", "malformed"},
		{"lander-record 1 42 1048577 e3069283 a/b\n123456789", "malformed"},
		{"lander-record 1 42 8 e3069283 a/b\n123456789", "9 bytes in place of 8"},
		{"lander-record 1 42 9 e3069283 a/b\n12345678", "8 bytes in place of 9"},
		{"lander-record 1 42 9 e3069283 a/b\n123456780", "checksum"},
	}
	for _, tt := range tests {
		e, err := parseRecord([]byte(tt.record))
		if tt.err == "" {
			if err != nil || string(appendRecord(nil, e)) != tt.record {
				t.Errorf("%q: %+v, %v", tt.record, e, err)
			}
			continue
		}
		if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), tt.err) || e.Key != "" || e.Value != nil || e.Rev != 0 {
			t.Errorf("%q: %+v, %v, want %q", tt.record, e, err, tt.err)
		}
	}
}

func FuzzRecord(f *testing.F) {
	f.Add([]byte("lander-record 1 42 9 e3069283 a/b\n123456789"))
	f.Add([]byte("lander-record 1 +1 0 0 a\n"))
	f.Add([]byte("lander-record 1 007 00 00000000 a\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := parseRecord(b)
		if err != nil {
			if !errors.Is(err, ErrDamaged) || e.Key != "" || e.Value != nil {
				t.Fatalf("%+v beside %v", e, err)
			}
			return
		}
		canon := appendRecord(nil, e)
		again, err := parseRecord(canon)
		if err != nil || again.Key != e.Key || again.Rev != e.Rev || !bytes.Equal(again.Value, e.Value) {
			t.Fatalf("canonical form reads as %+v, %v", again, err)
		}
	})
}

// Every key's path leads back to it, and no two keys share one even where
// case is not told apart.
func FuzzPath(f *testing.F) {
	for _, k := range []string{"a", "A/b", "a/B=c.d", "=/==", strings.Repeat("Q", 200) + "/x", "a/" + strings.Repeat("Q", 200)} {
		f.Add(k, strings.ToLower(k))
	}
	f.Fuzz(func(t *testing.T, key, other string) {
		if CheckKey(key) != nil {
			return
		}
		p := recordPath("root", key)
		dir, name := filepath.Split(p)
		collection, bucket := filepath.Split(filepath.Clean(dir))
		collection = filepath.Base(collection)
		if len(bucket) != 2 || len(name) > maxName || len(collection) > maxName || strings.ToLower(p) != p || strings.Count(p, string(filepath.Separator)) != 3 {
			t.Fatalf("path %q", p)
		}
		if back, ok := keyOf(collection, name); ok && back != key {
			t.Fatalf("path %q of %q leads to %q", p, key, back)
		} else if !ok && !strings.HasPrefix(name, "h-") && !strings.HasPrefix(collection, "h-") {
			t.Fatalf("path %q of %q does not lead back", p, key)
		}
		if CheckKey(other) == nil && other != key && recordPath("root", other) == p {
			t.Fatalf("%q and %q share %q", key, other, p)
		}
	})
}
