package envelope_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"lander/lib/m3da/bysant"
	. "lander/lib/m3da/envelope"
)

func vector(t testing.TB, section, name string) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]map[string]string
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	b, err := hex.DecodeString(all[section][name])
	if err != nil || len(b) == 0 {
		t.Fatalf("vector %q: %v", name, err)
	}
	return b
}

func TestVectors(t *testing.T) {
	str, num := bysant.OfString, bysant.OfInt
	script := bysant.OfMap(Field{Key: bysant.Name("ExecuteScript"), Value: bysant.OfList(str("http://h/s.lua"), str("900150983cd24fb0d6963f7d28e17f72"))})
	for _, tt := range []struct {
		name string
		item Item
	}{
		{"Message ExecuteScript, positional", Message{Path: "@sys.commands", Ticket: num(7), Body: script}},
		{"Message path @sys.commands.ExecuteScript, body of 2 {\"1\"=url,\"2\"=sig} fixed map", Message{Path: "@sys.commands.ExecuteScript", Ticket: num(7), Body: bysant.OfMap(Text("1", "u"), Text("2", "s")).Sized()}},
		{"Response ok", Response{Ticket: num(7), Data: str("ok")}},
		{"Response -1 \"boom\"", Response{Ticket: num(7), Status: -1, Data: str("boom")}},
	} {
		want := vector(t, "objects", tt.name)
		items, err := ParseItems(string(want))
		if err != nil || len(items) != 1 {
			t.Errorf("%s: %v, %d items", tt.name, err, len(items))
			continue
		}
		if got := tt.item.Append(nil); string(got) != string(want) {
			t.Errorf("%s:\n got %x\nwant %x", tt.name, got, want)
		}
		if got := items[0].Append(nil); string(got) != string(want) {
			t.Errorf("%s parsed is %+v, which is %x, want %x", tt.name, items[0], got, want)
		}
	}
	hello := Envelope{Header: Header(Text("id", "dev"))}
	if got, want := hello.Append(nil), "60c1036964066465760000"+"00"; hex.EncodeToString(got) != want {
		t.Errorf("hello is %x, want %s", got, want)
	}
	for _, name := range []string{"Envelope {id=\"dev\"} no payload", "Envelope {status=200} null payload", "streamed envelope {id=\"dev\"} payload \"P\"", "streamed envelope {id=\"dev\"} no payload"} {
		e, rest, err := Parse(vector(t, "objects", name))
		if err != nil || len(rest) != 0 {
			t.Errorf("%s: %v", name, err)
		}
		status, ok := e.Status()
		if ok != strings.Contains(name, "status") || ok && status != StatusOK || !ok && e.ID() != "dev" || (e.Payload == "P") != strings.Contains(name, "\"P\"") {
			t.Errorf("%s is %+v", name, e)
		}
	}
	inner := vector(t, "security (password \"secret1\", device \"dev1\", server \"AIRVANTAGE\", nonce 000102..0f)", "inner envelope (plain)")
	if got := (Envelope{Header: Header(Int("status", 200)), Payload: "hello M3DA"}).Append(nil); string(got) != string(inner) {
		t.Errorf("the inner envelope is %x, want %x", got, inner)
	}
}

