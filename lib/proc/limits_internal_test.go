package proc

import (
	"strings"
	"testing"
	"time"

	"lander/lib/job"
)

// A program of another user has the same limits as ours: seconds and blocks
// are rounded up, and the signal of the soft limit comes first.
func TestShellLimits(t *testing.T) {
	const end = ` && exec "$@"`
	for _, tt := range []struct {
		budget job.Budget
		limits Limits
		want   string
	}{
		{want: "ulimit -c 0" + end},
		{budget: job.Budget{CPU: time.Second}, want: "ulimit -c 0 && ulimit -S -t 1 && ulimit -H -t 2" + end},
		{budget: job.Budget{CPU: 1001 * time.Millisecond}, want: "ulimit -c 0 && ulimit -S -t 2 && ulimit -H -t 3" + end},
		{budget: job.Budget{Memory: 5 << 20}, want: "ulimit -c 0 && ulimit -v 5120" + end},
		{limits: Limits{Files: 9, FileSize: 1024}, want: "ulimit -c 0 && ulimit -n 9 && ulimit -f 2" + end},
		{limits: Limits{FileSize: 1025}, want: "ulimit -c 0 && ulimit -f 3" + end},
		{limits: Limits{Processes: 7, Nice: 4}, want: "ulimit -c 0 && { ulimit -u 7 2>&- || ulimit -p 7; } && exec nice -n 4 " + `"$@"`},
	} {
		got := (&Runner{Limits: tt.limits}).shellLimits(tt.budget)
		if len(got) != 4 || strings.Join(got[:2], " ") != "/bin/sh -c" || got[2] != tt.want {
			t.Errorf("%+v %+v: %q, want %q", tt.budget, tt.limits, got, tt.want)
		}
	}
}
