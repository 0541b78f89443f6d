package cmd_test

import (
	"bytes"
	"flag"
	"os"
	"testing"

	"lander/cmd"
)

var update = flag.Bool("update", false, "rewrite generated files")

// The completion scripts in completions/ are what the command prints.
func TestCompletionsAreCurrent(t *testing.T) {
	for shell, file := range map[string]string{"bash": "lander.bash", "zsh": "lander.zsh", "fish": "lander.fish", "powershell": "lander.ps1"} {
		var b bytes.Buffer
		cmd.Completion(shell, &b)
		path := "../completions/" + file
		if *update {
			if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		have, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(have, b.Bytes()) {
			t.Errorf("%s is not current: go test ./cmd -run Completions -update", path)
		}
	}
}
