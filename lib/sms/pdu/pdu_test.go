package pdu_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lander/lib/sms/pdu"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Messages whose bytes are in the literature.
func TestDeliver(t *testing.T) {
	stamp := [7]byte{0x99, 0x30, 0x92, 0x51, 0x61, 0x95, 0x80}
	for _, c := range []struct {
		hex  string
		want pdu.Deliver
		text string
	}{
		{"07 917283010010F5 04 0B C8 7238880900F1 00 00 99309251619580 0A E8329BFD4697D9EC37",
			pdu.Deliver{From: "27838890001", Time: stamp}, "hellohello"},
		{"00 04 0B 91 7283880900F1 00 04 99309251619580 03 FF0041",
			pdu.Deliver{From: "+27388890001", Time: stamp, Unit: pdu.Unit{Coding: pdu.Octets}}, "\u00ff\x00A"},
		{"00 44 04 81 2143 00 08 99309251619580 0A 050003070201 20AC0021",
			pdu.Deliver{From: "1234", Time: stamp, Unit: pdu.Unit{Coding: pdu.UCS2, Part: pdu.Part{Ref: 7, Total: 2, N: 1}}}, "€!"},
	} {
		m, err := pdu.ParseDeliver(unhex(t, c.hex))
		if err != nil {
			t.Errorf("%s: %v", c.hex, err)
			continue
		}
		if m.Text() != c.text {
			t.Errorf("%s: the text is %q, want %q", c.hex, m.Text(), c.text)
		}
		m.Data = nil
		if d := cmp.Diff(c.want, m); d != "" {
			t.Errorf("%s: %s", c.hex, d)
		}
	}
	named, err := pdu.Deliver{From: "Lander", Time: stamp}.Append(nil)
	if m, perr := pdu.ParseDeliver(named); err != nil || perr != nil || m.From != "Lander" {
		t.Errorf("a named sender: %x, %v, %+v, %v", named, err, m, perr)
	}
	for n := range 20 {
		if _, err := pdu.ParseDeliver(unhex(t, "00040B917283880900F1000499309251619580"+"03FF0041")[:n]); !errors.Is(err, pdu.ErrMalformed) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

func TestSubmit(t *testing.T) {
	data, err := pdu.Encode(pdu.GSM7, "hellohello")
	if err != nil {
		t.Fatal(err)
	}
	b, err := pdu.Submit{To: "+46708251358", Unit: pdu.Unit{Data: data}}.Append(nil)
	if want := unhex(t, "00 01 00 0B 91 6407281553F8 00 00 0A E8329BFD4697D9EC37"); err != nil || !bytes.Equal(b, want) {
		t.Errorf("%x, %v, want %x", b, err, want)
	}
	if pdu.Length(b) != 22 {
		t.Errorf("the length is %d", pdu.Length(b))
	}
	for _, number := range []string{"", "+", "12 34", "+1\r", "1234567890123456789012", "+é"} {
		if err := pdu.CheckNumber(number); err == nil {
			t.Errorf("%q is a number", number)
		}
	}
}

// Texts of any length come back whole, by every coding.
func TestSplit(t *testing.T) {
	for coding, alphabet := range map[pdu.Coding]string{pdu.GSM7: "aé€[ñ", pdu.Octets: "\x00aé", pdu.UCS2: "a€😀"} {
		for _, n := range []int{0, 1, 66, 67, 68, 69, 70, 71, 133, 140, 141, 152, 153, 159, 160, 161, 400, 2000} {
			var text string
			for runes := []rune(alphabet); len([]rune(text)) < n; {
				text += string(runes[len(text)%len(runes)])
			}
			data, err := pdu.Encode(coding, text)
			if err != nil {
				t.Fatal(err)
			}
			units, err := pdu.Split(coding, data, 9)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for i, u := range units {
				b, err := pdu.Submit{To: "1", Unit: u}.Append(nil)
				if err != nil {
					t.Fatal(err)
				}
				m, err := pdu.ParseSubmit(b)
				if err != nil {
					t.Fatalf("coding %d, %d characters, part %d: %v", coding, n, i, err)
				}
				if len(units) > 1 && (m.Part.N != uint8(i+1) || m.Part.Total != uint8(len(units)) || m.Part.Ref != 9) {
					t.Errorf("part %d of %d is %+v", i+1, len(units), m.Part)
				}
				if coding == pdu.Octets {
					got += string(m.Data)
				} else {
					got += m.Text()
				}
			}
			if got != text {
				t.Errorf("coding %d: %d characters become %q", coding, n, got)
			}
		}
	}
	if _, err := pdu.Encode(pdu.GSM7, "日"); err == nil {
		t.Error("7 bits hold a character that they do not have")
	}
	if _, err := pdu.Split(pdu.Octets, make([]byte, 134*256), 0); err == nil {
		t.Error("256 parts are taken")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(unhex(f, "07917283010010F5040BC87238880900F10000993092516195800AE8329BFD4697D9EC37"))
	f.Add(unhex(f, "0001000B916407281553F800000AE8329BFD4697D9EC37"))
	f.Add(unhex(f, "0044048121430008993092516195800A05000307020120AC0021"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := pdu.ParseDeliver(b); err == nil {
			if out, err := m.Append(nil); err == nil {
				again, err := pdu.ParseDeliver(out)
				if err != nil {
					t.Fatalf("%x does not come back: %v", out, err)
				}
				if d := cmp.Diff(m, again); d != "" {
					t.Fatal(d)
				}
			}
		} else if m.From != "" || m.Data != nil {
			t.Fatal("a message beside an error")
		}
		if m, err := pdu.ParseSubmit(b); err == nil {
			if out, err := m.Append(nil); err == nil {
				again, err := pdu.ParseSubmit(out)
				if err != nil {
					t.Fatalf("%x does not come back: %v", out, err)
				}
				if d := cmp.Diff(m, again); d != "" {
					t.Fatal(d)
				}
			}
		}
	})
}
