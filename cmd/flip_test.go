package cmd_test

import (
	"bytes"
	"os"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"lander/cmd"
)

// verifyRefuses runs the command line in this process: thousands of processes
// would take minutes.
func verifyRefuses(ts *testscript.TestScript, file string, content []byte, what string, flags []string) {
	bad := file + ".flipped"
	ts.Check(os.WriteFile(bad, content, 0o600))
	defer os.Remove(bad)
	for i, f := range flags {
		if f == "keys" {
			flags[i] = ts.MkAbs(f)
		}
	}
	var out, errs bytes.Buffer
	code := cmd.Main(append([]string{"lander", "script", "verify", bad}, flags...), strings.NewReader(""), &out, &errs)
	lines := strings.Split(strings.TrimSpace(errs.String()), "\n")
	errLines := 0
	for _, l := range lines {
		if strings.HasPrefix(l, "lander: error: ") {
			errLines++
		} else if !strings.HasPrefix(l, "lander: hint: ") {
			ts.Fatalf("%s: stderr line %q", what, l)
		}
	}
	if code != 3 && code != 4 || errLines != 1 || out.Len() > 0 {
		ts.Fatalf("%s: exit %d, stdout %q, stderr %q", what, code, out.String(), errs.String())
	}
}
