package job

import "testing"

func TestDetectFormat(t *testing.T) {
	for _, c := range []struct{ name, head, want string }{
		{"a.lua", "print(1)", FormatLua},
		{"a.lua", "\x1bLuaQ", FormatLuac51},
		{"a", "\x1bLJ\x02", FormatLuac51}, // whose loader refuses it by name
		{"a.SH", "", FormatSh},
		{"a", "#!/usr/bin/env python3\n", FormatPython},
		{"a", "#!/bin/dash -e\n", FormatSh},
		{"a", "#!/usr/bin/lua5.1", FormatLua},
		{"a", "#!/usr/bin/env\n", ""},
		{"a", "#!\n", ""},
		{"a", "\x1b", ""},
	} {
		if got := DetectFormat(c.name, []byte(c.head)); got != c.want {
			t.Errorf("%q %q: %q, want %q", c.name, c.head, got, c.want)
		}
	}
}
