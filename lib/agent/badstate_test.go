package agent_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lander/lib/agent"
	"lander/lib/remote"
)

// State that cannot be opened, whichever part of it, is an error that names
// it, and the next start has the rest.
func TestUnusableState(t *testing.T) {
	for _, name := range []string{"config.log", "stage.log", "executions", "update", "lock"} {
		dir := t.TempDir()
		path := filepath.Join(dir, name)
		var err error
		if name == "executions" || name == "update" {
			err = os.WriteFile(path, nil, 0o600) // where a directory belongs
		} else {
			err = os.Mkdir(path, 0o700)
		}
		if err != nil {
			t.Fatal(err)
		}
		cfg := agent.Config{ID: "gw-1", Dir: dir, Clock: time.Now, Log: slog.New(slog.DiscardHandler), Script: &remote.Service{}}
		if a, err := agent.New(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
			if a != nil {
				a.Close()
			}
			continue
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		a, err := agent.New(t.Context(), cfg)
		if err != nil {
			t.Errorf("%s, once it is gone: %v", name, err)
			continue
		}
		if err := a.Close(); err != nil {
			t.Errorf("%s: closing: %v", name, err)
		}
	}
}
