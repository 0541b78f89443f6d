package sovd_test

import (
	"testing"

	"lander/lib/job"
	"lander/lib/sovd"
)

func TestManyRules(t *testing.T) {
	const r, c, f = job.Running, job.Completed, job.Failed
	for _, x := range []struct {
		name    string
		rules   sovd.ManyRules
		begun   []job.Status
		room    int
		over    bool
		status  job.Status // when it is over
		message string
	}{
		{"at the beginning", sovd.ManyRules{Total: 3}, nil, 3, false, "", ""},
		{"a few at once", sovd.ManyRules{Total: 5, MaxConcurrency: 2}, []job.Status{r, c}, 1, false, "", ""},
		{"no more at once", sovd.ManyRules{Total: 5, MaxConcurrency: 1}, []job.Status{r}, 0, false, "", ""},
		{"the last", sovd.ManyRules{Total: 3, MaxConcurrency: 9}, []job.Status{c, c}, 1, false, "", ""},
		{"all well", sovd.ManyRules{Total: 2}, []job.Status{c, c}, 0, true, c, ""},
		{"one failed", sovd.ManyRules{Total: 2}, []job.Status{c, f}, 0, true, f, ""},
		{"as many as may", sovd.ManyRules{Total: 4, MaxErrors: "50%"}, []job.Status{f, f}, 2, false, "", ""},
		{"more than may", sovd.ManyRules{Total: 4, MaxErrors: "1"}, []job.Status{f, job.Terminated, r}, 0, false, "", ""},
		{"and over", sovd.ManyRules{Total: 4, MaxErrors: "1"}, []job.Status{f, job.Terminated}, 0, true, f, "Stopped after 2 failures: 2 devices were not begun"},
		{"none may", sovd.ManyRules{Total: 2, MaxErrors: "0"}, []job.Status{f}, 0, true, f, "Stopped after 1 failures: 1 devices were not begun"},
		{"too many at the end", sovd.ManyRules{Total: 1, MaxErrors: "0"}, []job.Status{f}, 0, true, f, ""},
		{"stopping", sovd.ManyRules{Total: 2, Stop: sovd.ActionStop}, []job.Status{r}, 0, false, "", ""},
		{"stopped", sovd.ManyRules{Total: 2, Stop: sovd.ActionStop}, []job.Status{c}, 0, true, job.Terminated, sovd.ActionStop.Cause()},
	} {
		tally := sovd.NewManyTally(x.rules.Total)
		for _, s := range x.begun {
			tally.Begun(s)
		}
		if room, over := x.rules.Room(tally), x.rules.Over(tally); room != x.room || over != x.over {
			t.Errorf("%s: room for %d, over %v; want %d, %v", x.name, room, over, x.room, x.over)
		}
		if x.over {
			if status, message := x.rules.End(tally); status != x.status || message != x.message {
				t.Errorf("%s: %s %q, want %s %q", x.name, status, message, x.status, x.message)
			}
		}
	}
}

// What no devices could mend is told before any is looked for.
func TestManyStartCheck(t *testing.T) {
	for _, x := range []struct {
		start sovd.ManyStart
		want  string
	}{
		{sovd.ManyStart{Target: sovd.ManyTarget{Filter: "components/gw-[12]"}, MaxErrors: "5%"}, ""},
		{sovd.ManyStart{}, "The target is one of group, filter and ids"},
		{sovd.ManyStart{Target: sovd.ManyTarget{Group: "a", IDs: []string{"b"}}}, "The target is one of group, filter and ids"},
		{sovd.ManyStart{Target: sovd.ManyTarget{Filter: "["}}, `The filter "[" is no pattern`},
		{sovd.ManyStart{Target: sovd.ManyTarget{Group: "a"}, MaxConcurrency: "-1"}, `max_concurrency "-1" is no number and no percentage`},
		{sovd.ManyStart{Target: sovd.ManyTarget{Group: "a"}, MaxErrors: "200%"}, `max_errors "200%" is no number and no percentage`},
	} {
		err := x.start.Check()
		if got := ""; err != nil {
			if got = err.Error(); got != x.want {
				t.Errorf("%+v: %q, want %q", x.start, got, x.want)
			}
		} else if x.want != "" {
			t.Errorf("%+v: want %q", x.start, x.want)
		}
	}
}

// How many run at once is a number or a share of them, and never none.
func TestConcurrency(t *testing.T) {
	for _, x := range []struct {
		text        string
		total, want int
	}{{"", 7, 0}, {"0", 7, 0}, {"3", 7, 3}, {"50%", 7, 3}, {"1%", 7, 1}, {"100%", 7, 7}, {"50%", 1, 1}} {
		if got := (sovd.ManyStart{MaxConcurrency: x.text}).Concurrency(x.total); got != x.want {
			t.Errorf("%q of %d: %d, want %d", x.text, x.total, got, x.want)
		}
	}
}
