package stage

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// cron is "minute hour day-of-month month day-of-week" in local time: numbers,
// ranges, lists, steps and *; 7 is Sunday as 0 is. A day counts when either
// day field names it, unless one of the two is * [crontab(5)].
type cron struct {
	minute, hour, day, month, weekday uint64 // bit sets
	anyDay, anyWeekday                bool
}

func parseCron(text string) (*cron, error) {
	f := strings.Fields(text)
	if len(f) != 5 {
		return nil, fmt.Errorf("cron %q has %d fields, not 5", text, len(f))
	}
	c := &cron{anyDay: f[2][0] == '*', anyWeekday: f[4][0] == '*'}
	for i, field := range []struct {
		set      *uint64
		min, max int
	}{{&c.minute, 0, 59}, {&c.hour, 0, 23}, {&c.day, 1, 31}, {&c.month, 1, 12}, {&c.weekday, 0, 7}} {
		for part := range strings.SplitSeq(f[i], ",") {
			set, err := cronPart(part, field.min, field.max)
			if err != nil {
				return nil, fmt.Errorf("cron %q: %w", text, err)
			}
			*field.set |= set
		}
	}
	c.weekday |= c.weekday >> 7 & 1
	return c, nil
}

func cronPart(part string, lowest, highest int) (set uint64, err error) {
	bounds, stepText, stepped := strings.Cut(part, "/")
	step := 1
	if stepped {
		if step, err = cronNumber(stepText); err != nil || step < 1 {
			return 0, fmt.Errorf("%q is no step", stepText)
		}
	}
	from, to := lowest, highest
	if bounds != "*" {
		a, b, ranged := strings.Cut(bounds, "-")
		if from, err = cronNumber(a); err != nil {
			return 0, fmt.Errorf("%q is no number", a)
		}
		switch {
		case ranged:
			if to, err = cronNumber(b); err != nil {
				return 0, fmt.Errorf("%q is no number", b)
			}
		case !stepped:
			to = from
		}
	}
	if from < lowest || to > highest || from > to {
		return 0, fmt.Errorf("%q is outside %d-%d", part, lowest, highest)
	}
	for n := from; n <= to; n += step {
		set |= 1 << n
	}
	return set, nil
}

// cronNumber reads digits without a sign. No sum of two such numbers is out of
// range.
func cronNumber(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	return int(n), err
}

func (c *cron) matches(t time.Time) bool {
	has := func(set uint64, n int) bool { return set>>n&1 == 1 }
	return has(c.minute, t.Minute()) && has(c.hour, t.Hour()) && c.matchesDay(t)
}

func (c *cron) matchesDay(t time.Time) bool {
	day := c.day>>t.Day()&1 == 1
	weekday := c.weekday>>int(t.Weekday())&1 == 1
	if c.month>>int(t.Month())&1 == 0 {
		return false
	}
	if c.anyDay || c.anyWeekday {
		return day && weekday
	}
	return day || weekday
}

// next is the first matching minute after t; ok is false when none comes
// within the eight years that February 29th can stay away.
func (c *cron) next(t time.Time) (time.Time, bool) {
	end := t.AddDate(8, 0, 1)
	at := t.Truncate(time.Minute).Add(time.Minute)
	for at.Before(end) {
		if !c.matchesDay(at) {
			// To the next midnight, which a change of the clocks may move.
			y, m, d := at.Date()
			midnight := time.Date(y, m, d+1, 0, 0, 0, 0, at.Location())
			if !midnight.After(at) {
				midnight = at.Add(time.Minute)
			}
			at = midnight
			continue
		}
		if c.matches(at) {
			return at, true
		}
		at = at.Add(time.Minute)
	}
	return time.Time{}, false
}

// Cron is a time table of the form that policies have.
type Cron struct{ c *cron }

// ParseCron reads "minute hour day-of-month month day-of-week".
func ParseCron(text string) (Cron, error) {
	c, err := parseCron(text)
	return Cron{c}, err
}

// Next is the first minute after t, in its location; ok is false when none
// comes in the next eight years.
func (c Cron) Next(t time.Time) (at time.Time, ok bool) { return c.c.next(t) }
