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
		"{1..2}", "{0x}", "{-}", "{.}", "{1_0}", "{a.b=1}", "function() end", "{a=1}{}", "{,}", "{0x1p4}", "{a=nan}", "{inf}", strings.Repeat("{", 1000),
	} {
		if tab, err := luatable.Parse([]byte(text)); !errors.Is(err, luatable.ErrSyntax) || tab != nil {
			t.Errorf("%q: %v, %v", text, tab, err)
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
