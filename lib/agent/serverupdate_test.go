//go:build unix

package agent_test

import (
	"context"
	"strings"
	"testing"

	"lander/lib/agent"
	"lander/lib/m3da/m3datest"
	"lander/lib/trust"
)

// A ticket of SoftwareUpdate is answered when the update is over, once.
func TestServerUpdates(t *testing.T) {
	p := startPlant(t, m3datest.Options{}, nil)
	in := &installer{over: make(chan struct{}, 10)}
	p.installer(in)
	url := p.serve("/one.pkg", p.sign(pack(t, "Manifest", twoParts, "one", "1", "dir/two.txt", "2"), "package", 1))
	p.deliver(m3datest.Command(1, "SoftwareUpdate", url))
	p.wantResponse(1, 0, "success")
	p.deliver(m3datest.Command(2, "SoftwareUpdate", p.web.URL+"/none.pkg"))
	p.wantResponse(2, 552, "*")
	p.deliver(m3datest.Command(3, "SoftwareUpdate", url, "RWQ"), m3datest.Command(4, "SoftwareUpdate"))
	p.wantResponse(3, -1, "signature: *")
	p.wantResponse(4, -1, "bad-arguments: *")
	// A result of 0 is none of success, and its response must not look like one.
	in.mu.Lock()
	in.codes = map[string]int64{"a.pkg1": 0}
	in.mu.Unlock()
	p.deliver(m3datest.Command(5, "SoftwareUpdate", url))
	p.wantResponse(5, -1, "Component [a.pkg1] has reported an error [0]")
	in.mu.Lock()
	in.codes = nil
	in.mu.Unlock()
	p.restart()
	p.deliver(m3datest.Command(1, "SoftwareUpdate", url))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := p.site.Wait(ctx, func() bool { return len(p.site.Responses("gw-1", 1)) == 2 }); err != nil {
		t.Errorf("%d responses", len(p.site.Responses("gw-1", 1)))
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	installed := 0
	for _, s := range in.seen {
		if strings.HasPrefix(s, "[20]") {
			installed++
		}
	}
	if installed != 3 { // two, and the one that failed
		t.Errorf("installed %q", in.seen)
	}
}

// The original server has an MD5 for each package: it must be that of the file,
// and stands for no signature [M3DA 5].
func TestServerUpdatesMD5(t *testing.T) {
	unsigned := true
	p := startPlant(t, m3datest.Options{}, func(c *agent.Config) { c.UnsignedPackages = unsigned })
	p.installer(&installer{over: make(chan struct{}, 10)})
	tar := []byte(pack(t, "Manifest", twoParts, "one", "1", "dir/two.txt", "2"))
	url, sum := p.serve("/one.pkg", tar), trust.LegacyMD5(tar)
	bundle := p.sign(string(tar), "package", 1)
	bundled := p.serve("/signed.pkg", bundle)
	wrong := trust.LegacyMD5(nil)
	type row struct {
		args   []string
		status int64
		text   string
	}
	ticket := int64(0)
	all := func(rows []row) {
		t.Helper()
		for _, r := range rows {
			ticket++
			p.deliver(m3datest.Command(ticket, "SoftwareUpdate", r.args...))
			p.wantResponse(ticket, r.status, r.text)
		}
	}
	signed := []row{
		{[]string{bundled, trust.LegacyMD5(bundle)}, 0, "success"},
		{[]string{bundled}, 0, "success"},
		{[]string{bundled, wrong}, 553, "the MD5 of the package is " + trust.LegacyMD5(bundle) + ", not " + wrong},
		{[]string{bundled, "RWQ"}, -1, "signature: *"},
	}
	all(append(signed, []row{
		{[]string{url, sum}, 0, "success"},
		{[]string{url, strings.ToUpper(sum)}, 0, "success"},
		{[]string{url}, 0, "success"},
		{[]string{url, wrong}, 553, "the MD5 of the package is " + sum + ", not " + wrong},
	}...))
	unsigned = false
	p.restart()
	p.installer(&installer{over: make(chan struct{}, 10)})
	all(append(signed, row{[]string{url, sum}, 554, "*"}))
}
