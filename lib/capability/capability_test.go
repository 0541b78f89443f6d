package capability_test

import (
	"slices"
	"strings"
	"testing"

	"lander/lib/capability"
)

func TestParse(t *testing.T) {
	tests := []struct {
		word, want, err string
	}{
		{"base", "base", ""},
		{"tree", "tree", ""},
		{"device", "device", ""},
		{"monitoring", "monitoring", ""},
		{"log", "log", ""},
		{"data", "data", ""},
		{"exec", "exec", ""},
		{"fs:/", "fs:/", ""},
		{"fs:/:ro", "fs:/:ro", ""},
		{"fs:/var//lib/./x/../y/", "fs:/var/lib/y", ""},
		{"fs:/../../etc:ro", "fs:/etc:ro", ""},
		{"fs:/a:b", "fs:/a:b", ""},
		{"fs:/ä ö", "fs:/ä ö", ""},
		{"net:example.net:80", "net:example.net:80", ""},
		{"net:EXAMPLE.net:0080", "net:example.net:80", ""},
		{"net:*:*", "net:*:*", ""},
		{"net:*:443", "net:*:443", ""},
		{"net:h:65535", "net:h:65535", ""},
		{"net:[::1]:80", "net:[::1]:80", ""},

		{"", "", "is not known"},
		{"Base", "", "is not known"},
		{"base ", "", "is not known"},
		{"root", "", "is not known"},
		{"exec:ls", "", "is not known"},
		{":", "", "is not known"},
		{"fs", "", "is not known"},
		{"fs:", "", "not absolute"},
		{"fs:tmp", "", "not absolute"},
		{"fs::ro", "", "not absolute"},
		{"fs:/a\x00b", "", "control character"},
		{"fs:/a\nb", "", "control character"},
		{"fs:/a:ro/", "", "ends in :ro"},
		{"fs:/a:ro:ro", "", "ends in :ro"},
		{"net", "", "is not known"},
		{"net:", "", "is not net:HOST:PORT"},
		{"net:h", "", "is not net:HOST:PORT"},
		{"net::80", "", "is not net:HOST:PORT"},
		{"net:h:", "", "the port"},
		{"net:h:0", "", "the port"},
		{"net:h:65536", "", "the port"},
		{"net:h:http", "", "the port"},
		{"net:h:-1", "", "the port"},
		{"net:h\x7f:80", "", "control character"},
	}
	for _, tt := range tests {
		set, err := capability.Parse([]string{tt.word})
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) || set != nil {
				t.Errorf("%q: %q, %v, want %q", tt.word, set, err, tt.err)
			}
			continue
		}
		if err != nil || !slices.Equal(set, capability.Set{tt.want}) {
			t.Errorf("%q: %q, %v, want %q", tt.word, set, err, tt.want)
		}
	}
}

func TestParseDropsRepetitions(t *testing.T) {
	set, err := capability.Parse([]string{"log", "fs:/a/", "base", "fs:/a", "log"})
	if want := (capability.Set{"log", "fs:/a", "base"}); err != nil || !slices.Equal(set, want) {
		t.Errorf("%q, %v, want %q", set, err, want)
	}
	if set, err := capability.Parse(nil); err != nil || set == nil || len(set) != 0 {
		t.Errorf("nothing: %q, %v", set, err)
	}
	if set, err := capability.Parse([]string{"base", "nonsense"}); err == nil || set != nil {
		t.Errorf("a bad one among good: %q, %v", set, err)
	}
}

func TestDefault(t *testing.T) {
	d := capability.Default()
	if again, err := capability.Parse(d); err != nil || !slices.Equal(again, d) {
		t.Errorf("%q is not canonical: %q, %v", d, again, err)
	}
	for _, w := range []string{"exec", "fs:/:ro", "net:*:80"} {
		if d.Allows(w) {
			t.Errorf("%s is granted by default", w)
		}
	}
	d[0] = "exec"
	if capability.Default().Allows("exec") {
		t.Error("the defaults can be changed through a copy")
	}
}

func TestCovers(t *testing.T) {
	tests := []struct {
		big, small string
		want       bool
	}{
		{"base", "base", true},
		{"base", "exec", false},
		{"fs:/a", "fs:/a", true},
		{"fs:/a", "fs:/a/b", true},
		{"fs:/a", "fs:/a:ro", true},
		{"fs:/a", "fs:/a/b:ro", true},
		{"fs:/a:ro", "fs:/a", false},
		{"fs:/a:ro", "fs:/a/b", false},
		{"fs:/a:ro", "fs:/a/b:ro", true},
		{"fs:/a", "fs:/ab", false},
		{"fs:/a/b", "fs:/a", false},
		{"fs:/", "fs:/a", true},
		{"fs:/:ro", "fs:/a:ro", true},
		{"fs:/:ro", "fs:/a", false},
		{"fs:/", "exec", false},
		{"exec", "fs:/", false},
		{"net:h:80", "net:h:80", true},
		{"net:*:80", "net:h:80", true},
		{"net:h:*", "net:h:80", true},
		{"net:*:*", "net:h:80", true},
		{"net:h:80", "net:*:80", false},
		{"net:h:80", "net:h:*", false},
		{"net:h:80", "net:i:80", false},
		{"net:h:80", "net:h:81", false},
		{"net:*:*", "fs:/", false},
	}
	for _, tt := range tests {
		if got := capability.Covers(tt.big, tt.small); got != tt.want {
			t.Errorf("%s covers %s: %v, want %v", tt.big, tt.small, got, tt.want)
		}
	}
}

