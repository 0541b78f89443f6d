// Package stage keeps data on its way to the server: records that applications
// push, tables of rows and their consolidation, and acknowledges, until a
// trigger policy says that it is time to send them [EMP 4, 30 to 47, 5].
//
// What is kept in flash survives a crash of the process and of the machine
// from the moment it was confirmed. Data is dropped only when an Uplink has
// taken it: after a crash in between it is sent once more.
package stage

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"lander/lib/durable"
	"lander/lib/emp/frame"
)

// DefaultMaxBytes bounds what waits, in ram and flash together.
const DefaultMaxBytes = 64 << 20

// The defaults of how long after a session that failed the next one is tried.
const (
	DefaultRetry    = time.Minute
	DefaultMaxRetry = 15 * time.Minute
)

// maxTables bounds the number of tables.
const maxTables = 10_000

// Clock is time as a Stage sees it.
type Clock interface {
	// Now is the wall clock: policies with cron need it in local time.
	Now() time.Time
	// AfterFunc calls f on a goroutine of its own after d.
	AfterFunc(d time.Duration, f func()) Timer
}

// Timer is what AfterFunc returns. *time.Timer is one.
type Timer interface{ Stop() bool }

// Options are the settings of a Stage.
type Options struct {
	// File keeps what is to survive a crash. It is made when it is not there;
	// its directory must be. One Stage at a time may use it. "": flash is ram.
	File string
	// Volatile keeps the records of PData in ram. They are in flash else.
	Volatile bool
	// Policies by name, beside and over the built-in ones; see SetPolicies.
	Policies map[string]Policy
	// Uplink takes what is sent; nil: every session fails with ErrNoUplink.
	Uplink   Uplink
	MaxBytes int64 // 0: DefaultMaxBytes
	// Batch cuts what a session sends in pieces of about so many bytes, by the
	// stage's own measure: each is taken, and forgotten here, by itself. 0: all
	// in one.
	Batch int64
	// Retry is how long after a session that failed a policy that works by
	// itself tries again; it doubles with each failure in a row up to MaxRetry.
	Retry    time.Duration // 0: DefaultRetry
	MaxRetry time.Duration // 0: DefaultMaxRetry; less than Retry: Retry
	Clock    Clock         // nil: the system's
	Logger   *slog.Logger  // nil drops what is said
}

// Stage holds data until it is sent. Its methods may be called from any
// goroutine. Those with a done function call it once, maybe before they
// return, unless they return an error: with nil when the change is as durable
// as its storage promises. done must not wait. Errors wrap a frame.Status.
type Stage struct {
	o   Options
	log *slog.Logger

	ctx     context.Context // of the sessions that begin by themselves
	cancel  context.CancelFunc
	wg      sync.WaitGroup
	session chan struct{} // holds a token while a session is on
	doubt   *batch        // failed last time; belongs to the holder of the token

	mu       sync.Mutex
	policies map[string]*policy
	tables   map[frame.TableID]*table
	tickets  map[string]*ack // by the JSON text of the ticket
	bytes    int64
	seq      uint64 // of the last row, record or acknowledge
	failures int    // sessions that failed in a row
	closing  bool   // nothing new is taken
	ended    bool   // nor will anything come of what was taken

	file     *durable.Log // nil without a file; the committer's alone
	pending  []byte       // records for the file
	waiting  []func(error)
	wake     sync.Cond
	finished chan struct{} // closed when the committer has ended
}

// Open loads what the file keeps and arms the policies.
func Open(o Options) (*Stage, error) {
	if o.MaxBytes <= 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	if o.Retry <= 0 {
		o.Retry = DefaultRetry
	}
	if o.MaxRetry <= 0 {
		o.MaxRetry = DefaultMaxRetry
	}
	o.MaxRetry = max(o.MaxRetry, o.Retry)
	if o.Clock == nil {
		o.Clock = systemClock{}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Stage{
		o: o, log: o.Logger, session: make(chan struct{}, 1), policies: map[string]*policy{},
		tables: map[frame.TableID]*table{}, tickets: map[string]*ack{}, finished: make(chan struct{}),
	}
	s.wake.L = &s.mu
	s.ctx, s.cancel = context.WithCancel(context.Background())
	if err := s.load(); err != nil {
		s.cancel()
		return nil, fmt.Errorf("opening the stage: %w", err)
	}
	if err := s.SetPolicies(o.Policies); err != nil {
		s.log.Warn("a policy is left out", "error", err)
	}
	s.mu.Lock()
	for _, p := range s.policies {
		s.armBoot(p)
		if p.holds(s) {
			s.armLatency(p)
		}
	}
	s.mu.Unlock()
	return s, nil
}

// Close ends sessions that are on, writes what waits to be written, confirms
// it, and gives the file back. What comes later is refused.
func (s *Stage) Close() error {
	s.cancel()
	s.mu.Lock()
	s.closing = true
	for _, p := range s.policies {
		p.disarm()
	}
	s.mu.Unlock()
	s.wg.Wait()
	s.mu.Lock()
	s.ended = true
	s.wake.Signal()
	s.mu.Unlock()
	<-s.finished
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

// Bytes is how much waits, by the stage's own measure.
func (s *Stage) Bytes() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bytes
}

// row is one line of values; null where there is none.
type row struct {
	seq    uint64
	values []frame.Value
}

// cost is what a row counts for.
func (r row) cost() int64 {
	n := int64(64)
	for _, v := range r.values {
		n += cost(v)
	}
	return n
}

func cost(v frame.Value) int64 {
	n := int64(48)
	s, _ := v.Str()
	n += int64(len(s))
	for _, e := range v.Elems() {
		n += cost(e)
	}
	for _, m := range v.Members() {
		n += int64(len(m.Key)) + cost(m.Value)
	}
	return n
}

// admit reports whether n more bytes fit. mu is held.
func (s *Stage) admit(n int64) error {
	if s.bytes+n > s.o.MaxBytes && !s.closing {
		return frame.Errorf(frame.StatusNoMemory, "too much data waits to be sent")
	}
	return s.open()
}

// open reports whether the stage is not closed. mu is held.
func (s *Stage) open() error {
	if s.closing {
		return frame.Errorf(frame.StatusClosed, "the agent ends")
	}
	return nil
}

// next gives out a sequence number. mu is held.
func (s *Stage) next() uint64 {
	s.seq++
	return s.seq
}

// dropRows takes away the rows up to a sequence number. mu is held.
func (s *Stage) dropRows(rows []row, upto uint64) []row {
	kept := rows[:0]
	for _, r := range rows {
		if r.seq > upto {
			kept = append(kept, r)
		} else {
			s.bytes -= r.cost()
		}
	}
	clear(rows[len(kept):])
	if len(kept) == 0 {
		return nil
	}
	return kept
}

type systemClock struct{}

func (systemClock) Now() time.Time { return time.Now() }

func (systemClock) AfterFunc(d time.Duration, f func()) Timer { return time.AfterFunc(d, f) }
