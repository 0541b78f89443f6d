package cmd_test

import (
	"os"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	"go.yaml.in/yaml/v3"
)

// workflow writes what the steps of a workflow run, one after another, into a
// shell script: workflow FILE SCRIPT.
func workflow(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: workflow FILE SCRIPT")
	}
	var file struct {
		Jobs map[string]struct {
			Steps []struct {
				Uses, Run, Name string
			}
		}
	}
	text, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Check(yaml.Unmarshal(text, &file))
	var b strings.Builder
	for _, j := range file.Jobs {
		for _, s := range j.Steps {
			if s.Run != "" {
				b.WriteString("# " + s.Name + "\n(\n" + strings.TrimSpace(s.Run) + "\n)\n")
			}
		}
	}
	if b.Len() == 0 {
		ts.Fatalf("%s has no steps that run anything", args[0])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(b.String()), 0o644))
}
