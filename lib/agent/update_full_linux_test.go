package agent_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lander/lib/agent"
	"lander/lib/durable/durabletest"
	"lander/lib/emp/frame"
)

// A disk without room for what is in the package: nothing is handed on, the
// code says so, and with room the same package goes in.
func TestUpdateDiskFull(t *testing.T) {
	d := startDevice(t, "", nil, 0)
	in := &installer{}
	p := d.installer(in)
	big := d.file("big", d.sign(pack(t, "Manifest", `{components={{name="a.x",version="1",location="one"}}}`, "one", strings.Repeat("1", 9<<20)), "package", 1))
	room := durabletest.Fill(t, 8<<20)
	d.update(agent.UpdateOrder{Location: big})
	got := in.end(t)
	room()
	if !strings.HasSuffix(got, "no space left") || strings.Contains(got, "[20]") {
		t.Error(got)
	}
	d.want(p, frame.CmdGetVariable, `"update.swlist.lastupdate.result"`, 0, `[555]`)
	if _, err := os.Stat(filepath.Join(d.dir, "agent", "update", "work")); err == nil {
		t.Error("what was unpacked stays")
	}
	d.update(agent.UpdateOrder{Location: big})
	if got := in.end(t); !strings.HasSuffix(got, "6 success") {
		t.Error(got)
	}
}
