package trust_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"lander/lib/trust"
)

func TestM3DAVectors(t *testing.T) {
	text, err := os.ReadFile("testdata/m3da-vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]map[string]string
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	v := map[string]string{}
	for name, text := range all[`security (password "secret1", device "dev1", server "AIRVANTAGE", nonce 000102..0f)`] {
		b, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		v[name] = string(b)
	}
	nonce := "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"
	inner := v["inner envelope (plain)"]
	secret := trust.NewM3DASecret([]byte("secret1"))
	if string(secret[:]) != v["K"] {
		t.Errorf("K is %x", secret)
	}
	for _, auth := range trust.M3DAAuths[1:] {
		k, err := secret.Keys("AIRVANTAGE", "dev1", auth, "")
		if err != nil {
			t.Fatal(err)
		}
		for slot, who := range map[trust.M3DASlot]string{trust.M3DADevice: "device", trust.M3DAServer: "server"} {
			want, ok := v[auth+" mac by "+who]
			if !ok {
				continue
			}
			if got := k.MAC(slot, inner, nonce); got != want {
				t.Errorf("%s by %s is %x, want %x", auth, who, got, want)
			}
			if own, other := k.Side(slot), k.Side(1-slot); own.MAC(inner, nonce) != want || own.Verify(inner, nonce, want) || !other.Verify(inner, nonce, want) {
				t.Errorf("%s by %s: wrong verdict of a side", auth, who)
			}
			if !k.Verify(slot, inner, nonce, want) || k.Verify(slot, inner+"x", nonce, want) || k.Verify(1-slot, inner, nonce, want) || k.Verify(slot, inner, nonce, "") {
				t.Errorf("%s by %s: wrong verdict", auth, who)
			}
		}
	}
	for _, cipher := range trust.M3DACiphers[1:] {
		k, err := secret.Keys("AIRVANTAGE", "dev1", "hmac-sha1", cipher)
		if err != nil {
			t.Fatal(err)
		}
		want := v[cipher+" of the inner envelope"]
		if got := k.Seal(nonce, inner); got != want {
			t.Errorf("%s is %x, want %x", cipher, got, want)
		}
		if got, err := k.Open(nonce, want); err != nil || got != inner {
			t.Errorf("%s opens to %x (%v)", cipher, got, err)
		}
		for n := range 34 {
			plain := strings.Repeat("x", n)
			if got, err := k.Open(nonce, k.Seal(nonce, plain)); err != nil || got != plain {
				t.Errorf("%s: %d bytes come back as %d (%v)", cipher, n, len(got), err)
			}
		}
		if strings.Contains(cipher, "cbc") {
			for _, bad := range []string{"", "x", want[:16], strings.Repeat("\x00", 32)} {
				if _, err := k.Open(nonce, bad); !errors.Is(err, trust.ErrInvalid) {
					t.Errorf("%s opens %x: %v", cipher, bad, err)
				}
			}
		}
	}
	for _, words := range [][2]string{{"", ""}, {"", "aes-cbc-128"}, {"hmac-sha2", ""}, {"hmac-md5", "aes-ecb-128"}} {
		if _, err := secret.Keys("s", "d", words[0], words[1]); !errors.Is(err, trust.ErrInvalid) {
			t.Errorf("%q: %v", words, err)
		}
	}
}

func TestM3DASecretText(t *testing.T) {
	k := trust.NewM3DASecret([]byte("secret1"))
	text := k.Text()
	for in, want := range map[string]trust.M3DASecret{
		text: k, "secret1": k,
		text + "0": trust.NewM3DASecret([]byte(text + "0")), text[:35]: trust.NewM3DASecret([]byte(text[:35])),
		"md5:" + strings.Repeat("x", 32): trust.NewM3DASecret([]byte("md5:" + strings.Repeat("x", 32))),
	} {
		if got := trust.ParseM3DASecret([]byte(in)); got != want {
			t.Errorf("%q: %x, want %x", in, got, want)
		}
	}
}

func TestM3DARegistration(t *testing.T) {
	side := func(slot trust.M3DASlot) *trust.M3DARegistration {
		r, err := trust.NewM3DARegistration(slot, []byte("many devices"), "AIRVANTAGE", "dev1")
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	device, server := side(trust.M3DADevice), side(trust.M3DAServer)
	if n := len(device.PublicKey()); n != 133 {
		t.Errorf("a public key of %d bytes", n)
	}
	if mac := device.MAC("p", "salt"); !server.Verify("p", "salt", mac) || device.Verify("p", "salt", mac) || server.Verify("q", "salt", mac) {
		t.Error("wrong verdict")
	}
	// Each side's MAC is HMAC-MD5 under its own key, as in a session.
	keys, err := trust.NewM3DASecret([]byte("many devices")).Keys("AIRVANTAGE", "dev1", "hmac-md5", "")
	if err != nil {
		t.Fatal(err)
	}
	for slot, r := range map[trust.M3DASlot]*trust.M3DARegistration{trust.M3DADevice: device, trust.M3DAServer: server} {
		if got, want := r.MAC("p", "salt"), keys.MAC(slot, "p", "salt"); got != want {
			t.Errorf("the MAC of side %d is %x, want %x", slot, got, want)
		}
	}
	k := trust.NewM3DASecret([]byte("its own"))
	sent, err := server.Mask(device.PublicKey(), string(k[:]))
	if err != nil {
		t.Fatal(err)
	}
	got, err := device.Mask(server.PublicKey(), sent)
	if err != nil || got != string(k[:]) || sent == got {
		t.Errorf("the password became %x by way of %x (%v)", got, sent, err)
	}
	for _, peer := range []string{"", "x", "\x04" + strings.Repeat("\x01", 132)} {
		if _, err := device.Mask(peer, sent); !errors.Is(err, trust.ErrInvalid) {
			t.Errorf("the point %.4x: %v", peer, err)
		}
	}
}
