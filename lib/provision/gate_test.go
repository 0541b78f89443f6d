package provision_test

import (
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"lander/lib/luaota"
	"lander/lib/luaota/luaotatest"
	"lander/lib/provision"
)

// Where one address has all its streams open and says nothing on them, the
// oldest-silent gives way to a board.
func TestGateGivesWay(t *testing.T) {
	r := newRig(t, small("1"), func(o *provision.Options) { o.MaxConns, o.MaxPerHost, o.Hello = 4, 3, time.Hour })
	for range 2 { // and once more: no place is given back twice
		var silent []net.Conn
		for range 20 {
			silent = append(silent, r.dial())
		}
		// All but the last three are closed.
		for i, c := range silent[:17] {
			c.SetReadDeadline(time.Now().Add(30 * time.Second))
			if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("stream %d: %v", i, err)
			}
		}
		flash := board("s3cret")
		if n := r.settle(7, flash); n != 1 {
			t.Errorf("%d boots", n)
		}
		for _, c := range silent {
			c.Close()
		}
	}
}

// The client of a board, the original's or ours, is replaced by ours with an
// update like any other, itself last.
func TestSelfUpdate(t *testing.T) {
	luaotatest.NeedLua(t, "lua5.1", interop())
	tree := map[string]string{"main.lua": app("9"), "part.lua": "return '9'\n"}
	names := []string{`"main.lua"`, `"part.lua"`}
	for name, text := range luaota.ClientModules() {
		tree[name] = text + "-- newer\n"
		names = append(names, `{"path":"`+name+`","mode":"source"}`)
	}
	tree["default.json"] = `{` + secretLine + `,"files":[` + strings.Join(names, ",") + `]}`
	r := newRig(t, tree, nil)
	flash := board("s3cret")
	luaotatest.Install(flash)
	b := newBoard(r, 7, flash)
	if _, e := bootAll(t, b); e.Printed[0] != "app 9 9 "+luaota.MessageOK {
		t.Fatalf("%+v", e)
	}
	files := flash.Files()
	for name := range luaota.ClientModules() {
		if files[name] != tree[name] {
			t.Errorf("%s is not the newer one", name)
		}
	}
	// And a board that runs the original's client gets it too.
	other := board("s3cret")
	r.settle(8, other)
	if files := other.Files(); files["luaOTA/check.lua"] != tree["luaOTA/check.lua"] {
		t.Error("the other board has not got our client")
	}
	events := r.eventsOf(provision.EventPlan)
	steps := events[len(events)-1].Plan
	if last := steps[len(steps)-2].Name; !strings.HasPrefix(last, "luaOTA/") {
		t.Errorf("the last file to be moved is %s", last)
	}
}
