package sovd

import (
	"cmp"
	"time"

	"lander/lib/job"
	"lander/lib/journal"
)

// The lines about starts and ends are written a moment after their records:
// those of the last moment before a crash are made up for at the next start.
// What is looked through for them is bounded.
const (
	lostWithin = time.Minute // before the last that the gateway did
	lostBytes  = 1 << 20     // of the journal
)

// restore adds the lines that a crash has kept from the journal: about
// executions of ours that have a record, of which ended have ended before.
func (a *Audit) restore(running, ended []*execution) error {
	if a == nil || len(running)+len(ended) == 0 {
		return nil
	}
	lines, older, err := a.j.Recent(lostBytes)
	if err != nil {
		return err
	}
	type about struct{ execution, action string }
	there := map[about]bool{}
	for _, l := range lines {
		there[about{l.Execution, l.Action}] = true
	}
	var last time.Time // that was done
	for _, x := range append(append([]*execution(nil), running...), ended...) {
		last = latest(last, x.rec.StartedAt.Time)
		if x.rec.CompletedAt != nil {
			last = latest(last, x.rec.CompletedAt.Time)
		}
	}
	since := last.Add(-lostWithin)
	if older {
		// What is older than the oldest line may have one that is not read.
		oldest := last.Add(time.Second)
		if len(lines) > 0 {
			if oldest, err = time.Parse(journal.TimeLayout, lines[0].Time); err != nil {
				return nil
			}
		}
		since = latest(since, oldest)
	}
	for _, x := range running {
		if r := &x.rec; !r.StartedAt.Before(since) && !there[about{r.ID, journal.ActionStart}] {
			a.add(r.startLine())
		}
	}
	for _, x := range ended {
		r := &x.rec
		if !r.StartedAt.Before(since) && !there[about{r.ID, journal.ActionStart}] {
			a.add(r.startLine())
		}
		if r.Message == causeDead {
			continue // whoever took us for dead has the line
		}
		if r.CompletedAt != nil && !r.CompletedAt.Before(since) && !there[about{r.ID, journal.ActionRun}] {
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
	return journal.Line{
		Source: job.SourceHTTP, Actor: cmp.Or(r.Actor, Actor{}.String()), Action: journal.ActionStart, Name: r.Entity.Path() + "/scripts/" + r.Script, Format: r.Format,
		SHA256: r.SHA256, KeyID: r.KeyID, Serial: r.Serial, Verdict: journal.Accepted, Reason: "written after a restart", Execution: r.ID,
	}
}
