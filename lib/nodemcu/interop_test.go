//go:build linux || darwin

package nodemcu_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"lander/lib/nodemcu/nodemcutest"
)

// npmModule finds a file of an npm package: below LANDER_NPM, the directories of
// NODE_PATH, or the cache of the CI run.
func npmModule(t *testing.T, path string) string {
	t.Helper()
	dirs := append([]string{os.Getenv("LANDER_NPM")}, filepath.SplitList(os.Getenv("NODE_PATH"))...)
	if home, err := os.UserHomeDir(); err == nil {
		dirs = append(dirs, filepath.Join(home, ".cache", "lander-ci", "node_modules"))
	}
	if _, err := exec.LookPath("node"); err == nil {
		for _, dir := range dirs {
			p := filepath.Join(dir, filepath.FromSlash(path))
			if _, err := os.Stat(p); dir != "" && err == nil {
				return p
			}
		}
	}
	if os.Getenv("LANDER_INTEROP") == "1" {
		t.Fatalf("node or the npm package of %s is not installed, and LANDER_INTEROP=1 makes it mandatory", path)
	}
	t.Skipf("node or the npm package of %s is not installed", path)
	return ""
}

// The simulated board is right as far as another program can tell: nodemcu-tool
// finds out what it is and stores a file on it.
func TestNodemcuToolUploads(t *testing.T) {
	tool := npmModule(t, "nodemcu-tool/bin/nodemcu-tool.js")
	b := &nodemcutest.Board{ID: 1122867}
	port, err := nodemcutest.NewPty(b, nodemcutest.Serving{})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	content := noise(2000)
	if err := os.WriteFile(filepath.Join(dir, "data.bin"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	// It does not wait for a board that starts.
	cmd := exec.CommandContext(ctx, "node", tool, "upload", "--port", port.Path, "--connection-delay", "500", "data.bin")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if err := port.Close(); err != nil {
		t.Error(err)
	}
	if got := b.Flash.Files()["data.bin"]; got != string(content) {
		t.Errorf("%d bytes of %d are stored\n%s", len(got), len(content), out)
	}
	if b.Lost > 0 || b.Overlong > 0 || b.Err() != nil {
		t.Errorf("%d bytes lost, %d lines too long, %v", b.Lost, b.Overlong, b.Err())
	}
}
