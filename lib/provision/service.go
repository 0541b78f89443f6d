package provision

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"lander/lib/job"
	"lander/lib/journal"
	"lander/lib/link"
	"lander/lib/store"
)

// Options of a Service.
type Options struct {
	Tree        fs.FS
	Load        LoadOptions
	Verify      func(fsys fs.FS) (*Admission, error) // nil: unsigned trees are served
	Store       store.Store
	Name        string                                          // of the server in the store, which others with another tree must not have
	Percent     int                                             // of the boards that a release may reach, 0 to 100
	MaxFailures int                                             // boards on which a release may fail before it is halted; 0: any number
	Rate        int                                             // updates that may begin per minute; 0: any number
	Groups      []string                                        // boards of these groups alone get updates; nil: all
	Silence     time.Duration                                   // a board that was updated and is silent for so long counts as a failure; 0: never
	Once        bool                                            // end after the first session of a board
	Reload      <-chan os.Signal                                // looks at the tree at once; nil: never
	Poll        time.Duration                                   // how often the tree is looked at; 0: 1 s, negative: never
	Hello       time.Duration                                   // how long a peer may take for its HI; 0: 5 s
	Answer      time.Duration                                   // how long a board may take for an answer; 0: 15 s
	MaxConns    int                                             // streams at once; 0: 4096
	MaxPerHost  int                                             // streams from one address; 0: 1024
	OldReleases int                                             // releases that are kept though nothing needs them; 0: DefaultOldReleases
	Collect     func(device, name string, content []byte) error // keeps a file that was fetched of a board; nil: none are fetched
	Journal     *journal.Journal                                // a line for each update; nil: none
	Event       func(Event)                                     // called from many goroutines; nil: none
	Clock       func() time.Time
	Log         *slog.Logger
}

// Service serves a tree to all boards at once.
type Service struct {
	o       Options
	store   store.Store
	log     *slog.Logger
	tree    atomic.Pointer[Tree]
	stamped string // stamp of the first tree, before it was read
	visits  visits
	rollout rollout
	metrics Metrics
	// accepted counts the streams, so that a board's last one is known.
	accepted atomic.Uint64
	gate     gate

	keptMu sync.Mutex
	kept   map[string]bool // releases that are in the store
}

// New reads the tree and what is known of the boards. A tree that cannot be read
// is an error; one with broken releases is not.
func New(ctx context.Context, o Options) (*Service, error) {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Poll == 0 {
		o.Poll = time.Second
	}
	s := &Service{o: o, store: o.Store, log: o.Log, visits: visits{open: map[int64]*visit{}, last: map[int64]uint64{}}, kept: map[string]bool{}}
	s.gate = gate{max: orDefault(o.MaxConns, 4096), perHost: orDefault(o.MaxPerHost, 1024), hosts: map[string]int{}, quiet: map[*visitor]bool{}}
	if err := s.rollout.load(ctx, s.store); err != nil {
		return nil, err
	}
	s.stamped, _ = stamp(s.o.Tree) // watch tells what is wrong with it
	t, a, err := s.load()
	if err != nil {
		return nil, s.refused(ctx, a, err)
	}
	s.use(ctx, t)
	return s, nil
}

func orDefault(n, def int) int {
	if n == 0 {
		return def
	}
	return n
}

// Tree is the tree that is served now.
func (s *Service) Tree() *Tree { return s.tree.Load() }

// Metrics counts what the service does.
func (s *Service) Metrics() *Metrics { return &s.metrics }

// Serve takes connections from the listeners until ctx ends, which is no error,
// or with Once until the first session of a board ended, of which it returns what
// broke it as a *SessionError. It returns when all sessions have ended.
func (s *Service) Serve(ctx context.Context, listeners []*link.Listener) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var wg sync.WaitGroup
	defer wg.Wait()
	var first error
	var ended sync.Once
	once := func(err error) { ended.Do(func() { first = err; stop() }) }
	if s.o.Poll > 0 || s.o.Reload != nil {
		wg.Go(func() { s.watch(ctx) })
	}
	if s.o.Silence > 0 {
		wg.Go(func() { s.silences(ctx) })
	}
	faults := make(chan error, len(listeners))
	for _, l := range listeners {
		wg.Go(func() { faults <- s.accept(ctx, l, &wg, once) })
	}
	var errs []error
	for range listeners {
		err := <-faults
		if err != nil && ctx.Err() == nil {
			errs = append(errs, err)
			stop()
		}
	}
	stop()
	wg.Wait()
	return errors.Join(append(errs, first)...)
}

