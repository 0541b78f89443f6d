package trust_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lander/lib/capability"
	"lander/lib/trust"
)

const sum = "9c57f69d6be5669fe5190de222800c29e8dc5187895270c53b7ba7699d087266"

func good() trust.Statement {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return trust.Statement{
		Name: "a b,c%/é.lua", Format: "lua", Size: 41, SHA256: sum, Targets: []string{"gw-1", "group:north"},
		Serial: 7, Signed: at, NotBefore: at.Add(time.Hour), Expires: at.Add(2 * time.Hour), Once: true,
		Cap: capability.Set{"base", "fs:/a,b c:ro"}, ArgsAllow: true,
	}
}

const goodText = "lander:1 name=a%20b%2Cc%25/%C3%A9.lua format=lua size=41 sha256=" + sum +
	" target=gw-1 target=group:north serial=7 signed=2026-01-02T03:04:05Z not-before=2026-01-02T04:04:05Z expires=2026-01-02T05:04:05Z" +
	" once=1 cap=base,fs:/a%2Cb%20c:ro args=allow"

func TestStatementBothWays(t *testing.T) {
	text, err := good().Comment()
	if err != nil || text != goodText {
		t.Fatalf("comment %q, %v\nwant    %q", text, err, goodText)
	}
	back, err := trust.ParseStatement(text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(good(), back); diff != "" {
		t.Error(diff)
	}
}

func TestStatementErrors(t *testing.T) {
	replace := func(old, new string) string { return strings.Replace(goodText, old, new, 1) }
	tests := []struct{ name, text, want string }{
		{"other version", replace("lander:1", "lander:2"), "not with lander:1"},
		{"unknown word", goodText + " color=red", "word color: not known"},
		{"no key=value", goodText + " color", "not key=value"},
		{"double blank", replace(" format", "  format"), "not key=value"},
		{"twice", goodText + " serial=8", "serial twice"},
		{"no name", replace("name=a%20b%2Cc%25/%C3%A9.lua ", ""), "lacks the word name"},
		{"no target", replace(" target=gw-1 target=group:north", ""), "lacks the word target"},
		{"no expires", replace(" expires=2026-01-02T05:04:05Z", ""), "lacks the word expires"},
		{"empty target", replace("target=gw-1", "target="), "empty target"},
		{"newline in name", replace("name=a", "name=a%0A"), "control character"},
		{"half an escape", replace("name=a%20b", "name=a%2"), "two hex digits"},
		{"half an escape at the end", replace("args=allow", "args=allo%7"), "two hex digits"},
		{"no hex", replace("name=a%20b", "name=a%2gb"), "two hex digits"},
		{"delete in name", replace("name=a", "name=a%7F"), "control character"},
		{"not UTF-8", replace("name=a", "name=a%FF"), "not UTF-8"},
		{"long name", replace("name=a", "name="+strings.Repeat("a", 256)), "longer than 255"},
		{"format", replace("format=lua", "format=exe"), `format "exe" is not known`},
		{"negative size", replace("size=41", "size=-1"), "whole number"},
		{"leading zero", replace("size=41", "size=041"), "whole number"},
		{"large serial", replace("serial=7", "serial=9007199254740992"), "whole number"},
		{"short sum", replace("sha256=9c", "sha256=9"), "64 lower-case hex"},
		{"upper sum", replace("sha256=9c", "sha256=9C"), "64 lower-case hex"},
		{"time", replace("signed=2026-01-02T03:04:05Z", "signed=yesterday"), "RFC 3339"},
		{"before 1970", replace("signed=2026-01-02T03:04:05Z", "signed=1970-01-01T00:59:59+01:00"), "RFC 3339"},
		{"after 9999", replace("expires=2026-01-02T05:04:05Z", "expires=9999-12-31T23:00:00-01:00"), "RFC 3339"},
		{"window", replace("expires=2026-01-02T05:04:05Z", "expires=2026-01-02T04:04:05Z"), "before it becomes valid"},
		{"once", replace("once=1", "once=yes"), "is not 1"},
		{"args", replace("args=allow", "args=deny"), "is not allow"},
		{"cap", replace("cap=base", "cap=root"), `capability "root" is not known`},
		{"half an escape in cap", replace("cap=base", "cap=base,fs:/%2"), "two hex digits"},
		{"too long", goodText + strings.Repeat(" target=x", 500), "the limit is 4000"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			st, err := trust.ParseStatement(tt.text)
			if !errors.Is(err, trust.ErrInvalid) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
			if diff := cmp.Diff(trust.Statement{}, st); diff != "" {
				t.Errorf("on error the value is not zero: %s", diff)
			}
		})
	}
}

// What parses renders to a text that parses to the same.
func FuzzStatement(f *testing.F) {
	f.Add(goodText)
	f.Add("lander:1 name=x format=sh size=0 sha256=" + sum + " target=* serial=0 signed=2026-01-02T03:04:05+01:00 expires=never cap=")
	f.Fuzz(func(t *testing.T, text string) {
		st, err := trust.ParseStatement(text)
		if err != nil {
			return
		}
		canon, err := st.Comment()
		if err != nil {
			if len(text) > trust.MaxComment-200 {
				return // escapes may make it longer than allowed
			}
			t.Fatalf("parsed %q, but cannot be rendered: %v", text, err)
		}
		again, err := trust.ParseStatement(canon)
		if err != nil {
			t.Fatalf("rendered %q does not parse: %v", canon, err)
		}
		if diff := cmp.Diff(st, again); diff != "" {
			t.Fatalf("%q: %s", text, diff)
		}
	})
}
