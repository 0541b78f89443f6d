package devtree

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lander/lib/durable"
	"lander/lib/emp/frame"
)

func reopen(t testing.TB, path string) *Tree {
	t.Helper()
	tree, err := Open(Options{File: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tree.Close() })
	return tree
}

func content(tree *Tree) string {
	var ms []frame.Member
	tree.Each("", func(path string, v frame.Value) { ms = append(ms, frame.Member{Key: path, Value: v}) })
	return frame.Map(ms...).String()
}

func mustSet(t testing.TB, tree *Tree, path, value string) {
	t.Helper()
	v, err := frame.ParseValue([]byte(value))
	if err != nil {
		t.Fatal(err)
	}
	if err := tree.SetWait(t.Context(), path, v); err != nil {
		t.Fatalf("setting %s: %v", path, err)
	}
}

func TestRestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tree")
	tree := reopen(t, path)
	mustSet(t, tree, "config", `{"i":1,"w":1.0,"f":0.1,"big":12345678901,"t":true,"n":false,"s":"é\n\"","e":"","n1":"1"}`)
	mustSet(t, tree, "config.a", `{"b":{"c":1,"d":2},"l":[1,2]}`)
	mustSet(t, tree, "config.a.b", `null`)
	mustSet(t, tree, "config.i.deep", `5`)
	mustSet(t, tree, "config.a.l", `7`)
	mustSet(t, tree, "ram.x", `1`)
	if err := tree.Put("update.x", frame.Int(1), nil); err != nil {
		t.Fatal(err)
	}
	want := `{"config.a.l":7,"config.big":12345678901,"config.e":"","config.f":0.1,"config.i.deep":5,"config.n":false,"config.n1":"1","config.s":"é\n\"","config.t":true,"config.w":1.0}`
	for i := range 3 {
		if err := tree.Close(); err != nil {
			t.Fatal(err)
		}
		tree = reopen(t, path)
		if got := content(tree); got != want {
			t.Errorf("after restart %d\n got %s\nwant %s", i+1, got, want)
		}
	}
}

// A mirror is not written, and what it hides is not lost.
func TestMirrorOverRestart(t *testing.T) {
	for _, compact := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "tree")
		tree := reopen(t, path)
		mustSet(t, tree, "config.server.url", `"old"`)
		for _, err := range []error{
			tree.Mirror("config.server.url", frame.String("flag")),
			tree.Mirror("config.server.id", frame.String("flag")),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if compact {
			tree.file.Distrust()
		}
		mustSet(t, tree, "config.x", `1`)
		tree.Close()
		if got := content(reopen(t, path)); got != `{"config.server.url":"old","config.x":1}` {
			t.Errorf("compacted %v: %s", compact, got)
		}
	}
}

func TestFileIsWrittenAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tree")
	tree := reopen(t, path)
	mustSet(t, tree, "config.keep", `"me"`)
	text := strings.Repeat("x", 10_000)
	for i := range 200 {
		mustSet(t, tree, "config.churn", fmt.Sprintf(`"%d%s"`, i, text))
	}
	tree.Close()
	st, err := os.Stat(path)
	if err != nil || st.Size() > 2*durable.LogSlack {
		t.Errorf("the file of two variables has %d bytes, error %v", st.Size(), err)
	}
	if got, want := content(reopen(t, path)), `{"config.churn":"199`+text+`","config.keep":"me"}`; got != want {
		t.Errorf("got %.80s", got)
	}
}

// Whatever is cut off, what was confirmed before is there, and the next
// changes are kept.
func TestTornEnd(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "tree")
	tree := reopen(t, path)
	mustSet(t, tree, "config.a", `1`)
	before, _ := os.ReadFile(path)
	mustSet(t, tree, "config", `{"b":2,"c":"three"}`)
	tree.Close()
	after, _ := os.ReadFile(path)
	for n := len(before); n <= len(after); n++ {
		for _, tail := range []string{"", "garbage", "\x00\x00\n\x00\n"} {
			p := filepath.Join(dir, "cut")
			if err := os.WriteFile(p, append(bytes.Clone(after[:n]), tail...), 0o600); err != nil {
				t.Fatal(err)
			}
			want := `{"config.a":1}`
			if n == len(after) {
				want = `{"config.a":1,"config.b":2,"config.c":"three"}`
			}
			cut := reopen(t, p)
			if got := content(cut); got != want {
				t.Fatalf("%d of %d bytes, then %q: %s", n, len(after), tail, got)
			}
			mustSet(t, cut, "config.d", `4`)
			cut.Close()
			again := reopen(t, p)
			if got := content(again); got != strings.TrimSuffix(want, "}")+`,"config.d":4}` {
				t.Fatalf("%d of %d bytes, then %q, one change later: %s", n, len(after), tail, got)
			}
			again.Close()
			os.Remove(p)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "cut.damaged")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a torn end counts as damage: %v", err)
	}
}

