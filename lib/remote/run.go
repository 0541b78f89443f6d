package remote

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"lander/lib/bundle"
	"lander/lib/capability"
	"lander/lib/job"
	"lander/lib/journal"
	"lander/lib/proc"
	"lander/lib/trust"
)

// Service runs signed scripts. All fields but Limit, Groups and Log are
// needed.
type Service struct {
	Trust     func() (*trust.Store, error) // read anew for each script, so that a change holds at once
	Serials   *trust.Serials
	Journal   *journal.Journal
	Runners   Runners
	Names     []string       // what this device answers to: id and "group:NAME"
	BuildTime time.Time      // a clock before it is not set; zero: not checked
	Limit     capability.Set // the process's own limit; nil: none
	SpoolDir  string         // for large payloads; "": the system's
	Clock     func() time.Time
	Log       *slog.Logger
}

// Order is one script to run, and who asks. Exactly one of Bundle, Signature,
// Unsigned and Legacy says what.
type Order struct {
	Source string // a job.Source word
	Actor  string // who asks, as far as the door knows
	Ticket string

	Bundle io.Reader // a bundle

	Signature *trust.Signature // a detached signature
	// Fetch gets the payload that belongs to Signature, once nothing else is
	// wrong with it.
	Fetch func(trust.Verdict) (io.ReadCloser, error)

	Unsigned *Unsigned
	Legacy   *Legacy

	Chunk  string // Lua chunk name; "": the script's name
	Name   string // for a stock signature, which has no name
	Args   map[string]string
	Budget job.Budget
	Stdin  io.Reader
	Live   job.Live
}

// Unsigned is a script that nobody signed. It runs only where a user said so,
// with the default capabilities and those in Capabilities.
type Unsigned struct {
	Name         string
	Format       string
	Payload      []byte
	Capabilities capability.Set
}

// Legacy is a script that is vouched for by its MD5 alone, as by the original
// agent: anybody can make one. The device's configuration must say so. It gets
// the default capabilities.
type Legacy struct {
	MD5   string // hex
	Fetch func() (io.ReadCloser, error)
}

// Admitted is a script that was let in and whose serial is recorded.
type Admitted struct {
	Task   job.Task
	Result job.Result // with everything but the run itself

	s      *Service
	order  Order
	runner job.Runner
}

// Run admits and executes. An error means that nothing ran; how a script that
// ran has fared is in the Result.
func (s *Service) Run(ctx context.Context, o Order) (job.Result, error) {
	a, err := s.Admit(ctx, o)
	if err != nil {
		return job.Result{}, err
	}
	return a.Execute(ctx)
}

// UnjournalledError is a refusal that could not be journalled.
type UnjournalledError struct {
	Err     error // why the script does not run
	Journal error // names files
}

func (e *UnjournalledError) Error() string { return e.Err.Error() + "; " + e.Journal.Error() }

// Unwrap gives both.
func (e *UnjournalledError) Unwrap() []error { return []error{e.Err, e.Journal} }

// Admit checks an order and records its serial. A refusal is journalled, and
// so is every other reason not to run.
func (s *Service) Admit(ctx context.Context, o Order) (*Admitted, error) {
	a := &Admitted{s: s, order: o}
	err := s.admit(ctx, a)
	if err == nil {
		return a, nil
	}
	line := a.line()
	line.Verdict, line.Reason = journal.Refused, err.Error()
	if _, jerr := s.Journal.Append(ctx, line); jerr != nil {
		err = &UnjournalledError{Err: err, Journal: jerr}
	}
	return nil, err
}

func (s *Service) admit(ctx context.Context, a *Admitted) error {
	a.Result.Source = a.order.Source
	if a.order.Ticket != "" {
		a.Result.Ticket = &a.order.Ticket
	}
	if a.order.Unsigned != nil {
		return s.admitUnsigned(a, *a.order.Unsigned)
	}
	if a.order.Legacy != nil {
		return s.admitLegacy(ctx, a, *a.order.Legacy)
	}
	store, err := s.Trust()
	if err != nil {
		return err
	}
	sub := trust.Subject{
		Names: s.Names, Now: s.Clock(), BuildTime: s.BuildTime, Limit: s.Limit, Serials: s.Serials,
		Formats: []string{job.FormatLua, job.FormatLuac51, job.FormatSh, job.FormatBash, job.FormatPython},
		Need:    proc.Need, Args: len(a.order.Args) > 0,
	}
	if sub.Names == nil {
		sub.Names = []string{}
	}
	b, err := s.open(a.order, store, sub)
	if b != nil {
		a.describe(b)
	}
	if err != nil {
		return err
	}
	defer b.Payload.Close()
	payload, err := b.Payload.Bytes()
	if err != nil {
		return err
	}
	a.Task.Payload, a.Task.Capabilities = payload, b.Capabilities
	if b.Plain {
		if err := s.plain(a, b); err != nil {
			return err
		}
	}
	if err := s.prepare(a); err != nil {
		return err
	}
	return b.Record()
}

func (s *Service) open(o Order, store *trust.Store, sub trust.Subject) (*bundle.Bundle, error) {
	if o.Signature != nil {
		return bundle.OpenDetached(o.Signature, o.Fetch, store, sub, s.SpoolDir)
	}
	return bundle.Open(o.Bundle, store, sub, s.SpoolDir)
}

// describe notes what is known of a bundle, good or not.
func (a *Admitted) describe(b *bundle.Bundle) {
	id := b.Signature.KeyID()
	a.Result.KeyID = &id
	st := b.Statement
	if st.Name == "" {
		if b.Payload != nil {
			a.Result.SHA256 = b.Payload.SHA256
		}
		return
	}
	a.Task.Name, a.Task.Format = st.Name, st.Format
	a.Result.Name, a.Result.SHA256, a.Result.Serial = st.Name, st.SHA256, &st.Serial
	for i, t := range st.Targets {
		if i > 0 {
			a.Result.Target += " "
		}
		a.Result.Target += t
	}
}

