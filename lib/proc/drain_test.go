//go:build unix

package proc_test

import (
	"bytes"
	"testing"
	"time"

	"lander/lib/job"
	"lander/lib/proc"
)

// reader is a writer whose far end takes nothing until it is let.
type reader struct {
	bytes.Buffer
	let <-chan time.Time
}

func (r *reader) Write(p []byte) (int, error) {
	if r.let != nil {
		<-r.let
		r.let = nil
	}
	return r.Buffer.Write(p)
}

// A program is long dead when its output is taken, and none of it is lost.
func TestSlowReader(t *testing.T) {
	out := &reader{let: time.After(1200 * time.Millisecond)}
	var r proc.Runner
	o := r.Exec(t.Context(), proc.Command{
		Argv: []string{"/bin/sh", "-c", "head -c 60000 /dev/zero"}, Dir: t.TempDir(), Env: []string{"PATH=/bin:/usr/bin"}, Budget: job.Budget{Wall: time.Minute},
	}, job.Streams{Stdout: out})
	if o.Err != nil || out.Len() != 60000 {
		t.Errorf("%v, %d bytes have come", o.Err, out.Len())
	}
}

// The limit of time holds where nobody takes the output, whether the program
// goes on or has ended.
func TestReaderThatNeverReads(t *testing.T) {
	for _, script := range []string{"while :; do echo more; done", "echo done"} {
		let := make(chan time.Time)
		out := &reader{let: let}
		var r proc.Runner
		o := r.Exec(t.Context(), proc.Command{
			Argv: []string{"/bin/sh", "-c", script}, Dir: t.TempDir(), Budget: job.Budget{Wall: 200 * time.Millisecond},
		}, job.Streams{Stdout: out})
		if o.Err == nil || o.Err.Code != job.CodeTimeout || !o.Terminated {
			t.Errorf("%s: %+v", script, o)
		}
		close(let)
	}
}
