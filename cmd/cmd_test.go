package cmd_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"lander/cmd"
)

func TestMain(m *testing.M) {
	lander := func() { os.Exit(cmd.Main(os.Args, os.Stdin, os.Stdout, os.Stderr)) }
	// A script child is this binary again, under its own name.
	if len(os.Args) == 2 && os.Args[1] == "script-child" {
		lander()
	}
	testscript.Main(m, map[string]func(){
		"lander": lander,
		// A program that was built in the future: its clock is not set.
		"lander-of-2099": func() {
			cmd.SetLinkTime("2099-01-01T00:00:00Z")
			lander()
		},
	})
}

func TestScripts(t *testing.T) {
	examples, err := filepath.Abs("../examples")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			home := filepath.Join(e.WorkDir, "home")
			e.Setenv("HOME", home)
			e.Setenv("XDG_CONFIG_HOME", filepath.Join(home, "config"))
			e.Setenv("XDG_STATE_HOME", filepath.Join(home, "state"))
			e.Setenv("XDG_RUNTIME_DIR", filepath.Join(home, "run"))
			e.Setenv("XDG_CACHE_HOME", filepath.Join(home, "cache"))
			e.Setenv("CI", "")
			e.Setenv("EXAMPLES", examples)
			e.Setenv("LANDER_INTEROP", os.Getenv("LANDER_INTEROP"))
			return os.MkdirAll(home, 0o700)
		},
		Cmds:      commandsForScripts(),
		Condition: condition,
	})
}
