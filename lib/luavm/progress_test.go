package luavm_test

import (
	"bytes"
	"strings"
	"testing"

	"lander/lib/capability"
	"lander/lib/job"
	"lander/lib/luavm"
)

func TestProgress(t *testing.T) {
	tests := []struct{ script, lines, err string }{
		{"progress.report(0) progress.report(42.9) progress.report('100')", "0\n42\n100\n", ""},
		{"require('progress').report(7)", "7\n", ""},
		{"progress.report(101)", "", "bad argument #1 to 'report' (a number from 0 to 100 expected)"},
		{"progress.report(-1)", "", "(a number from 0 to 100 expected)"},
		{"progress.report(0/0)", "", "(a number from 0 to 100 expected)"},
		{"progress.report({})", "", "number expected, got table"},
		{"progress.report()", "", "number expected, got no value"},
	}
	for _, tt := range tests {
		for _, listened := range []bool{true, false} {
			var out bytes.Buffer
			s := job.Streams{}
			if listened {
				s.Progress = &out
			}
			r := &luavm.Runner{}
			o := r.Run(t.Context(), job.Task{Name: "p.lua", Format: job.FormatLua, Payload: []byte(tt.script), Capabilities: capability.Set{capability.Base}}, s)
			got := ""
			if o.Err != nil {
				got = o.Err.Message
			}
			if !strings.Contains(got, tt.err) || (got == "") != (tt.err == "") || listened && out.String() != tt.lines {
				t.Errorf("%s: %q, lines %q", tt.script, got, out.String())
			}
		}
	}
}
