package sovd

import (
	"time"

	"lander/lib/journal"
)

// The lines about starts and ends are written a moment after their records:
// those of the last moment before a crash are made up for at the next start.
// What is looked through for them is bounded.
const (
	lostWithin = time.Minute // before the last that the gateway did
	lostBytes  = 1 << 20     // of the journal
)

// restore adds the lines that a crash has kept from the journal, about
// executions of ours that have a record. For those that have no end yet only
// that of the start is looked for.
func (a *Audit) restore(all []*execution) error {
	if a == nil || len(all) == 0 {
		return nil
	}
	lines, older, err := a.j.Recent(lostBytes)
	if err != nil {
		return err
	}
	there := map[string]bool{}
	for i := range lines {
		there[lines[i].Action+lines[i].Execution] = true
	}
	var since time.Time
	for _, x := range all {
		since = latest(since, x.rec.StartedAt.Time)
		if x.rec.CompletedAt != nil {
			since = latest(since, x.rec.CompletedAt.Time)
		}
	}
	since = since.Add(-lostWithin)
	if older {
		// What is older than the oldest line may have one that is not read.
		if len(lines) == 0 {
			return nil
		}
		oldest, err := time.Parse(journal.TimeLayout, lines[0].Time)
		if err != nil {
			return nil
		}
		since = latest(since, oldest)
	}
	for _, x := range all {
		r := &x.rec
		if !r.StartedAt.Before(since) && !there[journal.ActionStart+r.ID] {
			a.add(r.startLine())
		}
		// Whoever took us for dead has the line about the end.
		if r.Status.Final() && r.CompletedAt != nil && r.Message != causeDead && !r.CompletedAt.Before(since) && !there[journal.ActionRun+r.ID] {
			a.add(r.endLine())
		}
	}
	return nil
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// startLine tells the journal of a start of which it was not told in time.
func (r *record) startLine() journal.Line {
	l := r.endLine()
	l.Action, l.Reason, l.Outcome, l.ExitCode = journal.ActionStart, "written after a restart", "", nil
	return l
}
