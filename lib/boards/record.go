package boards

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"strings"
	"time"

	"lander/lib/job"
	"lander/lib/sovd"
	"lander/lib/store"
)

// record is an execution as it is stored, under boards/executions/<board>/<id>.
type record struct {
	ID      string `json:"id"`
	Board   string `json:"board"`
	Script  string `json:"script"`
	Name    string `json:"name,omitempty"`
	Format  string `json:"format,omitempty"`
	SHA256  string `json:"sha256,omitempty"`
	KeyID   string `json:"key_id,omitempty"`
	Serial  *int64 `json:"serial,omitempty"`
	Actor   string `json:"actor,omitempty"`
	Owner   string `json:"owner"`
	Live    bool   `json:"live,omitempty"` // the owner does it, and nobody when it dies
	Goal    string `json:"goal,omitempty"` // what Source.Look gets to see
	Key     string `json:"idempotency_key,omitempty"`
	Request string `json:"request,omitempty"` // its digest

	Status   job.Status  `json:"status"`
	Started  job.Time    `json:"started_at"`
	Deadline *job.Time   `json:"deadline,omitempty"`
	Result   *job.Result `json:"result,omitempty"`

	rev store.Revision
}

func boardPrefix(board string) string { return "boards/executions/" + store.Word(board) }

func (r *record) key() string { return boardPrefix(r.Board) + "/" + r.ID }

// beginTime is how long a Begin may take, with room.
const beginTime = 10 * time.Second

func (r *record) asOpen(now time.Time) Open {
	return Open{r.ID, r.Board, r.Goal, r.Started.Time, now.Sub(r.Started.Time) < beginTime}
}

// errFinal is a change of what has ended.
var errFinal = errors.New("the execution has ended")

func parseRecord(e store.Entry) (record, error) {
	r := record{rev: e.Rev}
	err := json.Unmarshal(e.Value, &r)
	if err == nil && r.key() != e.Key {
		err = errors.New("it is under another key")
	}
	if err != nil {
		return record{}, fmt.Errorf("the record %s: %w", e.Key, err)
	}
	return r, nil
}

// load reads an execution, KindNotFound when there is none.
func (b *Boards) load(ctx context.Context, board, id string) (record, error) {
	e, err := b.o.Store.Get(ctx, boardPrefix(board)+"/"+id)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrKey) {
		return record{}, sovd.Errorf(sovd.KindNotFound, "Execution not found: %s", id)
	}
	if err != nil {
		return record{}, fmt.Errorf("reading the execution %s: %w", id, err)
	}
	return parseRecord(e)
}

// list reads the executions of a board, the oldest first.
func (b *Boards) list(ctx context.Context, board string) ([]record, error) {
	var out []record
	for e, err := range b.o.Store.List(ctx, boardPrefix(board)) {
		if err != nil && !errors.Is(err, store.ErrDamaged) {
			return nil, fmt.Errorf("listing the executions of %s: %w", board, err)
		}
		var r record
		if err == nil {
			r, err = parseRecord(e)
		}
		if err != nil {
			b.o.Log.Error("a record of an execution is damaged", "key", e.Key, "error", err)
			continue
		}
		out = append(out, r)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].ID < out[j].ID })
	return out, nil
}

// put makes a record durable.
func (b *Boards) put(ctx context.Context, r *record) error {
	text, err := json.Marshal(r)
	if err == nil {
		r.rev, err = b.o.Store.Put(context.WithoutCancel(ctx), r.key(), text, r.rev)
	}
	if err != nil {
		return fmt.Errorf("recording the execution %s: %w", r.ID, err)
	}
	return nil
}

// change makes a change durable; what has ended does not change any more.
func (b *Boards) change(ctx context.Context, r record, edit func(*record)) (record, error) {
	for {
		if r.Status.Final() {
			return r, errFinal
		}
		edit(&r)
		err := b.put(ctx, &r)
		if !errors.Is(err, store.ErrConflict) {
			return r, err
		}
		if r, err = b.load(ctx, r.Board, r.ID); err != nil {
			return record{}, err
		}
	}
}

// end settles an execution, once, and tells those who wait.
func (b *Boards) end(ctx context.Context, r record, o job.Outcome, out *job.Output) (record, error) {
	now := b.now()
	r, err := b.change(ctx, r, func(r *record) {
		res := job.Result{
			ID: r.ID, Status: job.Completed, Name: r.Name, SHA256: r.SHA256, Serial: r.Serial, Target: r.Board, Source: job.SourceHTTP,
			StartedAt: r.Started, CompletedAt: &now, Error: o.Err, ExitCode: o.ExitCode,
		}
		switch {
		case o.Terminated:
			res.Status = job.Terminated
		case o.Err != nil:
			res.Status = job.Failed
		}
		if r.KeyID != "" {
			res.KeyID = &r.KeyID
		}
		if out != nil {
			keep := func(s job.Stream, text *string, dropped *int64) {
				t, n := out.Kept(s)
				*text, *dropped = strings.ToValidUTF8(string(t), "\uFFFD"), n
				res.Truncated = res.Truncated || n > 0
			}
			keep(job.Stdout, &res.Stdout, &res.StdoutDropped)
			keep(job.Stderr, &res.Stderr, &res.StderrDropped)
		}
		r.Status, r.Result = res.Status, &res
	})
	if err != nil {
		return r, err
	}
	b.tell(r)
	v := r.view()
	b.o.Audit.End(sovd.Ref{Kind: sovd.Components, ID: r.Board}, r.Actor, v)
	if b.o.Ended != nil {
		b.o.Ended(v)
	}
	return r, nil
}

// tell has those go on who wait for the end of an execution.
func (b *Boards) tell(r record) {
	b.mu.Lock()
	l := b.live[r.ID]
	delete(b.live, r.ID)
	delete(b.open, r.ID)
	b.mu.Unlock()
	if l == nil {
		return
	}
	if l.cancel != nil {
		l.cancel(errElsewhere) // it has ended, or another has said so
	}
	if !r.Live {
		fill(l.out, r.Result)
	}
	l.out.Close()
	close(l.done)
}

// fill puts what was printed into an Output.
func fill(out *job.Output, r *job.Result) {
	if r != nil {
		out.Writer(job.Stdout).Write([]byte(r.Stdout))
		out.Writer(job.Stderr).Write([]byte(r.Stderr))
	}
}

// view is what clients see.
func (r *record) view() sovd.Execution {
	d := sovd.ExecutionDetail{Script: r.Script, Format: r.Format, SHA256: r.SHA256, KeyID: r.KeyID, Serial: r.Serial}
	if r.Result != nil {
		return sovd.FromResult(*r.Result, d)
	}
	return sovd.FromResult(job.Result{ID: r.ID, Status: r.Status, StartedAt: r.Started}, d)
}
