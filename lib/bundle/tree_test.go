package bundle_test

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"lander/lib/bundle"
	"lander/lib/trust"
)

const (
	sumX = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881" // of "x"
	sum0 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" // of ""
)

func TestTreeManifest(t *testing.T) {
	tree := fstest.MapFS{
		"b/c.lua": {Data: []byte("x")}, "a.txt": {}, "b-c": {Data: []byte("x")}, ".git/config": {Data: []byte("x")},
		bundle.TreeName: {Data: []byte("x")}, "b/.hidden": {Data: []byte("x")},
	}
	b, err := bundle.TreeManifest(tree)
	want := sum0 + "  a.txt\n" + sumX + "  b-c\n" + sumX + "  b/c.lua\n"
	if err != nil || string(b) != want {
		t.Fatalf("%s, %v", b, err)
	}
	sums, err := bundle.ParseTree(b)
	if err != nil || len(sums) != 3 || sums["b/c.lua"] != sumX {
		t.Errorf("%v, %v", sums, err)
	}
}

// What cannot be listed is not passed over: it would not be signed.
func TestTreeManifestRefuses(t *testing.T) {
	for name, f := range map[string]*fstest.MapFile{
		"link": {Data: []byte("a"), Mode: fs.ModeSymlink}, "pipe": {Mode: fs.ModeNamedPipe},
		"two\nlines": {}, "carriage\r": {}, `back\slash`: {},
	} {
		if b, err := bundle.TreeManifest(fstest.MapFS{"a": {}, name: f}); err == nil || b != nil {
			t.Errorf("%q: %q, %v", name, b, err)
		}
	}
}

func TestParseTreeRefuses(t *testing.T) {
	for _, s := range []string{
		sumX + "  ../x\n", sumX + "  /x\n", sumX + "  a", sumX + " a\n", strings.ToUpper(sumX) + "  a\n", sumX[2:] + "  a\n",
		sumX + "  b\n" + sumX + "  a\n", sumX + "  a\n" + sumX + "  a\n", sumX + "  a\r\n", "\n",
	} {
		if m, err := bundle.ParseTree([]byte(s)); !errors.Is(err, trust.ErrInvalid) || m != nil {
			t.Errorf("%q: %v, %v", s, m, err)
		}
	}
}

func FuzzParseTree(f *testing.F) {
	f.Add([]byte(sum0 + "  a.txt\n" + sumX + "  b/c.lua\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		sums, err := bundle.ParseTree(b)
		if err != nil {
			if sums != nil {
				t.Fatal("a list with an error")
			}
			return
		}
		var back []byte
		paths := []string{}
		for p := range sums {
			paths = append(paths, p)
		}
		slices.Sort(paths)
		for _, p := range paths {
			back = append(back, sums[p]+"  "+p+"\n"...)
		}
		if string(back) != string(b) {
			t.Fatalf("%q becomes %q", b, back)
		}
	})
}
