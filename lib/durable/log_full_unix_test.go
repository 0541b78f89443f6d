//go:build unix

package durable_test

import (
	"os"
	"path/filepath"
	"testing"

	"lander/lib/durable"
	"lander/lib/durable/durabletest"
)

// Of records that are refused none is there after a restart, also when the
// disk had room for the first of them.
func TestLogOnAFullDisk(t *testing.T) {
	durabletest.Apart(t, t.TempDir(), func(dir string) {
		path := filepath.Join(dir, "log")
		open := func() (l *durable.Log, records int) {
			l, o, err := durable.OpenLog(path, "log\n", func([]byte) error { records++; return nil })
			if err != nil || o != (durable.Opened{}) {
				t.Fatal(o, err)
			}
			return l, records
		}
		l, _ := open()
		var two []byte
		for range 2 {
			start := len(two)
			two = durable.EndRecord(append(durable.BeginRecord(two), "record"...), start)
		}
		st, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		room := durabletest.Fill(t, st.Size()+int64(len(two))-1)
		if err := l.Append(two); err == nil {
			t.Fatal("the disk is not full")
		}
		room()
		l.Close()
		l, n := open()
		if n != 0 {
			t.Errorf("%d refused records are there", n)
		}
		l.Close()
	})
}
