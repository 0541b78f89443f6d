package sovd

import (
	"context"
	"unicode/utf8"

	"lander/lib/job"
)

// Source is a script as it lies in the library, verified where only signed
// ones are taken.
type Source struct {
	Script
	Format string // by its name, not by its signature
	Bytes  []byte // a bundle or a bare script
	// Spend records the run of a script that is good for one only, and refuses
	// the second. It is for a run where nobody else looks at the signature; nil:
	// there is nothing to record.
	Spend func(context.Context) error
}

// ReadScript returns a script with its bytes, for a provider that has it run
// elsewhere.
func (f *Files) ReadScript(ctx context.Context, e Ref, id string) (Source, error) {
	found, err := f.find(ctx, e, id)
	if err != nil {
		return Source{}, err
	}
	b, _, err := f.bytes(ctx, found)
	if err != nil {
		f.o.Log.Error("reading a script", "entity", e.Path(), "script", id, "error", err)
		return Source{}, Errorf(KindInternal, "Failed to read script file")
	}
	src := Source{Script: found.Script, Format: found.format, Bytes: b}
	if f.o.Signed != nil {
		if src.Spend, err = f.o.Signed.readable(f, e, b); err != nil {
			return Source{}, err
		}
	}
	return src, nil
}

// Replayed marks an execution that an earlier start with the same
// Idempotency-Key has made.
func (x Execution) Replayed() Execution {
	x.replayed = true
	return x
}

// FromResult is an execution object as clients of the API see it.
func FromResult(r job.Result, d ExecutionDetail) Execution {
	x := Execution{ID: r.ID, Status: r.Status, StartedAt: r.StartedAt, CompletedAt: r.CompletedAt, Detail: &d}
	if !r.Status.Final() {
		return x
	}
	exact := func(text string, b64 []byte) []byte {
		if b64 != nil {
			return b64
		}
		return []byte(text)
	}
	stdout, stderr := exact(r.Stdout, r.StdoutB64), exact(r.Stderr, r.StderrB64)
	if !utf8.Valid(stdout) {
		d.StdoutB64 = stdout
	}
	if !utf8.Valid(stderr) {
		d.StderrB64 = stderr
	}
	d.Truncated, d.StdoutDropped, d.StderrDropped = r.Truncated, r.StdoutDropped, r.StderrDropped
	x.Parameters = outputParameters(stdout, stderr, r.ExitCode)
	if r.Status != job.Completed {
		x.Error = &ExecutionError{ExitCode: r.ExitCode}
		if r.Error != nil {
			d.Code, x.Error.Message = r.Error.Code, r.Error.Message
		}
	}
	return x
}
