package sovd

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"lander/lib/job"
	"lander/lib/journal"
	"lander/lib/trust"
)

// auditEvery is how long a line about a start may wait for others to share
// its sync. The start itself is durable before: its record has the same facts,
// from which restore makes the line after a crash.
const auditEvery = 50 * time.Millisecond

// Audit writes the lines about starts and ends of runs to the journal, in
// their order and in batches. When the journal cannot be written, nothing more
// is started. A Gateway and its provider share one.
type Audit struct {
	j   *journal.Journal
	log *slog.Logger

	mu    sync.Mutex
	lines []journal.Line
	timer *time.Timer // of the flush that is coming; nil: none is
	err   error

	turn sync.Mutex // of flush: who asks whether the journal is well waits for the one under way
}

// NewAudit returns an Audit of j, which stays open. The Gateway and the
// provider that have it write what waits when they are closed.
func NewAudit(j *journal.Journal, log *slog.Logger) *Audit { return &Audit{j: j, log: log} }

// ready says whether the last batch could be written: as long as it could not,
// each start tries the journal first.
func (a *Audit) ready(ctx context.Context) error {
	if a == nil {
		return nil
	}
	a.mu.Lock()
	bad := a.err != nil
	a.mu.Unlock()
	if bad {
		a.flush(ctx)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err != nil {
		return Errorf(KindUnavailable, "The gateway's journal cannot be written")
	}
	return nil
}

// add takes a line up; it is on the disk a little later.
func (a *Audit) add(l journal.Line) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lines = append(a.lines, l)
	if a.timer == nil {
		a.timer = time.AfterFunc(auditEvery, func() { a.flush(context.Background()) })
	}
}

// End takes up the line about the end of an execution that ran elsewhere: on
// an agent, or a board.
func (a *Audit) End(e Ref, actor string, x Execution) {
	l := journal.Line{
		Source: job.SourceHTTP, Actor: cmp.Or(actor, Actor{}.String()), Action: journal.ActionRun, Verdict: journal.Accepted,
		Outcome: string(x.Status), Execution: x.ID, Ticket: x.ID,
	}
	if d := x.Detail; d != nil {
		l.Name, l.Format, l.SHA256, l.KeyID, l.Serial, l.Reason = e.Path()+"/scripts/"+d.Script, d.Format, d.SHA256, d.KeyID, d.Serial, d.Code
	}
	switch l.Reason { // of which nothing ran
	case trust.ReasonSignature, trust.ReasonExpired, trust.ReasonTarget, trust.ReasonReplayed, trust.ReasonBadArguments:
		l.Verdict = journal.Refused
	}
	var out struct {
		ExitCode *int `json:"exit_code"`
	}
	if json.Unmarshal(x.Parameters, &out) == nil {
		l.ExitCode = out.ExitCode
	}
	a.add(l)
}

// flush writes what waits. Lines that could not be written stay.
func (a *Audit) flush(ctx context.Context) {
	a.turn.Lock()
	defer a.turn.Unlock()
	a.mu.Lock()
	batch := a.lines
	a.lines, a.timer = nil, nil
	a.mu.Unlock()
	if len(batch) == 0 {
		return
	}
	_, err := a.j.AppendAll(ctx, batch)
	if err != nil {
		err = fmt.Errorf("the journal cannot be written: %w", err)
		a.log.Error("no script is started until the journal can be written", "error", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.err = err
	if err != nil {
		a.lines = append(batch, a.lines...)
	}
}

// Close writes what waits. What comes later is written later.
func (a *Audit) Close() {
	if a == nil {
		return
	}
	a.mu.Lock()
	if a.timer != nil {
		a.timer.Stop() // one that has begun to flush is waited for; one that comes too late finds nothing
	}
	a.mu.Unlock()
	a.flush(context.Background())
}
