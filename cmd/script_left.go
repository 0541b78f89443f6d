package cmd

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"lander/lib/durable"
	"lander/lib/job"
	"lander/lib/proc"
	"lander/lib/remote"
)

// heldRunner runs programs under a lock each in the state directory. A lock
// that nobody holds is of a run that was killed, or whose directory could not
// be removed: what it left, processes and a directory, is cleared before the
// next one.
type heldRunner struct {
	programs *proc.Runner
	dir      string
	log      *slog.Logger
}

const (
	heldSuffix = ".lock"
	leftSuffix = ".left" // its end was seen: only the directory is left
)

// holdPrograms puts the runners of programs under locks in dir.
func holdPrograms(runners remote.Runners, dir string, log *slog.Logger) {
	for format, r := range runners {
		if p, ok := r.(*proc.Runner); ok {
			runners[format] = heldRunner{p, dir, log}
		}
	}
}

// Run implements job.Runner. A run goes on without its lock where that cannot
// be made: it is for the case that we are killed.
func (r heldRunner) Run(ctx context.Context, t job.Task, s job.Streams) job.Outcome {
	r.clear()
	path := filepath.Join(r.dir, t.ID+heldSuffix)
	err := durable.MkdirAll(r.dir, 0o700)
	if err == nil {
		var lock *durable.Lock
		if lock, err = durable.TryLock(path); err == nil {
			defer lock.Release()
		}
	}
	if err != nil {
		r.log.Debug("run is not noted", "error", err)
	}
	o := r.programs.Run(ctx, t, s)
	if proc.Remains(r.programs.TempDir, t.ID) {
		r.log.Warn("the directory of the run cannot be removed; the next run tries again", "execution", t.ID)
		os.Rename(path, filepath.Join(r.dir, t.ID+leftSuffix))
	} else {
		os.Remove(path)
	}
	return o
}

func (r heldRunner) clear() {
	entries, err := os.ReadDir(r.dir)
	if err != nil {
		return // there was no run yet
	}
	for _, e := range entries {
		id, open := strings.CutSuffix(e.Name(), heldSuffix)
		var ids [2][]string
		if open {
			ids[0] = []string{id}
		} else if id, open = strings.CutSuffix(id, leftSuffix); open {
			ids[1] = []string{id}
		} else {
			continue
		}
		path := filepath.Join(r.dir, e.Name())
		lock, err := durable.TryLock(path)
		if err != nil {
			continue // it runs
		}
		killed, err := proc.ClearLeft(r.programs.TempDir, ids[0], ids[1])
		if err == nil {
			err = os.Remove(path)
		}
		if err != nil {
			r.log.Warn("cannot clear what a run has left", "execution", id, "error", err)
		} else {
			r.log.Info("cleared what a run had left", "execution", id, "processes", killed)
		}
		lock.Release()
	}
}
