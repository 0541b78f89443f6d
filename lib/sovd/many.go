package sovd

import (
	"fmt"
	"strconv"
	"strings"

	"lander/lib/job"
)

// Check is the fault of a start that no devices could mend.
func (s ManyStart) Check() error {
	n := 0
	for _, given := range []bool{s.Target.Group != "", s.Target.Filter != "", len(s.Target.IDs) > 0} {
		if given {
			n++
		}
	}
	if n != 1 {
		return Errorf(KindInput, "The target is one of group, filter and ids")
	}
	if checkGlob(s.Target.Filter) != nil {
		return Errorf(KindInput, "The filter %.40q is no pattern", s.Target.Filter)
	}
	if _, err := Share("max_concurrency", s.MaxConcurrency, 0); err != nil {
		return err
	}
	_, err := Share("max_errors", s.MaxErrors, 0)
	return err
}

// Concurrency is how many of total devices may run at once; 0: all.
func (s ManyStart) Concurrency(total int) int {
	if s.MaxConcurrency == "" || s.MaxConcurrency == "0" {
		return 0
	}
	n, err := Share("max_concurrency", s.MaxConcurrency, total)
	if err != nil {
		return 1
	}
	return max(n, 1) // a small share of a few is one
}

// Share is what text says of total devices: a number, a percentage, or "" for
// all. what names it in the error.
func Share(what, text string, total int) (int, error) {
	if text == "" {
		return total, nil
	}
	digits, percent := strings.CutSuffix(text, "%")
	n, err := strconv.Atoi(digits)
	if err != nil || n < 0 || percent && n > 100 {
		return 0, Errorf(KindInput, "%s %.40q is no number and no percentage", what, text)
	}
	if percent {
		n = total * n / 100
	}
	return n, nil
}

// ManyTally is what became of the devices of a start on many so far.
type ManyTally struct {
	Counts  map[job.Status]int // running: whatever has begun and not ended; prepared: not begun
	Running int
	Bad     int // have ended, and not completed
}

// NewManyTally is the tally of devices of which none was begun.
func NewManyTally(total int) ManyTally {
	return ManyTally{Counts: map[job.Status]int{job.Prepared: total}}
}

// Begun counts a device whose execution has this status.
func (t *ManyTally) Begun(s job.Status) {
	if t.Counts[job.Prepared]--; t.Counts[job.Prepared] <= 0 {
		delete(t.Counts, job.Prepared)
	}
	if !s.Final() {
		s = job.Running
		t.Running++
	} else if s != job.Completed {
		t.Bad++
	}
	t.Counts[s]++
}

// ManyRules decide how a start on many devices goes on. Whoever drives one
// asks them after each change: the drivers differ in how they hear of an end.
type ManyRules struct {
	MaxConcurrency int    // 0: all at once
	MaxErrors      string // as in ManyStart
	Total          int    // devices
	Stop           Action // that somebody has asked for; "": nobody has
}

// spent reports whether more have failed than may.
func (r ManyRules) spent(t ManyTally) bool {
	n, err := Share("max_errors", r.MaxErrors, r.Total)
	return err != nil || t.Bad > n
}

// Room is how many more may be begun now.
func (r ManyRules) Room(t ManyTally) int {
	switch {
	case r.Stop != "" || r.spent(t):
		return 0
	case r.MaxConcurrency > 0:
		return max(0, min(t.Counts[job.Prepared], r.MaxConcurrency-t.Running))
	}
	return t.Counts[job.Prepared]
}

// Over reports whether nothing runs and nothing more will be begun.
func (r ManyRules) Over(t ManyTally) bool { return t.Running == 0 && r.Room(t) == 0 }

// End is how a start on many devices has ended that is over, and why.
func (r ManyRules) End(t ManyTally) (job.Status, string) {
	switch {
	case r.Stop != "":
		return job.Terminated, r.Stop.Cause()
	case r.spent(t) && t.Counts[job.Prepared] > 0:
		return job.Failed, fmt.Sprintf("Stopped after %d failures: %d devices were not begun", t.Bad, t.Counts[job.Prepared])
	case t.Counts[job.Completed] < r.Total:
		return job.Failed, ""
	}
	return job.Completed, ""
}