func TestExpand(t *testing.T) {
	num := bysant.OfInt
	list := func(v bysant.Value) string {
		vs, err := Expand(v, 1000)
		if err != nil {
			return err.Error()
		}
		var out []string
		for _, v := range vs {
			if n, ok := v.Int(); ok {
				out = append(out, fmt.Sprint(n))
			} else {
				f, _ := v.Float()
				out = append(out, fmt.Sprint(f))
			}
		}
		return strings.Join(out, " ")
	}
	for _, tt := range []struct {
		v    bysant.Value
		want string
	}{
		{QuasiPeriodic(num(20), num(143), []int64{3, 1, 2, -2, 3}), "143 163 183 203 224 244 264 282 302 322 342"},
		{Deltas(num(60), num(20563105), []int64{2, 5, 3}), "1233786300 1233786420 1233786720 1233786900"},
		{Deltas(bysant.OfFloat(0.5), num(3), []int64{1, -2}), "1.5 2 1"},
		{bysant.OfList(num(1), num(2)), "1 2"},
		{num(5), "5"},
		{QuasiPeriodic(num(1), num(0), []int64{1 << 40}), "malformed envelope: a column of more than 1000 values"},
		{QuasiPeriodic(num(1), num(0), []int64{1, 1}), "malformed envelope: a vector of 2 shifts"},
		{QuasiPeriodic(num(1), num(0), []int64{-1}), "malformed envelope: a number of gaps that is none"},
		{Deltas(bysant.OfString("x"), num(0), nil), "malformed envelope: a vector that does not begin with numbers"},
	} {
		b := bysant.Append(nil, tt.v)
		back, _, err := bysant.Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		if got := list(back); got != tt.want {
			t.Errorf("%x is %s, want %s", b, got, tt.want)
		}
	}
	for name, v := range map[string]bysant.Value{"DeltasVector 60,20563105,{2,5,3}": Deltas(num(60), num(20563105), []int64{2, 5, 3}), "QuasiPeriodicVector 20,143,{3,1,2,-2,3}": QuasiPeriodic(num(20), num(143), []int64{3, 1, 2, -2, 3})} {
		if got := bysant.Append(nil, v); string(got) != string(vector(t, "objects", name)) {
			t.Errorf("%s is %x", name, got)
		}
	}
}

func FuzzEnvelope(f *testing.F) {
	inner := Message{Path: "@sys.commands", Ticket: bysant.OfInt(1), Body: bysant.OfMap(Text("a", "b"))}.Append(nil)
	f.Add(Envelope{Header: Header(Text("id", "x"), Int("status", 200)), Payload: string(inner), Footer: Header(Text("mac", "0123"))}.Append(nil))
	f.Add(vector(f, "objects", "Envelope {id=\"dev\"} no payload"))
	f.Add(vector(f, "objects", "Envelope {status=200} null payload"))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, rest, err := Parse(b)
		if err != nil {
			if rest != nil || e.Payload != "" || !e.Header.IsNull() {
				t.Fatal("an envelope beside an error")
			}
			return
		}
		canonical := e.Append(nil)
		again, rest, err := Parse(canonical)
		if err != nil || len(rest) != 0 || string(again.Append(nil)) != string(canonical) {
			t.Fatalf("%x is written as %x, then as %x (%v)", b, canonical, again.Append(nil), err)
		}
		items, err := ParseItems(e.Payload)
		if err != nil {
			if items != nil {
				t.Fatal("items beside an error")
			}
			return
		}
		var payload []byte
		for _, i := range items {
			payload = i.Append(payload)
		}
		if _, err := ParseItems(string(payload)); err != nil {
			t.Fatalf("%x is written as %x, which is not read: %v", e.Payload, payload, err)
		}
	})
}

// The numbers of the wire [M3DA 3].
func TestStatusNumbers(t *testing.T) {
	got := []int{StatusOK, StatusMalformed, StatusUnauthorized, StatusForbidden, StatusAuthentication, StatusTimeout, StatusEncryption, StatusShortcut, StatusServerFault, StatusUnavailable}
	if want := "[200 400 401 403 407 408 450 451 500 503]"; fmt.Sprint(got) != want {
		t.Errorf("%v, want %s", got, want)
	}
}

func TestRefused(t *testing.T) {
	for _, text := range []string{"9f", "61" + "00" + "00" + "00", "60" + "02" + "9f" + "00" + "00", "60" + "00" + "3b" + "00"} {
		b, _ := hex.DecodeString(text)
		if _, _, err := Parse(b); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{"9f", "63" + "62" + "62" + "01", "61" + "3b" + "00" + "00"} {
		b, _ := hex.DecodeString(text)
		if _, err := ParseItems(string(b)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
