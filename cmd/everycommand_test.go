package cmd_test

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"lander/cmd"
)

// everyCommand runs each command and group of the tree with --help or with a
// flag that none has.
func everyCommand(ts *testscript.TestScript, neg bool, args []string) {
	for _, path := range cmd.Paths() {
		words := append([]string{"lander"}, strings.Fields(path.Name)...)
		switch args[0] {
		case "help":
			checkHelp(ts, path, words)
		case "nope":
			code, out, errs := inProcess(append(words, "--nope"))
			if code != 2 || out != "" || !strings.HasPrefix(errs, "lander: error: ") {
				ts.Fatalf("%s --nope: exit %d, stdout %q, stderr %q", path.Name, code, out, errs)
			}
			code, out, errs = inProcess(append(words, "--nope", "--json"))
			var v map[string]any
			if code != 2 || out != "" || json.Unmarshal([]byte(errs), &v) != nil {
				ts.Fatalf("%s --nope --json: exit %d, stdout %q, stderr %q", path.Name, code, out, errs)
			}
		}
	}
}

func inProcess(args []string) (int, string, string) {
	var out, errs bytes.Buffer
	code := cmd.Main(args, strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

var heading = regexp.MustCompile(`(?m)^[A-Z ]+$`)

func checkHelp(ts *testscript.TestScript, path cmd.Path, words []string) {
	for _, flag := range []string{"--help", "-h"} {
		code, out, errs := inProcess(append(words, flag))
		if code != 0 || errs != "" {
			ts.Fatalf("%s %s: exit %d, stderr %q", path.Name, flag, code, errs)
		}
		heads := heading.FindAllString(out, -1)
		if n := len(heads); n < 2 || heads[n-2] != "EXIT STATUS" || heads[n-1] != "EXAMPLES" {
			ts.Fatalf("%s %s: headings %q", path.Name, flag, heads)
		}
		if path.Group && !strings.Contains(out, "\nCOMMANDS\n") {
			ts.Fatalf("%s %s does not list its commands", path.Name, flag)
		}
		_, examples, _ := strings.Cut(out, "\nEXAMPLES\n")
		if strings.Count(examples, strings.TrimSpace("lander "+path.Name)) < 2 {
			ts.Fatalf("%s %s: fewer than two examples that name it:\n%s", path.Name, flag, examples)
		}
		if strings.Contains(out, "\x1b") {
			ts.Fatalf("%s %s has escape bytes", path.Name, flag)
		}
	}
}
