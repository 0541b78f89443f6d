package agent

import (
	"testing"

	"lander/lib/m3da/bysant"
)

// A command is the same wherever its script is fetched from, and in nothing
// else.
func TestIdentity(t *testing.T) {
	body := func(url, signature, name string) bysant.Value {
		m := func(k string, v bysant.Value) bysant.Member { return bysant.Member{Key: bysant.Name(k), Value: v} }
		return bysant.OfMap(m(name, bysant.OfMap(m("url", bysant.OfString(url)), m("signature", bysant.OfString(signature))).Sized())).Sized()
	}
	base := identity("@sys.commands", body("http://a:1/fetch/x", "s", "ExecuteScript"))
	for _, tt := range []struct {
		path                 string
		url, signature, name string
		same                 bool
	}{
		{"@sys.commands", "http://a:1/fetch/x", "s", "ExecuteScript", true},
		{"@sys.commands", "https://b.example:8443/fetch/x", "s", "ExecuteScript", true},
		{"@sys.commands", "http://a:1/fetch/y", "s", "ExecuteScript", false},
		{"@sys.commands", "http://a:1/fetch/x?again", "s", "ExecuteScript", false},
		{"@sys.commands", "http://a:1/fetch/x", "t", "ExecuteScript", false},
		{"@sys.commands", "http://b:1/fetch/x", "s", "SoftwareUpdate", false},
		{"@sys", "http://a:1/fetch/x", "s", "ExecuteScript", false},
		{"@sys.commands", "http://a:1", "s", "ExecuteScript", false},
		{"@sys.commands", "no url", "s", "ExecuteScript", false},
	} {
		if got := identity(tt.path, body(tt.url, tt.signature, tt.name)) == base; got != tt.same {
			t.Errorf("%s %s %s %s: the same: %v", tt.path, tt.name, tt.url, tt.signature, got)
		}
	}
	one, other := body("http://a/x", "", "SoftwareUpdate"), body("http://b/x", "", "SoftwareUpdate")
	if identity("@sys.commands", one) == identity("@sys.commands", other) {
		t.Error("an update is the same from another host")
	}
}
