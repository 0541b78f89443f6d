package store

import (
	"bytes"
	"encoding/hex"
	"testing"
)

func TestRecord(t *testing.T) {
	put := record{kindPut, Entry{Key: "a/b", Value: []byte("123456789"), Rev: 300}}
	tests := []struct {
		r   record
		hex string
	}{
		{put, "a550" + "0f000000" + "79d22c10" + "ac02" + "03" + "612f62" + "313233343536373839"},
		{record{kindDelete, Entry{Key: "k", Rev: 1}}, "a544" + "03000000" + "ddbc9c41" + "01" + "01" + "6b"},
		{record{kindLast, Entry{Rev: 127}}, "a54c" + "01000000" + "8c0f479c" + "7f"},
	}
	for _, tt := range tests {
		b := appendRecord([]byte("x"), tt.r)[1:]
		if got := hex.EncodeToString(b); got != tt.hex {
			t.Errorf("%c: %s, want %s", tt.r.kind, got, tt.hex)
		}
		r, rest, ok := parseRecord(append(b, 1, 2))
		if !ok || r.kind != tt.r.kind || r.Key != tt.r.Key || r.Rev != tt.r.Rev || !bytes.Equal(r.Value, tt.r.Value) || len(rest) != 2 {
			t.Errorf("%c reads as %+v, %d left, %v", tt.r.kind, r, len(rest), ok)
		}
		// Any other byte is no record, and neither is a part of one.
		for i := range b {
			for bit := range 8 {
				c := bytes.Clone(b)
				c[i] ^= 1 << bit
				if r, _, ok := parseRecord(c); ok {
					t.Errorf("%c with bit %d of byte %d changed reads as %+v", tt.r.kind, bit, i, r)
				}
			}
			if _, _, ok := parseRecord(b[:i]); ok {
				t.Errorf("%c cut at %d is whole", tt.r.kind, i)
			}
		}
	}
	for _, bad := range []record{
		{kindPut, Entry{Key: "", Rev: 1}}, {kindPut, Entry{Key: "a/../b", Rev: 1}}, {kindPut, Entry{Key: "a"}},
		{kindDelete, Entry{Key: "a"}}, {kindPut, Entry{Key: "a", Rev: 1 << 53}}, {'X', Entry{Key: "a", Rev: 1}},
		{kindPut, Entry{Key: "a", Rev: 1, Value: make([]byte, MaxValue+1)}},
	} {
		if r, _, ok := parseRecord(appendRecord(nil, bad)); ok {
			t.Errorf("%c %q %d reads as %+v", bad.kind, bad.Key, bad.Rev, r)
		}
	}
}

func FuzzRecord(f *testing.F) {
	f.Add(appendRecord(nil, record{kindPut, Entry{Key: "a/b", Value: []byte("v"), Rev: 300}}))
	f.Add(appendRecord(appendRecord([]byte{recordMark, kindPut}, record{kindDelete, Entry{Key: "k", Rev: 1}}), record{kindLast, Entry{Rev: 9}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, rest, ok := parseRecord(b); ok {
			// A uvarint may be written longer than it has to be.
			again, left, ok := parseRecord(appendRecord(nil, r))
			if !ok || len(left) != 0 || again.kind != r.kind || again.Key != r.Key || again.Rev != r.Rev || !bytes.Equal(again.Value, r.Value) {
				t.Fatalf("%+v reads as %+v, %v", r, again, ok)
			}
			if len(rest) >= len(b) {
				t.Fatal("nothing was taken")
			}
		}
		if i := nextRecord(b); i >= 0 {
			if _, _, ok := parseRecord(b[i:]); !ok || i == 0 {
				t.Fatalf("no record at %d", i)
			}
		}
	})
}
