package fetch

import (
	"errors"
	"net/url"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	tests := []struct {
		raw, shown, err string
	}{
		{"http://h", "http://h", ""},
		{"HTTPS://h:8443/a%2Fb/c?token=x#frag", "https://h:8443/a%2Fb/c?…", ""},
		{"http://user:secret@h/x", "http://h/x", ""},
		{"http://[::1]:80/", "http://[::1]:80/", ""},
		{"", "", `the scheme is ""`},
		{"h/x", "", `the scheme is ""`},
		{"file:///etc/passwd", "", `the scheme is "file"`},
		{"ftp://h/", "", `the scheme is "ftp"`},
		{"http:h", "", "names no host"},
		{"http:///x", "", "names no host"},
		{"http://:80/", "", "names no host"},
		{"http://h:0/", "", "the port"},
		{"http://h:65536/", "", "the port"},
		{"http://user:secret/", "", "malformed"},
		{"http://h/\x00", "", "malformed"},
		{"http://h/\n", "", "malformed"},
		{"http://h/a b", "", "malformed"},
		{"http://h/%zz", "", "malformed"},
		{"http://h/" + strings.Repeat("x", maxURL), "", "malformed"},
	}
	for _, tt := range tests {
		u, err := parse(tt.raw)
		if tt.err != "" {
			if !errors.Is(err, ErrURL) || !strings.Contains(err.Error(), tt.err) || strings.Contains(err.Error(), "secret") || u != nil {
				t.Errorf("%q: %v, %v, want %q", tt.raw, u, err, tt.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", tt.raw, err)
		} else if got := show(u); got != tt.shown {
			t.Errorf("%q is shown as %q, want %q", tt.raw, got, tt.shown)
		}
	}
}

// What parses is http, parses again to the same, and is shown without what it
// may keep secret; a redirect never leads to less.
func FuzzURL(f *testing.F) {
	for _, s := range []string{"http://u:p@h:80/a?b#c", "https://[::1%25eth0]/", "//h", "../x", "http://h/\xff", "file:/x", "https://h/%2e%2e?q"} {
		f.Add(s, "/x")
		f.Add("https://h/a/b", s)
	}
	f.Fuzz(func(t *testing.T, raw, location string) {
		u, err := parse(raw)
		if err != nil {
			if u != nil {
				t.Fatal("a URL beside an error")
			}
			return
		}
		for _, v := range []*url.URL{u, must(redirect(u, location))} {
			if v == nil {
				continue
			}
			if v.Scheme != "https" && (v.Scheme != "http" || u.Scheme == "https") {
				t.Fatalf("scheme %q from %q", v.Scheme, u.Scheme)
			}
			shown, err := url.Parse(show(v))
			if err != nil || shown.User != nil || shown.Host != v.Host || shown.Path != v.Path || shown.RawQuery != "" && shown.RawQuery != "…" {
				t.Fatalf("%q is shown as %q, %v", v, show(v), err)
			}
		}
	})
}

func must(u *url.URL, _ error) *url.URL { return u }
