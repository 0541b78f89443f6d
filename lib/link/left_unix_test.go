//go:build unix

package link_test

import (
	"net"
	"os"
	"path/filepath"
	"testing"
)

// What a listener that was killed before its socket had its name left is
// cleared by the next one.
func TestKilledListener(t *testing.T) {
	dir := socketDir(t)
	left := filepath.Join(dir, ".lsock")
	if err := os.Mkdir(left, 0o700); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("unix", filepath.Join(left, "s"))
	if err != nil {
		t.Fatal(err)
	}
	ln.(*net.UnixListener).SetUnlinkOnClose(false)
	ln.Close()
	l := listen(t, parse(t, "unix://"+dir+"/sock"))
	exchange(t, l)
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != "sock" {
		t.Errorf("there are %v, %v", entries, err)
	}
}
