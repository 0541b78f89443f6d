package trust_test

import (
	"encoding/hex"
	"strings"
	"testing"

	"lander/lib/trust"
)

// Tags that the original's client and server exchanged.
func TestLuaOTATag(t *testing.T) {
	tag := trust.LuaOTATag([]byte("s3cret"))
	for _, c := range []struct{ text, want string }{
		{`{"s":"OK"}`, "75d7f1"},
		{`{"r":"OK!"}`, "aaa6df"},
		{`{"a":"ls"}`, "501478"},
		{`{"a":"cm","data":67,"name":"main.lua"}`, "9c6457"},
	} {
		if got := tag([]byte(c.text)); hex.EncodeToString(got[:]) != c.want {
			t.Errorf("%s: tag %x, want %s", c.text, got, c.want)
		}
	}
}

func TestLuaOTAFingerprint(t *testing.T) {
	items := strings.Fields("main.lua:1700000000 seven.lua:1700000000 a.dat:1700000000 www.html:1700000000")
	if got := trust.LuaOTAFingerprint(items); got != "ad062fe91ef58d731c87f6bb6b651cb0" {
		t.Errorf("fingerprint %s", got)
	}
}

func TestLuaOTASession(t *testing.T) {
	a := trust.LuaOTASession([]byte("s"), []byte("one"))
	b := trust.LuaOTASession([]byte("s"), []byte("two"))
	if a([]byte("x"), []byte("y")) != a([]byte("xy")) {
		t.Error("the parts are not one message")
	}
	if a([]byte("x")) == b([]byte("x")) {
		t.Error("two sessions have one key")
	}
	// By openssl: HMAC-SHA256 under HMAC-SHA256 of "one" under "s".
	if got := a([]byte("x")); hex.EncodeToString(got[:]) != "99aab10f2f905a9b11c905984152c561e257f86399e163a41e6f3aa1c53bced5" {
		t.Errorf("the MAC is %x", got)
	}
}