// Damage inside loses the records it hit, no others, and the file is kept.
func TestDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tree")
	tree := reopen(t, path)
	for _, k := range []string{"a", "b", "c"} {
		mustSet(t, tree, "config."+k, `1`)
	}
	tree.Close()
	b, _ := os.ReadFile(path)
	damaged := bytes.Replace(b, []byte("config.b"), []byte("config.x"), 1)
	if err := os.WriteFile(path, damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	tree = reopen(t, path)
	if got := content(tree); got != `{"config.a":1,"config.c":1}` {
		t.Errorf("%s", got)
	}
	if kept, err := os.ReadFile(path + ".damaged"); err != nil || !bytes.Equal(kept, damaged) {
		t.Errorf("the damaged file is not kept: %v", err)
	}
	mustSet(t, tree, "config.d", `1`)
	tree.Close()
	if _, bad, err := replay(strings.NewReader(read(t, path)), func([]op) {}); bad > 0 || err != nil {
		t.Errorf("after the next change %d bad records, error %v", bad, err)
	}
	if got := content(reopen(t, path)); got != `{"config.a":1,"config.c":1,"config.d":1}` {
		t.Errorf("%s", got)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestForeignFileIsRefused(t *testing.T) {
	for _, text := range []string{"", "something else\n", "lander tree 2\n"} {
		path := filepath.Join(t.TempDir(), "tree")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(Options{File: path}); err == nil {
			t.Errorf("%q is taken for a tree", text)
		}
		if got := read(t, path); got != text {
			t.Errorf("the foreign file is now %q", got)
		}
	}
	if _, err := Open(Options{File: filepath.Join(t.TempDir(), "no", "tree")}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a directory that is not there: %v", err)
	}
}

// A change that cannot be saved says so, and is not there, neither then nor
// later; what comes behind it is.
func TestDiskFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "tree")
	tree := reopen(t, path)
	mustSet(t, tree, "config.a", `1`)
	tree.file.Close() // every write fails from now on
	err := tree.SetWait(t.Context(), "config.b", frame.Int(2))
	if !errors.Is(err, ErrNotSaved) || !errors.Is(err, frame.StatusIOError) {
		t.Fatalf("a change on a broken file: %v", err)
	}
	// The first failure makes the next write one of the whole file: let that
	// fail too.
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	if err := tree.SetWait(t.Context(), "config.c", frame.Int(3)); !errors.Is(err, ErrNotSaved) {
		t.Fatalf("a change without a directory: %v", err)
	}
	if err := os.Rename(dir+".away", dir); err != nil {
		t.Fatal(err)
	}
	if v, _, ok := tree.Get("config.b"); ok {
		t.Errorf("the unsaved value is %v", v)
	}
	mustSet(t, tree, "config.d", `4`)
	tree.Close()
	if got := content(reopen(t, path)); got != `{"config.a":1,"config.d":4}` {
		t.Errorf("%s", got)
	}
}

// A tree is as it was behind changes that were refused, whatever they were and
// however many at once.
func TestRefusedChangesAreTakenBack(t *testing.T) {
	dir := t.TempDir()
	tree := reopen(t, filepath.Join(dir, "tree"))
	if err := tree.Mirror("config.x.mirror", frame.Int(1)); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	path := func() string {
		p := "config"
		for range 1 + random.IntN(3) {
			p += "." + string(rune('a'+random.IntN(3)))
		}
		return p
	}
	value := func() frame.Value {
		switch random.IntN(4) {
		case 0:
			return frame.Value{}
		case 1:
			return frame.Map(frame.Member{Key: "a", Value: frame.Int(int64(random.IntN(5)))}, frame.Member{Key: "b.c", Value: frame.Int(7)})
		}
		return frame.Int(int64(random.IntN(5)))
	}
	for range 50 {
		if err := tree.SetWait(t.Context(), path(), value()); err != nil && !errors.Is(err, frame.StatusNotPermitted) {
			t.Fatal(err)
		}
	}
	mustSet(t, tree, "config.last", `1`)
	before, count, size := content(tree), tree.count, tree.bytes
	told := 0
	client := tree.Client(func(frame.NotifyVariable) { told++ })
	defer client.Close()
	if _, err := client.Watch([]string{"config"}, nil); err != nil {
		t.Fatal(err)
	}
	tree.file.Distrust() // the whole file is written, which fails
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir + ".away")
	for range 200 {
		var answers []chan error
		for range 1 + random.IntN(5) {
			answer := make(chan error, 1)
			if tree.Set(path(), value(), func(err error) { answer <- err }) == nil {
				answers = append(answers, answer)
			}
		}
		for _, answer := range answers {
			if err := <-answer; !errors.Is(err, ErrNotSaved) {
				t.Fatalf("a change without a directory: %v", err)
			}
		}
		if after := content(tree); after != before || tree.count != count || tree.bytes != size {
			t.Fatalf("%s (%d, %d bytes), before %s (%d, %d bytes)", after, tree.count, tree.bytes, before, count, size)
		}
	}
	if told != 0 {
		t.Errorf("%d refused changes were told of", told)
	}
}