func TestAllows(t *testing.T) {
	set, err := capability.Parse([]string{"base", "fs:/var/lander", "fs:/etc:ro", "net:*:443"})
	if err != nil {
		t.Fatal(err)
	}
	for word, want := range map[string]bool{
		"base": true, "exec": false, "fs:/var/lander/x": true, "fs:/var/lander/../x": false, "fs:/etc/passwd:ro": true, "fs:/etc/passwd": false,
		"net:Example.NET:443": true, "net:h:80": false, "nonsense": false, "": false, "fs:relative": false,
	} {
		if got := set.Allows(word); got != want {
			t.Errorf("%q: %v, want %v", word, got, want)
		}
	}
	if capability.Set(nil).Allows("base") {
		t.Error("the empty set grants something")
	}
}

func TestIntersect(t *testing.T) {
	tests := []struct{ a, b, want string }{
		{"", "base", ""},
		{"base log", "log exec", "log"},
		{"fs:/a", "fs:/a/b", "fs:/a/b"},
		{"fs:/a/b", "fs:/a:ro", "fs:/a/b:ro"},
		{"fs:/a", "fs:/b", ""},
		{"fs:/a fs:/b:ro", "fs:/", "fs:/a fs:/b:ro"},
		{"net:h:*", "net:*:80", "net:h:80"},
		{"net:h:80", "net:h:443", ""},
		{"net:*:*", "net:h:80 net:i:81", "net:h:80 net:i:81"},
		{"fs:/a fs:/a/b", "fs:/a/b", "fs:/a/b"},
	}
	for _, tt := range tests {
		a, b, want := capability.Set(strings.Fields(tt.a)), capability.Set(strings.Fields(tt.b)), strings.Fields(tt.want)
		for _, got := range []capability.Set{capability.Intersect(a, b), capability.Intersect(b, a)} {
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%q and %q: %q, want %q", tt.a, tt.b, got, want)
			}
		}
	}
}

func TestMissing(t *testing.T) {
	have := capability.Set{"base", "fs:/a"}
	for want, missing := range map[string]string{"": "", "base": "", "base fs:/a/b:ro": "", "fs:/a exec log": "exec"} {
		if got := have.Missing(strings.Fields(want)); got != missing {
			t.Errorf("%q: missing %q, want %q", want, got, missing)
		}
	}
}

// Parse is idempotent, and the intersection grants exactly what both sides
// grant.
func FuzzSets(f *testing.F) {
	f.Add("base\nfs:/a:ro\nnet:h:*", "fs:/a/b\nnet:*:80\nexec", "fs:/a/b/c:ro")
	f.Add("fs:/", "fs:/:ro", "fs:/x")
	f.Add("fs:/a:ro/", "fs:/a", "fs:/a:ro/")
	f.Add("net:\u0130:1", "net:*:*", "net:\u0130:1")
	f.Add("net:\xff:1", "net:*:1", "net:\xff:1")
	f.Fuzz(func(t *testing.T, as, bs, word string) {
		a, err := capability.Parse(strings.Split(as, "\n"))
		if err != nil {
			if a != nil {
				t.Fatalf("%q beside %v", a, err)
			}
			return
		}
		if again, err := capability.Parse(a); err != nil || !slices.Equal(again, a) {
			t.Fatalf("%q parses again to %q, %v", a, again, err)
		}
		for _, w := range a {
			if !a.Allows(w) || a.Missing(a) != "" {
				t.Fatalf("%q does not allow its own %q", a, w)
			}
		}
		b, err := capability.Parse(strings.Split(bs, "\n"))
		if err != nil {
			return
		}
		both := capability.Intersect(a, b)
		if again, err := capability.Parse(both); err != nil || !slices.Equal(again, both) {
			t.Fatalf("the intersection %q parses to %q, %v", both, again, err)
		}
		for _, w := range both {
			if !a.Allows(w) || !b.Allows(w) {
				t.Fatalf("%q is in the intersection of %q and %q", w, a, b)
			}
		}
		for _, w := range slices.Concat(a, b, []string{word}) {
			if want := a.Allows(w) && b.Allows(w); both.Allows(w) != want {
				t.Fatalf("%q of %q and %q: allowed by the intersection %q: %v, by both: %v", w, a, b, both, !want, want)
			}
		}
	})
}
