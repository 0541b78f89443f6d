package sovd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"lander/lib/job"
	"lander/lib/proc"
	"lander/lib/store"
)

// causeRestart is the message of executions that a restart has cut off.
const causeRestart = "The gateway was restarted while the script was running"

// ownerMark names in a script's environment the gateway that runs it.
const ownerMark = "LANDER_GATEWAY"

// recover reads the records, ends what still runs of an earlier life of this
// gateway, and settles it as terminated.
func (f *Files) recover(ctx context.Context) error {
	cut := map[string]*execution{}
	var finished, mine []*execution
	for e, err := range f.o.Store.List(ctx, "executions") {
		if errors.Is(err, store.ErrDamaged) {
			f.o.Log.Error("a record of an execution is damaged", "error", err)
			continue
		}
		if err != nil {
			return fmt.Errorf("reading the executions: %w", err)
		}
		rec, ok := f.parseRecord(e)
		if !ok {
			continue
		}
		if f.shared() && rec.Owner != f.o.Owner {
			f.see(ctx, e)
			continue
		}
		x := newExecution(rec)
		x.rev = e.Rev
		x.mark()
		switch {
		case x.rec.Status.Final():
			close(x.done)
			finished = append(finished, x)
		case x.rec.Owner == f.o.Owner:
			cut[x.rec.ID] = x
		default:
			continue // another gateway's, which runs it
		}
		f.execs[x.rec.ID] = x
		f.know(x)
		mine = append(mine, x)
	}
	if err := f.sweep(cut); err != nil {
		return err
	}
	if err := f.o.Audit.restore(mine); err != nil {
		return err
	}
	for id, x := range cut {
		f.settleCut(x)
		theirs, err := f.putEnd(x, &x.rec)
		if err != nil {
			return fmt.Errorf("settling the execution %s: %w", id, err)
		}
		if !theirs {
			f.o.Audit.add(x.rec.endLine())
		}
		close(x.done)
		finished = append(finished, x)
	}
	slices.SortFunc(finished, func(a, b *execution) int { return strings.Compare(a.rec.ID, b.rec.ID) })
	for _, x := range finished {
		f.evict(f.history.Add(x.rec.ID))
	}
	return f.dropStrayOutput()
}

// sweep kills what an earlier process left running.
func (f *Files) sweep(cut map[string]*execution) error {
	if f.o.Sweep == nil {
		return nil
	}
	// The second mark finds runs whose record was never written.
	n, err := f.o.Sweep(func(e proc.Environ) bool {
		return e.Get(ownerMark) == f.o.Owner || cut[e.Get("LANDER_EXECUTION")] != nil
	})
	if err != nil {
		return err
	}
	if n > 0 {
		f.o.Log.Warn("killed processes of scripts that an earlier run of the gateway left", "processes", n)
	}
	return nil
}

// settleCut ends the record of a run that a crash cut off. Its output is what
// was spooled.
func (f *Files) settleCut(x *execution) {
	b, err := os.ReadFile(f.outputFile(x.rec.ID))
	if err == nil {
		out, err := job.ParseOutput(b, f.o.Budget.Output)
		if err != nil {
			f.o.Log.Warn("the end of an output is torn", "execution", x.rec.ID, "error", err)
		}
		x.out = out
		if err := f.keepOutput(x, &x.rec); err != nil {
			f.o.Log.Error("keeping the output of a script", "execution", x.rec.ID, "error", err)
		}
		if x.rec.Spooled || x.rec.Parts > 0 {
			x.out = nil
		}
	}
	x.rec.cut(causeRestart, f.now())
}

// dropStrayOutput removes files whose record is gone: a crash came between.
func (f *Files) dropStrayOutput() error {
	entries, err := os.ReadDir(f.o.outputDir())
	if err != nil {
		return fmt.Errorf("reading the outputs: %w", err)
	}
	for _, e := range entries {
		x := f.execs[e.Name()]
		if x != nil && x.rec.Spooled {
			continue
		}
		if err := os.Remove(f.outputFile(e.Name())); err != nil {
			return fmt.Errorf("removing the output of a forgotten execution: %w", err)
		}
	}
	return nil
}
