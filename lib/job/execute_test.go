package job_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"lander/lib/job"
)

type runnerFunc func(context.Context, job.Task, job.Streams) job.Outcome

func (f runnerFunc) Run(ctx context.Context, t job.Task, s job.Streams) job.Outcome {
	return f(ctx, t, s)
}

func clock() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC) }

func execute(budget job.Budget, f runnerFunc) job.Result {
	return job.Execute(context.Background(), f, job.Task{Name: "n", Budget: budget}, nil, job.Live{}, clock)
}

func TestExecuteStates(t *testing.T) {
	tests := []struct {
		name    string
		outcome job.Outcome
		want    job.Status
	}{
		{"completed", job.Outcome{}, job.Completed},
		{"failed", job.Outcome{Err: job.Errorf(job.CodeScript, "x")}, job.Failed},
		{"terminated", job.Outcome{Err: job.Errorf(job.CodeTimeout, "x"), Terminated: true}, job.Terminated},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := execute(job.Budget{}, func(context.Context, job.Task, job.Streams) job.Outcome { return tt.outcome })
			if r.Status != tt.want || !r.Status.Final() {
				t.Errorf("status %s, want %s", r.Status, tt.want)
			}
		})
	}
}

func TestPanickingRunnerIsAnOutcome(t *testing.T) {
	r := execute(job.Budget{}, func(context.Context, job.Task, job.Streams) job.Outcome { panic("boom") })
	if r.Status != job.Terminated || r.Error.Code != job.CodeInternal {
		t.Errorf("status %s, error %v", r.Status, r.Error)
	}
}

func TestOutputIsCutAndCounted(t *testing.T) {
	var live bytes.Buffer
	f := runnerFunc(func(_ context.Context, _ job.Task, s job.Streams) job.Outcome {
		io.WriteString(s.Stdout, strings.Repeat("x", 7)+"é")
		io.WriteString(s.Stdout, "more")
		io.WriteString(s.Stderr, "a\xffb")
		return job.Outcome{}
	})
	r := job.Execute(context.Background(), f, job.Task{Budget: job.Budget{Output: 8}}, nil, job.Live{Stdout: &live}, clock)
	if r.Stdout != "xxxxxxx" || r.StdoutDropped != 6 || !r.Truncated || r.StdoutB64 != nil {
		t.Errorf("stdout %q dropped %d truncated %v b64 %q", r.Stdout, r.StdoutDropped, r.Truncated, r.StdoutB64)
	}
	if live.String() != "xxxxxxxémore" {
		t.Errorf("live output %q", live.String())
	}
	if string(r.StderrB64) != "a\xffb" || r.StderrDropped != 0 {
		t.Errorf("binary stderr %q dropped %d", r.StderrB64, r.StderrDropped)
	}
}

func TestIDsSortByTimeAndDiffer(t *testing.T) {
	zero := bytes.NewReader(make([]byte, 100))
	a := job.NewID(time.UnixMilli(1), zero)
	b := job.NewID(time.UnixMilli(2), zero)
	if len(a) != 31 || a != "exec_00000000010000000000000000" || a >= b {
		t.Errorf("ids %q, %q", a, b)
	}
}

func TestResultJSON(t *testing.T) {
	r := execute(job.Budget{}, func(context.Context, job.Task, job.Streams) job.Outcome { return job.Outcome{} })
	r.ID = "exec_1"
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"id":"exec_1","status":"completed","exit_code":null,"stdout":"","stderr":"","stdout_dropped":0,"stderr_dropped":0,"truncated":false,"error":null,` +
		`"started_at":"2026-01-02T03:04:05.678Z","completed_at":"2026-01-02T03:04:05.678Z","name":"n","sha256":"","key_id":null,"serial":null,"target":"","ticket":null,"source":""}`
	if string(b) != want {
		t.Errorf("got  %s\nwant %s", b, want)
	}
	var back job.Result
	if err := json.Unmarshal(b, &back); err != nil || !back.StartedAt.Equal(r.StartedAt.Time) {
		t.Errorf("reading back: %v, %v", err, back.StartedAt)
	}
}
