package sovd

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"lander/lib/journal"
)

// auditEvery is how long a line about a start may wait for others to share
// its sync. The start itself is durable before: its record has the same facts.
const auditEvery = 20 * time.Millisecond

// audit writes the lines about starts to the journal in batches. When the
// journal cannot be written, nothing more is started.
type audit struct {
	j   *journal.Journal
	log *slog.Logger

	mu     sync.Mutex
	lines  []journal.Line
	timer  bool // a flush is coming
	err    error
	flying sync.WaitGroup
}

// ready is the fault of the last batch: as long as there is one, each start
// tries the journal first.
func (a *audit) ready(ctx context.Context) error {
	a.mu.Lock()
	bad := a.err != nil
	a.mu.Unlock()
	if bad {
		a.flush(ctx)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.err
}

// add takes a line up; it is on the disk a little later.
func (a *audit) add(l journal.Line) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lines = append(a.lines, l)
	if a.timer {
		return
	}
	a.timer = true
	a.flying.Add(1)
	time.AfterFunc(auditEvery, func() {
		defer a.flying.Done()
		a.flush(context.Background())
	})
}

// flush writes what waits. Lines that could not be written stay.
func (a *audit) flush(ctx context.Context) {
	a.mu.Lock()
	batch := a.lines
	a.lines, a.timer = nil, false
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

// close writes the rest.
func (a *audit) close() {
	a.flying.Wait()
	a.flush(context.Background())
}
