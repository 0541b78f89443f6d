package luatable_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lander/lib/luatable"
)

func TestParse(t *testing.T) {
	got, err := luatable.Parse([]byte(`-- a manifest
return { --[[ long
comment ]] version = "1.2", force = true; ['with blank'] = 'it\'s\65\n',
  components = {
    { name = "a.pkg1", location = [[dir/x]], parameters = { n = 1, f = 1.5e1, neg = -3, hex = 0x1F, none = nil, [1] = "one", "two" } },
    [==[
long]]]==], {},
  },
};`))
	if err != nil {
		t.Fatal(err)
	}
	want := &luatable.Table{Fields: map[string]any{
		"version": "1.2", "force": true, "with blank": "it'sA\n",
		"components": &luatable.Table{Fields: map[string]any{}, List: []any{
			&luatable.Table{Fields: map[string]any{"name": "a.pkg1", "location": "dir/x", "parameters": &luatable.Table{
				Fields: map[string]any{"n": int64(1), "f": 15.0, "neg": int64(-3), "hex": int64(31)}, List: []any{"one", "two"},
			}}},
			"long]]", &luatable.Table{Fields: map[string]any{}},
		}},
	}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if _, err := luatable.Parse([]byte(`"text"`)); !errors.Is(err, luatable.ErrNotTable) {
		t.Errorf("a string: %v", err)
	}
	for _, text := range []string{
		"", "return", "{", "{1", "{1 2}", "{a=}", "{a=b}", "{a=f()}", "{[1=2}", "{[true]=1}", "{[2]=1}", "{1}}", `{"a}`, `{"\q"}`, `{"\300"}`, "{[[a}", "{--[[a}",
		"{1..2}", "{0x}", "{-}", "{.}", "{1_0}", "{a.b=1}", "function() end", "{a=1}{}", "{,}", "{0x1p4}", "{a=nan}", "{inf}",
		"{\"a\nb\"}", `{"\256"}`, `{"a\`, "{" + strings.Repeat("1", 65) + "}", strings.Repeat("{", 1000),
	} {
		if tab, err := luatable.Parse([]byte(text)); !errors.Is(err, luatable.ErrSyntax) || tab != nil {
			t.Errorf("%q: %v, %v", text, tab, err)
		}
	}
}

// What is just good.
func TestParseLimits(t *testing.T) {
	for text, want := range map[string]*luatable.Table{
		`{"\255\0a\v\f"}`:                                 {List: []any{"\xff\x00a\x0b\x0c"}},
		`{[ "k" ] = 1}`:                                   {Fields: map[string]any{"k": int64(1)}},
		`{1E+2, 0xE, -0}`:                                 {List: []any{100.0, int64(14), int64(0)}},
		"{" + strings.Repeat("0", 63) + "7}":              {List: []any{int64(7)}},
		strings.Repeat("{", 64) + strings.Repeat("}", 64): nil,
		"--\n{'a\\\nb', -- of two lines\n}":               {List: []any{"a\nb"}},
	} {
		got, err := luatable.Parse([]byte(text))
		if want != nil && want.Fields == nil {
			want.Fields = map[string]any{}
		}
		if d := cmp.Diff(want, got); err != nil || want != nil && d != "" {
			t.Errorf("%s: %v\n%s", text, err, d)
		}
	}
	for text, want := range map[string]string{strings.Repeat("{", 65): "too deep", "{'a\\\nb',\n?}": "line 3"} {
		if _, err := luatable.Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`return {a=1,"b",[ [[c]] ]=-0x10,{1.5,nil,true}}`)
	f.Fuzz(func(t *testing.T, text string) {
		tab, err := luatable.Parse([]byte(text))
		if (tab == nil) == (err == nil) {
			t.Fatalf("%v beside %v", tab, err)
		}
	})
}
