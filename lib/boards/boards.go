// Package boards is the boards that a gateway knows and that do not connect to
// it: those that an ota serve looks after, which share its store, and those on
// a Jacdac bus that the gateway is a station of.
//
// A board is a component of the gateway. What is known of it are its data, and
// what is to be put on it is an execution: of a script that every such board
// has, such as the assignment of a release, or of a program that was uploaded.
// An execution is on record before anything of it is done, and ends in one
// final state, whatever dies meanwhile.
package boards

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"lander/lib/job"
	"lander/lib/sovd"
	"lander/lib/store"
)

// The defaults of Options.
const (
	DefaultTTL     = 24 * time.Hour
	DefaultHistory = 20
)

// Board is a board as a Source knows it.
type Board struct {
	ID     string // as a component
	Name   string
	About  string
	Kind   string // what it is: nodemcu, devicescript
	Online *bool  // nil: it only comes now and then
	Groups []string
	Names  []string // that it answers to as the target of a signature
	Detail map[string]any
	Data   []sovd.Datum
}

// Request is a start that a Source is asked for.
type Request struct {
	Script     string          // one of the Source's own; "": Program is to be put on the board
	Program    []byte          // as it was signed, or uploaded bare
	Parameters json.RawMessage // null or empty: none
}

// Plan is a start that can be done.
type Plan struct {
	Name   string // of what is put on the board
	SHA256 string // of it; "": not known here
	Goal   string // what Look and Withdraw get to see of it
	// Begin makes it so that it will be done, whoever dies. It gets the id
	// of the execution. Nil: Run does it now.
	Begin func(ctx context.Context, id string) error
	Run   func(ctx context.Context, out *job.Output) job.Outcome
}

// Open is an execution that has not ended, as a Source sees it.
type Open struct {
	ID, Board, Goal string
	Started         time.Time
	Fresh           bool // its Begin may not have returned
}

// Source is where boards of one kind are known from. All methods are safe for
// concurrent use. What may be shown to clients is a *sovd.Error.
type Source interface {
	// Board returns a board by its component's id, nil when there is none.
	Board(ctx context.Context, id string) (*Board, error)
	// Boards returns those that it can, also beside an error.
	Boards(ctx context.Context) ([]*Board, error)
	// History returns the kept values of one variable, the oldest first.
	History(id, variable string) []sovd.Datum
	// Follow hands out what changes, until stop is called.
	Follow(id string) (data <-chan sovd.Datum, stop func())
	// Scripts are those that each of the boards has, sorted by id.
	Scripts() []sovd.Script
	// Formats are those of programs that can be put on the boards: of none
	// there are no uploads.
	Formats() []string
	// Check says what is wrong with a program.
	Check(program []byte) error
	Plan(ctx context.Context, b *Board, r Request) (Plan, error)
	// Look says how far an execution is that Begin has begun; end is nil until
	// it has ended.
	Look(ctx context.Context, x Open) (running bool, end *job.Outcome, err error)
	// Withdraw takes back what is not done of one that did not complete.
	Withdraw(ctx context.Context, x Open) error
}

// Library is where uploaded programs are; sovd.Files is one.
type Library interface {
	ListScripts(ctx context.Context, e sovd.Ref) ([]sovd.Script, error)
	GetScript(ctx context.Context, e sovd.Ref, id string) (sovd.Script, error)
	UploadScript(ctx context.Context, e sovd.Ref, u sovd.Upload) (sovd.Script, error)
	DeleteScript(ctx context.Context, e sovd.Ref, id string) error
	ReadScript(ctx context.Context, e sovd.Ref, id string) (sovd.Source, error)
}

// Options are the settings of Boards. Store, Presence, Clock and Log are
// needed.
type Options struct {
	Sources  []Source
	Store    store.Store
	Presence *store.Presence // which gateways on the store are alive: what a dead one did is ended
	Manifest *sovd.Manifest  // components whose ids are those of boards; their tags are groups
	// Verified says that the library has verified what it gives for a board.
	Verified bool
	// Open verifies a bundle for a board and gives its payload; called with
	// each program that is signed and not Verified. Nil: signed programs are refused.
	Open    func(ctx context.Context, names []string, formats []string, bundle []byte) (Opened, error)
	TTL     time.Duration        // how long an execution that waits for its board may take; 0: DefaultTTL
	History int                  // finished executions that are kept of a board; 0: DefaultHistory
	Ended   func(sovd.Execution) // called for each execution that has ended; nil: nobody asks
	Audit   *sovd.Audit          // gets a line for each end; nil: nobody asks
	Clock   func() time.Time
	Random  io.Reader // nil: crypto/rand
	Log     *slog.Logger
}

// Opened is the payload of a bundle that may be put on a board.
type Opened struct {
	Payload       []byte
	SHA256, KeyID string
	Serial        *int64
	Record        func() error // spends the serial
}