// A change that could not be saved and is asked for again is confirmed only
// when it is on the disk.
func TestDiskFailsAndTheSameIsSetAgain(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "tree")
	tree := reopen(t, path)
	mustSet(t, tree, "config.a", `1`)
	tree.file.Close()
	if err := tree.SetWait(t.Context(), "config.b", frame.Int(2)); !errors.Is(err, ErrNotSaved) {
		t.Fatalf("a change on a broken file: %v", err)
	}
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	if err := tree.SetWait(t.Context(), "config.b", frame.Int(2)); !errors.Is(err, ErrNotSaved) {
		t.Fatalf("the same change without a directory: %v", err)
	}
	mustSet(t, tree, "ram.r", `1`) // does not wait for a disk
	mustSet(t, tree, "ram.r", `1`)
	if err := os.Rename(dir+".away", dir); err != nil {
		t.Fatal(err)
	}
	mustSet(t, tree, "config.b", `2`)
	if got := read(t, path); !strings.Contains(got, "config.b") {
		t.Errorf("what was confirmed is not on the disk: %q", got)
	}
	size := len(read(t, path))
	mustSet(t, tree, "config.b", `2`)
	if got := len(read(t, path)); got != size {
		t.Errorf("what is on the disk was written again: %d bytes, then %d", size, got)
	}
	tree.Close()
}

func TestClosedTree(t *testing.T) {
	tree := reopen(t, filepath.Join(t.TempDir(), "tree"))
	n := 0
	for i := range 100 {
		if err := tree.Set("config.x", frame.Int(int64(i)), func(error) { n++ }); err != nil {
			t.Fatal(err)
		}
	}
	tree.Close()
	if n != 100 {
		t.Errorf("%d of 100 changes are confirmed after Close", n)
	}
	if err := tree.Set("config.x", frame.Int(1), nil); !errors.Is(err, ErrClosed) || !errors.Is(err, frame.StatusClosed) {
		t.Errorf("a change after Close: %v", err)
	}
	if err := tree.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
}

func FuzzRecord(f *testing.F) {
	f.Add(bytes.TrimSuffix(appendRecord(nil, []op{{"config.a", frame.Int(1)}, {"config.b", frame.Value{}}}), []byte("\n")))
	f.Add([]byte("00000000 []"))
	f.Fuzz(func(t *testing.T, b []byte) {
		// The fuzzer does not guess checksums: also try its text with one.
		for _, line := range [][]byte{b, sealed(b)} {
			ops, err := parseRecord(line)
			if err != nil {
				if ops != nil {
					t.Fatal("operations beside an error")
				}
				continue
			}
			text := appendRecord(nil, ops)
			again, err := parseRecord(text[:len(text)-1])
			if err != nil || !bytes.Equal(appendRecord(nil, again), text) {
				t.Fatalf("%q comes back as %q, error %v", line, text, err)
			}
		}
	})
}

func sealed(text []byte) []byte {
	line := durable.EndRecord(append(durable.BeginRecord(nil), text...), 0)
	return line[:len(line)-1]
}

// Any file either is refused or opens, and opens the same way a second time.
func FuzzReplay(f *testing.F) {
	whole := []byte(fileHead)
	for i := range 3 {
		whole = appendRecord(whole, []op{{fmt.Sprintf("config.k%d", i), frame.Int(int64(i))}})
	}
	f.Add(whole)
	f.Add(whole[:len(whole)-5])
	f.Add(append([]byte(fileHead), "\n\n\n"...))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "tree")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		tree, err := Open(Options{File: path})
		if err != nil {
			if bytes.HasPrefix(b, []byte(fileHead)) {
				t.Fatalf("a tree's file is refused: %v", err)
			}
			return
		}
		first := content(tree)
		tree.Close()
		again, err := Open(Options{File: path})
		if err != nil {
			t.Fatal(err)
		}
		defer again.Close()
		if got := content(again); got != first {
			t.Fatalf("%s, then %s", first, got)
		}
	})
}

// parseRecord reads a line without its end.
func parseRecord(line []byte) ([]op, error) {
	rec, ok := durable.ParseRecord(line)
	if !ok {
		return nil, errors.New("no record")
	}
	return parseOps(rec)
}

// replay applies every record of a file.
func replay(f io.Reader, apply func([]op)) (good int64, bad int, err error) {
	return durable.ReplayLog(f, fileHead, applyRecord(apply))
}
