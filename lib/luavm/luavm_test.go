package luavm

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lander/lib/capability"
	"lander/lib/job"
)

var _ job.Runner = (*Runner)(nil)

func runText(t *testing.T, src string, c Config) (string, []Value, error) {
	t.Helper()
	var out strings.Builder
	c.Stdout = &out
	if c.Capabilities == nil {
		c.Capabilities = capability.Default()
	}
	c.Poll = true
	p, err := Compile("job.lua", []byte(src))
	if err != nil {
		return "", nil, err
	}
	v, err := p.Run(context.Background(), c)
	return out.String(), v, err
}

func TestRun(t *testing.T) {
	out, v, err := runText(t, "#!/usr/bin/lua\nprint('hello', 1, nil, true, args.k) return 1, 'x', {1,2}, {a=1}", Config{Args: map[string]string{"k": "v"}})
	if err != nil {
		t.Fatal(err)
	}
	if out != "hello\t1\tnil\ttrue\tv\n" {
		t.Errorf("output %q", out)
	}
	want := []Value{1.0, "x", []Value{1.0, 2.0}, map[string]Value{"a": 1.0}}
	if d := cmp.Diff(want, v); d != "" {
		t.Error(d)
	}
}

func TestFaults(t *testing.T) {
	for _, c := range []struct{ src, code, msg string }{
		{"error('boom')", job.CodeScript, "job.lua:1: boom"},
		{"\nerror({})", job.CodeScript, "(error object is a table value)"},
		{"x =", job.CodeLoad, "job.lua:"},
		{"io.open('/etc/passwd')", job.CodeCapability, `job.lua:1: capability "fs:/etc/passwd" not granted`},
		{"os.execute('ls')", job.CodeCapability, `job.lua:1: capability "exec" not granted`},
		{"os.exit(3)", job.CodeExit, "exit code 3"},
	} {
		_, _, err := runText(t, c.src, Config{})
		var je *job.Error
		if !errors.As(err, &je) || je.Code != c.code || !strings.HasPrefix(je.Message, c.msg) {
			t.Errorf("%s: %v", c.src, err)
		}
	}
}

func TestModule(t *testing.T) {
	var kept *Function
	m := Module{Name: "tree", Word: "tree", Funcs: map[string]Func{
		"get": func(_ Context, c *Call) ([]Value, error) {
			s, err := c.String(1)
			return []Value{s + "!"}, err
		},
		"watch": func(_ Context, c *Call) (v []Value, err error) {
			kept, err = c.Function(1)
			return nil, err
		},
	}}
	got := ""
	out, _, err := runText(t, `local tree = require "tree" print(tree.get "a") tree.watch(function(v) print("changed", v) return v * 2 end)`, Config{
		Modules: []Module{m},
		Serve: func(ctx Context) error {
			v, err := kept.Call(ctx, 21)
			if err == nil {
				got = FormatNumber(v[0].(float64))
			}
			return err
		},
	})
	if err != nil || out != "a!\nchanged\t21\n" || got != "42" {
		t.Errorf("%q %q %v", out, got, err)
	}
	_, _, err = runText(t, `require "tree"`, Config{Capabilities: capability.Set{"base"}, Modules: []Module{m}})
	if err == nil || err.Error() != `job.lua:1: capability "tree" not granted` {
		t.Error(err)
	}
}

func TestTimeout(t *testing.T) {
	_, _, err := runText(t, "while true do end", Config{Budget: job.Budget{Wall: 50 * time.Millisecond}})
	var je *job.Error
	if !errors.As(err, &je) || je.Code != job.CodeTimeout {
		t.Error(err)
	}
}