// Boards implements sovd.Devices, sovd.ScriptProvider and sovd.Follower for the
// boards of its sources. The zero value is not usable: see OpenBoards.
type Boards struct {
	o     Options
	shelf Library // nil: nothing is uploaded

	manifest atomic.Pointer[sovd.Manifest]

	mu     sync.Mutex
	live   map[string]*live // executions that are done here now
	open   map[string]place // begun, and to be looked at
	turn   []string         // their order
	closed bool

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup // of tend
	runs   sync.WaitGroup
}

// place is where the record of an execution is.
type place struct{ board, id string }

// live is an execution that this process does.
type live struct {
	cancel context.CancelCauseFunc
	out    *job.Output
	done   chan struct{} // closed when its end is durable
}

// OpenBoards reads the executions. Those that wait for their boards go on;
// those that a gateway did when it died are ended.
func OpenBoards(ctx context.Context, o Options) (*Boards, error) {
	if o.Store == nil || o.Presence == nil || o.Clock == nil || o.Log == nil {
		return nil, errors.New("opening the boards: a store, the presence of gateways, a clock and a log are needed")
	}
	if o.TTL <= 0 {
		o.TTL = DefaultTTL
	}
	if o.History == 0 {
		o.History = DefaultHistory
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	b := &Boards{o: o, live: map[string]*live{}, open: map[string]place{}}
	b.Describe(o.Manifest)
	b.ctx, b.cancel = context.WithCancel(context.WithoutCancel(ctx))
	if err := b.recover(ctx); err != nil {
		return nil, err
	}
	b.wg.Go(b.tend)
	return b, nil
}

// Use gives the boards the programs that are uploaded, before they serve.
func (b *Boards) Use(l Library) { b.shelf = l }

// Describe replaces what a manifest says of components with the ids of boards;
// nil: nothing.
func (b *Boards) Describe(m *sovd.Manifest) {
	if m == nil {
		m = &sovd.Manifest{}
	}
	b.manifest.Store(m)
}

// Close waits for what is done here to end, and ends it when ctx ends before.
func (b *Boards) Close(ctx context.Context) error {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	ended := make(chan struct{})
	go func() { b.runs.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-ctx.Done():
		b.mu.Lock()
		for _, l := range b.live {
			l.cancel(errShutdown)
		}
		b.mu.Unlock()
		<-ended
	}
	b.cancel()
	b.wg.Wait()
	b.o.Audit.Close()
	return nil
}

// cause is why an execution was ended, as clients are told.
type cause string

func (c cause) Error() string { return string(c) }

var (
	errShutdown  = cause("The gateway was shut down")
	errStopped   = cause(sovd.ActionStop.Cause())
	errLease     = cause("The gateway could not reach its store")
	errElsewhere = cause("Another gateway has ended it")
	errForced    = cause(sovd.ActionForced.Cause())
)

func (b *Boards) now() job.Time { return job.Time{Time: b.o.Clock()} }

// find returns a board and its source, nil when none has it.
func (b *Boards) find(ctx context.Context, id string) (*Board, Source, error) {
	for _, s := range b.o.Sources {
		d, err := s.Board(ctx, id)
		if err != nil {
			return nil, nil, fmt.Errorf("looking for the board %s: %w", id, err)
		}
		if d != nil {
			b.group(d)
			return d, s, nil
		}
	}
	return nil, nil, nil
}

// group adds the groups that the manifest has for a board.
func (b *Boards) group(d *Board) {
	if e := b.manifest.Load().Entities[d.ID]; e != nil && e.Kind == sovd.Components {
		d.Groups = append(slices.Clone(d.Groups), e.Tags...)
	}
}

// Owns reports whether an entity is a board, or all of them.
func (b *Boards) Owns(e sovd.Ref) bool {
	return e == sovd.FleetRef && b.shelf != nil || e.Kind == sovd.Components && b.Entity(e.ID) != nil
}

// Names are what a board answers to as the target of a signature, and all
// together those of each.
func (b *Boards) Names(e sovd.Ref) []string {
	if e == sovd.FleetRef {
		var names []string
		for d := range b.all() {
			names = append(names, d.targets()...)
		}
		return names
	}
	d, _, err := b.find(b.ctx, e.ID)
	if err != nil || d == nil || e.Kind != sovd.Components {
		return nil
	}
	return d.targets()
}

// targets are the names of a board and its groups.
func (d *Board) targets() []string {
	names := slices.Clone(d.Names)
	for _, g := range d.Groups {
		names = append(names, "group:"+g)
	}
	return names
}

// Formats are those of the programs that a board takes.
func (b *Boards) Formats(e sovd.Ref) []string {
	if e == sovd.FleetRef {
		var formats []string
		for _, s := range b.o.Sources {
			formats = append(formats, s.Formats()...)
		}
		return formats
	}
	d, s, err := b.find(b.ctx, e.ID)
	if err != nil || d == nil || e.Kind != sovd.Components {
		return nil
	}
	return s.Formats()
}
