package agent

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"lander/lib/emp/frame"
	"lander/lib/job"
	"lander/lib/remote"
	"lander/lib/store"
)

// The update that the last agent left may end while its ticket is read: it is
// answered once, by whom the ticket waits for.
func TestUpdateEndsAtTheStart(t *testing.T) {
	const rounds = 10
	for range rounds {
		dir := t.TempDir()
		now, ticket := job.Time{Time: time.Now()}, frame.Int(7)
		var state updateState
		// Of its own the agent installs nothing: that fails at once.
		state.Job = &updateJob{Ticket: ticket, Step: stepDispatch, Started: now, Components: []component{{Name: agentAsset + ".x", Version: "1"}}}
		b, err := json.Marshal(state)
		if err == nil {
			err = os.Mkdir(filepath.Join(dir, "update"), 0o700)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "update", "state.json"), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		files, err := store.OpenFiles(filepath.Join(dir, "executions"))
		if err != nil {
			t.Fatal(err)
		}
		b, err = json.Marshal(taken{Time: now, Ticket: ticket, Path: "@sys.commands.SoftwareUpdate", Update: true})
		if err == nil {
			_, err = files.Put(t.Context(), commandKey("0123456789abcdef"), b, 0)
		}
		if err != nil {
			t.Fatal(err)
		}
		files.Close()
		answered := make(chan string, 10)
		a, err := New(t.Context(), Config{ID: "gw-1", Dir: dir, Clock: time.Now, Log: slog.New(slog.DiscardHandler), Script: &remote.Service{}, Event: func(e Event) {
			if e.Event == "data" {
				answered <- e.Ticket + " " + e.Status
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		select {
		case got := <-answered:
			if got != "7 component @sys.x: the agent installs nothing of its own" {
				t.Error(got)
			}
		case <-time.After(30 * time.Second):
			t.Error("no answer")
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
		if len(answered) > 0 {
			t.Errorf("and again: %s", <-answered)
		}
	}
}

// A rule may end its process while it is disabled, or enabled.
func TestStrikeWhileDisabled(t *testing.T) {
	a := &Agent{cfg: Config{Clock: time.Now, Log: slog.New(slog.DiscardHandler)}}
	m := &monitoring{a: a, dir: t.TempDir(), rules: map[string]*ruleRecord{}, loaded: map[string]*ruleRecord{}}
	for range 20 {
		r := &ruleRecord{Name: "r", Enabled: true}
		m.rules["r"], m.loaded["r"] = r, r
		var wg sync.WaitGroup
		wg.Go(func() { m.strike("r") })
		wg.Go(func() {
			if err := m.disable(t.Context(), "r"); err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
		if m.rules["r"].Enabled {
			t.Error("it is enabled")
		}
		b, err := os.ReadFile(m.path("r"))
		var kept ruleRecord
		if err == nil {
			err = json.Unmarshal(b, &kept)
		}
		if err != nil || kept.Enabled {
			t.Errorf("on record: %s %v", b, err)
		}
	}
}

// A script may end, on a full disk, while the rule that it installs is asked
// for its key.
func TestKeyOfOneThatEnds(t *testing.T) {
	s := &fullStore{Store: store.NewMemory()}
	a := &Agent{cfg: Config{Clock: time.Now, Log: slog.New(slog.DiscardHandler)}, store: s}
	a.scripts = newScripts(a, &remote.Service{})
	s.full.Store(true)
	key := "0123456789ABCDEF"
	for range 20 {
		begun := job.Result{ID: "exec_1", KeyID: &key}
		a.scripts.mu.Lock()
		a.scripts.running[begun.ID] = &run{result: begun}
		a.scripts.mu.Unlock()
		var wg sync.WaitGroup
		wg.Go(func() { a.scripts.keep(begun, "") })
		wg.Go(func() {
			if got := a.scripts.keyOf(begun.ID); got != key {
				t.Error(got)
			}
		})
		wg.Wait()
	}
	a.scripts.close()
}
