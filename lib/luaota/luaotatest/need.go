package luaotatest

import (
	"os/exec"
	"testing"

	"lander/lib/luaota"
)

// NeedLua skips a test where an interpreter, lua5.1 or lua5.3, is not installed;
// with interop set it fails instead.
func NeedLua(t testing.TB, lua string, interop bool) {
	t.Helper()
	if _, err := exec.LookPath(lua); err != nil {
		if interop {
			t.Fatalf("%s is not installed, and LANDER_INTEROP=1 makes it mandatory", lua)
		}
		t.Skipf("%s is not installed", lua)
	}
}

// Install puts our device client on a flash, with a one-line init.lua.
func Install(f *Flash) {
	for name, text := range luaota.ClientModules() {
		f.Put(name, text)
	}
	f.Put("init.lua", `require "luaOTA.check"`)
}
