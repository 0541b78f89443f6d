package cmd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// systemd has nothing to say against the units, and calls none of them exposed.
func TestUnits(t *testing.T) {
	tool, err := exec.LookPath("systemd-analyze")
	if err != nil {
		if interop() {
			t.Fatal("systemd-analyze is not installed, and LANDER_INTEROP=1 makes it mandatory")
		}
		t.Skip("systemd-analyze is not installed")
	}
	dir := t.TempDir()
	files, err := filepath.Glob("../examples/systemd/lander-*")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	exposure := regexp.MustCompile(`Overall exposure level for .*: ([0-9.]+) `)
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		// The program is not installed where tests run.
		here := strings.ReplaceAll(string(text), "/usr/bin/lander", "/bin/true")
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(f)), []byte(here), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range files {
		unit := filepath.Join(dir, filepath.Base(f))
		if out, err := exec.Command(tool, "verify", "--man=no", unit).CombinedOutput(); err != nil || strings.Contains(string(out), dir) || strings.Contains(string(out), filepath.Base(f)) {
			t.Errorf("%s: %v\n%s", f, err, out)
		}
		if filepath.Ext(f) != ".service" {
			continue
		}
		out, err := exec.Command(tool, "security", "--offline=true", "--no-pager", unit).CombinedOutput()
		level := exposure.FindSubmatch(out)
		if err != nil || level == nil {
			t.Logf("%s: not judged: %v", f, err) // an older systemd cannot without a running one
			continue
		}
		if n, err := strconv.ParseFloat(string(level[1]), 64); err != nil || n > 3 {
			t.Errorf("%s: exposure %s", f, level[1])
		}
	}
}
