package boards

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"lander/lib/job"
	"lander/lib/sovd"
	"lander/lib/store"
)

const (
	// tendEvery is how often what waits for its board is looked at.
	tendEvery = time.Second
	// tendAtOnce is how much of it each time, so that many cost no more.
	tendAtOnce = 500
)

// tend looks at what waits for its board, so that it ends though nobody asks.
func (b *Boards) tend() {
	t := time.NewTicker(tendEvery)
	defer t.Stop()
	for {
		changed := b.o.Presence.Changed()
		select {
		case <-b.ctx.Done():
			return
		case <-changed:
			if err := b.recover(b.ctx); err != nil && b.ctx.Err() == nil {
				b.o.Log.Error("looking at what a gateway has left", "error", err)
			}
			continue
		case <-t.C:
		}
		b.mu.Lock()
		if len(b.turn) == 0 {
			b.turn = slices.Sorted(maps.Keys(b.open))
		}
		n := min(len(b.turn), tendAtOnce)
		var now []place
		for _, id := range b.turn[:n] {
			if p, ok := b.open[id]; ok {
				now = append(now, p)
			}
		}
		b.turn = b.turn[n:]
		b.mu.Unlock()
		for _, p := range now {
			r, err := b.load(b.ctx, p.board, p.id)
			if e, ok := errors.AsType[*sovd.Error](err); ok && e.Kind == sovd.KindNotFound {
				b.mu.Lock()
				delete(b.open, p.id)
				b.mu.Unlock()
				continue
			}
			if err == nil {
				_, err = b.look(b.ctx, r)
			}
			if err != nil && b.ctx.Err() == nil {
				b.o.Log.Error("looking at an execution", "execution", p.id, "board", p.board, "error", err)
			}
		}
	}
}

// look brings an execution up to date.
func (b *Boards) look(ctx context.Context, r record) (record, error) {
	if r.Status.Final() {
		b.tell(r)
		return r, nil
	}
	if r.Live {
		if !b.o.Presence.Gone(ctx, r.Owner) {
			return r, nil
		}
		o := job.Outcome{Terminated: true, Err: job.Errorf(job.CodeInterrupted, "The gateway ended while it was done: what the board has is uncertain")}
		done, err := b.end(ctx, r, o, nil)
		if errors.Is(err, errFinal) {
			err = nil
		}
		return done, err
	}
	_, src, err := b.find(ctx, r.Board)
	if err != nil {
		return record{}, err
	}
	late := r.Deadline != nil && b.o.Clock().After(r.Deadline.Time)
	var running bool
	var end *job.Outcome
	switch {
	case src != nil:
		if running, end, err = src.Look(ctx, r.asOpen(b.o.Clock())); err != nil {
			return record{}, fmt.Errorf("looking at the execution %s: %w", r.ID, err)
		}
	case late:
		end = &job.Outcome{Err: job.Errorf(job.CodeTimeout, "The board is not known any more")}
	}
	if end == nil && late {
		end = &job.Outcome{Err: job.Errorf(job.CodeTimeout, "The board did not show that it has it in time")}
	}
	switch {
	case end != nil:
		// First what is left of it: a crash in between finds it withdrawn.
		if end.Err != nil {
			if err := b.withdraw(ctx, r); err != nil {
				return record{}, err
			}
		}
		if r, err = b.end(ctx, r, *end, nil); errors.Is(err, errFinal) {
			err = nil
		}
	case running && r.Status == job.Prepared:
		r, err = b.change(ctx, r, func(r *record) { r.Status = job.Running })
		if errors.Is(err, errFinal) {
			err = nil
		}
	}
	return r, err
}

// lookAll brings the executions of a board up to date.
func (b *Boards) lookAll(ctx context.Context, board string) error {
	all, err := b.list(ctx, board)
	for i := 0; err == nil && i < len(all); i++ {
		_, err = b.look(ctx, all[i])
	}
	return err
}

func (b *Boards) withdraw(ctx context.Context, r record) error {
	_, src, err := b.find(ctx, r.Board)
	if err == nil && src != nil {
		err = src.Withdraw(context.WithoutCancel(ctx), r.asOpen(b.o.Clock()))
	}
	if err != nil {
		return fmt.Errorf("withdrawing what the execution %s has begun: %w", r.ID, err)
	}
	return nil
}

// recover reads the executions that have not ended, and ends those whose gateway
// is dead.
func (b *Boards) recover(ctx context.Context) error {
	for e, err := range b.o.Store.List(ctx, "boards/executions") {
		if err != nil && !errors.Is(err, store.ErrDamaged) {
			return fmt.Errorf("reading the executions on boards: %w", err)
		}
		var r record
		if err == nil {
			r, err = parseRecord(e)
		}
		if err != nil {
			b.o.Log.Error("a record of an execution is damaged", "key", e.Key, "error", err)
			continue
		}
		switch {
		case r.Status.Final():
		case !r.Live:
			b.mu.Lock()
			b.open[r.ID] = place{r.Board, r.ID}
			b.mu.Unlock()
		default:
			if _, err := b.look(ctx, r); err != nil {
				return err
			}
		}
	}
	return nil
}
