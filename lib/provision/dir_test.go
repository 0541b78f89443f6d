package provision_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"lander/lib/provision"
)

// A directory that takes another one's place is the one that is read.
func TestDirIsReplaced(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a directory that is open keeps its name there")
	}
	base := t.TempDir()
	for _, v := range []string{"1", "2", "3"} {
		write(t, filepath.Join(base, v), map[string]string{"a.txt": v, "sub/" + v + ".txt": "x"})
	}
	at := filepath.Join(base, "tree")
	rename := func(from, to string) {
		t.Helper()
		if err := os.Rename(filepath.Join(base, from), filepath.Join(base, to)); err != nil {
			t.Fatal(err)
		}
	}
	rename("1", "tree")
	d, err := provision.OpenDir(at)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	is := func(v string) {
		t.Helper()
		if err := fstest.TestFS(d, "a.txt", "sub/"+v+".txt"); err != nil {
			t.Error(err)
		}
		if b, err := fs.ReadFile(d, "a.txt"); err != nil || string(b) != v {
			t.Errorf("a.txt is %q, %v, want %s", b, err, v)
		}
	}
	is("1")
	rename("tree", "1")
	if _, err := fs.ReadDir(d, "."); err == nil || !strings.Contains(err.Error(), at) {
		t.Errorf("while nothing is there: %v", err)
	}
	rename("2", "tree")
	// Half of a reading is of the old one, to the next beginning.
	if b, err := fs.ReadFile(d, "a.txt"); err != nil || string(b) != "1" {
		t.Errorf("a.txt is %q, %v", b, err)
	}
	is("2")
	rename("tree", "2")
	if err := os.Symlink("3", at); err != nil {
		t.Fatal(err)
	}
	is("3")
}

// A tree that is swapped as a whole is served like one that changed.
func TestSwappedTree(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a directory that is open keeps its name there")
	}
	base := t.TempDir()
	at, next := filepath.Join(base, "tree"), filepath.Join(base, "next")
	write(t, at, small("1"))
	write(t, next, small("2"))
	d, err := provision.OpenDir(at)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	hup := make(chan os.Signal, 1)
	r := newRig(t, nil, func(o *provision.Options) { o.Tree, o.Reload = d, hup })
	flash := board("s3cret")
	r.settle(7, flash)
	if err := os.Rename(at, at+".old"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, at); err != nil {
		t.Fatal(err)
	}
	hup <- os.Interrupt
	r.wait(provision.EventTree, 2)
	r.settle(7, flash)
	same(t, flash, map[string]string{"a.txt": "content 2"})
}

// lookedAt counts how often a tree was looked at.
type lookedAt struct {
	fs.FS
	n atomic.Int64
}

func (l *lookedAt) Open(name string) (fs.File, error) {
	if name == "." {
		l.n.Add(1)
	}
	return l.FS.Open(name)
}

// A tree that is not there is told once, and served as it was till it is back.
func TestTreeIsAway(t *testing.T) {
	looks := &lookedAt{}
	r := newRig(t, small("1"), func(o *provision.Options) {
		looks.FS = o.Tree
		o.Tree, o.Poll = looks, time.Millisecond
	})
	if err := os.Rename(r.dir, r.dir+".away"); err != nil {
		t.Fatal(err)
	}
	for at, end := looks.n.Load(), time.Now().Add(10*time.Second); looks.n.Load() < at+5 && time.Now().Before(end); time.Sleep(time.Millisecond) {
	}
	flash := board("s3cret")
	r.settle(7, flash)
	same(t, flash, map[string]string{"a.txt": "content 1"})
	write(t, r.dir+".away", small("22")) // of another size: all times are the same
	if err := os.Rename(r.dir+".away", r.dir); err != nil {
		t.Fatal(err)
	}
	r.wait(provision.EventTree, 2)
	r.settle(7, flash)
	same(t, flash, map[string]string{"a.txt": "content 22"})
	// Another time when it went in the midst of a look.
	if n := strings.Count(r.log.String(), "looking at the tree"); n < 1 || n > 2 {
		t.Errorf("told %d times", n)
	}
}

// beneath changes a file between its being opened for the n-th time and read.
type beneath struct {
	fs.FS
	name string
	left int
	do   func()
}

func (b *beneath) Open(name string) (fs.File, error) {
	f, err := b.FS.Open(name)
	if name == b.name {
		if b.left--; b.left == 0 {
			b.do()
		}
	}
	return f, err
}

// What changes while the service starts is not overlooked.
func TestChangeAtTheStart(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, small("1"))
	r := newRig(t, nil, func(o *provision.Options) {
		o.Tree = &beneath{os.DirFS(dir), "a.txt", 2, func() { // asked for its size, then read
			if err := os.Remove(filepath.Join(dir, "a.txt")); err != nil {
				t.Error(err)
			}
			write(t, dir, map[string]string{"a.txt": "changed"})
		}}
		o.Poll = time.Millisecond
	})
	r.wait(provision.EventTree, 2)
	flash := board("s3cret")
	r.settle(7, flash)
	same(t, flash, map[string]string{"a.txt": "changed"})
}
