package luaota_test

import (
	"testing"

	"lander/lib/luaota"
	"lander/lib/luaota/record"
)

// An id is one integer in one form, whatever is done with it [OTA 8].
func TestParseID(t *testing.T) {
	for in, want := range map[record.Value]int64{
		"0": 0, "7": 7, "1122867": 1122867, `"1122867"`: 1122867, "9007199254740991": 9007199254740991, "9007199254740992": -1, "99999999999999999": -1,
		"": -1, `""`: -1, "07": -1, "00": -1, "-1": -1, "+1": -1, "1.0": -1, "1e3": -1, "null": -1, `"../x"`: -1, `"1/2"`: -1, `"1:"`: -1, `" 1"`: -1,
	} {
		if got, ok := luaota.ParseID(in); ok != (want >= 0) || ok && got != want {
			t.Errorf("%s: %d, %v", in, got, ok)
		}
	}
}