func (s *Service) accept(ctx context.Context, l *link.Listener, wg *sync.WaitGroup, once func(error)) error {
	for {
		conn, err := l.Accept(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, net.ErrClosed) {
			return err
		}
		if err != nil { // such as too many open files: wait for some to close
			s.log.Warn("accepting a connection", "error", err)
			select {
			case <-time.After(50 * time.Millisecond):
			case <-ctx.Done():
				return nil
			}
			continue
		}
		seq := s.accepted.Add(1)
		v := &visitor{conn: conn, host: conn.Address().Host, seq: seq}
		if !s.gate.enter(v) {
			s.metrics.refused.Add(1)
			conn.Close()
			continue
		}
		wg.Go(func() {
			defer s.gate.leave(v)
			defer conn.Close()
			tie := &leash{conn: conn, wait: lastMoves}
			defer tie.release()
			defer context.AfterFunc(ctx, tie.end)()
			board, err := s.serve(ctx, conn, seq, tie, func() { s.gate.spoke(v) })
			if s.o.Once && board {
				once(err)
			}
		})
	}
}

// watch looks at the tree again and again. A tree is read when it has been quiet
// between two looks and while it was read: half of a change is never served.
func (s *Service) watch(ctx context.Context) {
	var looks <-chan time.Time
	if s.o.Poll > 0 {
		tick := time.NewTicker(s.o.Poll)
		defer tick.Stop()
		looks = tick.C
	}
	served, last, fault := s.stamped, s.stamped, ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.o.Reload:
			served, last = "", ""
			if last, _ = stamp(s.o.Tree); last == "" {
				continue
			}
		case <-looks:
		}
		now, err := stamp(s.o.Tree)
		if err != nil {
			if fault != err.Error() { // told once
				fault = err.Error()
				s.log.Warn("looking at the tree", "error", err)
			}
			continue
		}
		fault = ""
		quiet := now == last
		last = now
		if now == served || !quiet {
			continue
		}
		t, a, err := s.load()
		if after, serr := stamp(s.o.Tree); serr != nil || after != now {
			continue
		}
		served = now
		if err != nil {
			err = s.refused(ctx, a, err)
			s.log.Error("the tree was not taken", "error", err)
			s.tell(Event{Event: EventTree, Result: ResultRefused, Reason: err.Error()})
			continue
		}
		s.use(ctx, t)
		if err := s.prune(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("old releases stay", "error", err)
		}
	}
}

// load reads and, where it must be, verifies the tree.
func (s *Service) load() (t *Tree, a *Admission, err error) {
	o := s.o.Load
	if s.o.Verify != nil {
		if a, err = s.o.Verify(s.o.Tree); err != nil {
			return nil, a, fmt.Errorf("verifying the tree: %w", err)
		}
		o.Sums = a.Sums
	}
	if t, err = Load(s.o.Tree, o); err == nil {
		t.signed = a
	}
	return t, a, err
}

// refused puts a tree that was not let in on record.
func (s *Service) refused(ctx context.Context, a *Admission, why error) error {
	return errors.Join(why, s.record(ctx, a, journal.Line{Verdict: journal.Refused, Reason: why.Error()}))
}

// record writes a line of the journal, with what is known of the signature.
func (s *Service) record(ctx context.Context, a *Admission, l journal.Line) error {
	if s.o.Journal == nil {
		return nil
	}
	l.Source, l.Action, l.Format = "ota", journal.ActionProvision, job.FormatTree
	if a != nil {
		l.KeyID, l.Serial, l.SHA256 = a.KeyID, a.Serial, a.SHA256
		if l.Name == "" {
			l.Name = a.Name
		}
	}
	_, err := s.o.Journal.Append(ctx, l)
	return err
}

// use makes a tree the one that is served. A manifest that became unusable keeps
// the secret it had, so that its boards can be answered.
func (s *Service) use(ctx context.Context, t *Tree) {
	if old := s.tree.Load(); old != nil {
		for id, r := range t.Releases {
			if before := old.Releases[id]; r.secret == "" && before != nil {
				r.secret, r.oldSecrets = before.secret, before.oldSecrets
			}
		}
		if t.Default != nil && t.Default.secret == "" && old.Default != nil {
			t.Default.secret, t.Default.oldSecrets = old.Default.secret, old.Default.oldSecrets
		}
	}
	s.tree.Store(t)
	if err := s.publish(ctx, t); err != nil {
		s.log.Warn("the releases cannot be assigned by name", "error", err)
	}
	result := "ready"
	for _, p := range t.Problems {
		if p.Warning {
			s.log.Warn(p.String())
			continue
		}
		result = "broken"
		s.log.Error(p.String())
	}
	s.log.Info("the tree is read", "manifests", len(t.Releases), "default", t.Default != nil, "problems", len(t.Problems))
	s.tell(Event{Event: EventTree, Result: result})
}

func (s *Service) tell(e Event) {
	if s.o.Event != nil {
		e.Time = job.Time{Time: s.o.Clock()}
		s.o.Event(e)
	}
}