// plain fills in what a stock signature does not say.
func (s *Service) plain(a *Admitted, b *bundle.Bundle) error {
	a.Task.Name = a.order.Name
	a.Task.Format = job.DetectFormat(a.order.Name, a.Task.Payload[:min(256, len(a.Task.Payload))])
	a.Result.Name = a.Task.Name
	if !job.Runnable(a.Task.Format) {
		return &trust.Refusal{Reason: trust.ReasonFormat, Message: fmt.Sprintf("cannot tell the format of %s", cmp.Or(a.order.Name, "a script that has no name")), Hint: "sign it with lander script sign --format WORD"}
	}
	return b.PlainFormat(a.Task.Format)
}

func (s *Service) admitUnsigned(a *Admitted, u Unsigned) error {
	caps := append(capability.Default(), u.Capabilities...)
	a.Task.Name, a.Task.Format, a.Task.Payload, a.Task.Capabilities = u.Name, u.Format, u.Payload, caps
	a.Result.Name, a.Result.SHA256 = u.Name, digest(u.Payload)
	if w := caps.Missing(proc.Need(u.Format)); w != "" {
		return &trust.Refusal{Reason: trust.ReasonCapability, Message: fmt.Sprintf("capability %q not granted: format %s needs it", w, u.Format), Hint: "--capability " + w}
	}
	return s.prepare(a)
}

// maxLegacy bounds such a script in bytes, as bundles of scripts are.
const maxLegacy = 1 << 20

func (s *Service) admitLegacy(ctx context.Context, a *Admitted, l Legacy) error {
	r, err := l.Fetch()
	if err != nil {
		return err
	}
	defer r.Close()
	payload, err := io.ReadAll(io.LimitReader(r, maxLegacy+1))
	switch {
	case err != nil:
		return err
	case len(payload) > maxLegacy:
		return &trust.Refusal{Reason: trust.ReasonFormat, Message: fmt.Sprintf("the script has more than %d bytes", maxLegacy)}
	}
	a.Task.Name, a.Task.Payload, a.Task.Format = a.order.Name, payload, job.FormatLua
	a.Result.Name, a.Result.SHA256 = a.Task.Name, digest(payload)
	if !strings.EqualFold(trust.LegacyMD5(payload), l.MD5) {
		return &trust.Refusal{Reason: trust.ReasonSignature, Message: "corrupted script content"}
	}
	if job.DetectFormat("", payload[:min(256, len(payload))]) == job.FormatLuac51 {
		a.Task.Format = job.FormatLuac51
	}
	a.Task.Capabilities = capability.Default()
	if s.Limit != nil {
		a.Task.Capabilities = capability.Intersect(a.Task.Capabilities, s.Limit)
	}
	if s.Log != nil {
		s.Log.WarnContext(ctx, "a script is let in by its MD5, which is no signature", "name", a.Task.Name, "sha256", a.Result.SHA256)
	}
	return s.prepare(a)
}

// prepare finds the runner. What it cannot find must not cost a serial.
func (s *Service) prepare(a *Admitted) error {
	a.Task.Args, a.Task.Budget, a.Task.Chunk = a.order.Args, a.order.Budget, a.order.Chunk
	r, ok := s.Runners[a.Task.Format]
	if !ok {
		return &trust.Refusal{Reason: trust.ReasonFormat, Message: fmt.Sprintf("format %s does not run here", a.Task.Format)}
	}
	if ready, ok := r.(interface{ Ready(format string) error }); ok {
		if err := ready.Ready(a.Task.Format); err != nil {
			return err
		}
	}
	a.runner = r
	a.Task.ID = newID(s.Clock())
	a.Result.ID = a.Task.ID
	a.Result.Status = job.Prepared
	return nil
}

// Execute runs the script, journals the run and returns its result. The error
// is about the journal: the script has run all the same.
func (a *Admitted) Execute(ctx context.Context) (job.Result, error) {
	r := job.Execute(ctx, a.runner, a.Task, a.order.Stdin, a.order.Live, a.s.Clock)
	r.SHA256, r.KeyID, r.Serial, r.Target, r.Ticket, r.Source = a.Result.SHA256, a.Result.KeyID, a.Result.Serial, a.Result.Target, a.Result.Ticket, a.Result.Source
	a.Result = r
	line := a.line()
	line.Verdict, line.Outcome, line.ExitCode = journal.Accepted, string(r.Status), r.ExitCode
	switch {
	case a.order.Unsigned != nil:
		line.Reason = "unsigned"
	case a.order.Legacy != nil:
		line.Reason = "md5"
	}
	if r.Error != nil {
		line.Outcome += ": " + r.Error.Code
	}
	// The run is over, and what it did must be on record even when ctx is.
	_, err := a.s.Journal.Append(context.WithoutCancel(ctx), line)
	return r, err
}

func (a *Admitted) line() journal.Line {
	l := journal.Line{
		Source: a.order.Source, Actor: a.order.Actor, Action: journal.ActionRun, Name: a.Result.Name, Format: a.Task.Format,
		SHA256: a.Result.SHA256, Serial: a.Result.Serial, Ticket: a.order.Ticket, Execution: a.Result.ID,
	}
	if l.Name == "" {
		l.Name = a.order.Name
	}
	if a.Result.KeyID != nil {
		l.KeyID = *a.Result.KeyID
	}
	return l
}
