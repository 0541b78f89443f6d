package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"lander/lib/durable"
)

const (
	logName     = "store.log"
	lockName    = "store.lock"
	damagedName = "store.damaged"
)

// Files is a Store below one directory, which any number of processes may
// share. All records are in one append log; changes that meet are written
// together, with one fsync, and each is durable when its Put returns. Every
// process reads what the others have appended before it answers. Writers hold
// a file lock for the length of a commit; readers need none. Values stay on
// the disk, keys are in memory.
//
// A log that has outgrown its records is written anew. One that was damaged
// is copied to store.damaged first: its whole records stay, a damaged one is
// as if it had not been written.
type Files struct {
	dir  string
	turn *durable.Turn // to write, between processes

	mu   sync.RWMutex // guards what follows, never while the disk is waited for
	view *view
	busy bool // a commit of ours is being written: nobody else's can be

	watches watches

	queueMu sync.Mutex
	queue   []*change
	running bool // a committer is at work
	closed  bool
	commits sync.WaitGroup
	ctx     context.Context // ends with the store
	cancel  context.CancelFunc

	replace func(*durable.File) error // commits a log that was written anew; tests have a bad disk
}

// change is one Put or Delete on its way.
type change struct {
	doing string
	kind  byte
	Entry // its revision is the one that the key must have

	next Revision
	err  error
	done chan struct{}
}

// OpenFiles opens the store below dir and makes the directory, with mode
// 0700, when it is not there.
func OpenFiles(dir string) (*Files, error) {
	s := &Files{dir: dir, replace: (*durable.File).Commit}
	s.turn = durable.NewTurn(s.path(lockName))
	s.ctx, s.cancel = context.WithCancel(context.Background())
	if err := s.open(); err != nil {
		s.cancel()
		return nil, fmt.Errorf("opening the store %s: %w", dir, err)
	}
	return s, nil
}

func (s *Files) path(name string) string { return filepath.Join(s.dir, name) }

func (s *Files) open() error {
	if err := durable.MkdirAll(s.dir, 0o700); err != nil {
		return durable.Cause(err)
	}
	there, err := exists(s.path(logName))
	if err != nil {
		return err
	}
	if !there {
		err := durable.WriteFile(s.path(logName), []byte(logHead), 0o600, durable.NoReplace)
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	s.view, err = openView(s.path(logName))
	if err != nil {
		return err
	}
	s.view.changed = s.watches.note
	// After a power failure pieces may lie behind the end. While another
	// process writes they do not.
	lock, err := durable.TryLock(s.path(lockName))
	if errors.Is(err, durable.ErrLocked) {
		return nil
	}
	if err != nil {
		return err
	}
	defer lock.Release()
	if err := s.refresh(true); err != nil {
		return err
	}
	return s.view.clear()
}

// refresh brings the view up to what all processes have written; sure says
// that the lock is held. mu is held.
func (s *Files) refresh(sure bool) error {
	other, longer, err := s.view.stale(s.path(logName))
	switch {
	case err != nil:
		return err
	case other:
		return s.reopen(sure)
	case longer || s.view.stuck:
		return s.view.read(sure)
	}
	return nil
}

// reopen takes the file that is there now for the log.
func (s *Files) reopen(sure bool) error {
	next, err := openView(s.path(logName))
	if err != nil {
		return err
	}
	if next.stuck && sure {
		if err := next.read(true); err != nil {
			next.close()
			return err
		}
	}
	s.view.close()
	s.noteAll(s.view, next)
	s.view, next.changed = next, s.watches.note
	return nil
}

// refreshSurely waits for the writer that may be at work.
func (s *Files) refreshSurely() error {
	if err := s.turn.Acquire(s.ctx); err != nil {
		return err
	}
	defer s.turn.Release()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refresh(true)
}

// current returns with mu held for reading, and a view that is up to date.
func (s *Files) current() error {
	s.mu.RLock()
	if s.busy {
		return nil
	}
	other, longer, err := s.view.stale(s.path(logName))
	if err == nil && !other && !longer && !s.view.stuck {
		return nil
	}
	s.mu.RUnlock()
	s.mu.Lock()
	stuck := false
	if !s.busy {
		err = s.refresh(false)
		stuck = s.view.stuck
	}
	s.mu.Unlock()
	if err == nil && stuck {
		err = s.refreshSurely()
	}
	s.mu.RLock()
	if err != nil {
		s.mu.RUnlock()
	}
	return err
}

func (s *Files) begin(ctx context.Context, doing, key string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s %s: %w", doing, key, err)
	}
	if err := CheckKey(key); err != nil {
		return fmt.Errorf("%s a key: %w", doing, err)
	}
	if s.isClosed() {
		return fmt.Errorf("%s %s: %w", doing, key, ErrClosed)
	}
	return nil
}

func (s *Files) isClosed() bool {
	s.queueMu.Lock()
	defer s.queueMu.Unlock()
	return s.closed
}

// Get implements Store.
func (s *Files) Get(ctx context.Context, key string) (Entry, error) {
	if err := s.begin(ctx, "getting", key); err != nil {
		return Entry{}, err
	}
	if err := s.current(); err != nil {
		return Entry{}, fmt.Errorf("getting %s: %w", key, err)
	}
	defer s.mu.RUnlock()
	return s.get(key)
}

// get reads a key. mu is held.
func (s *Files) get(key string) (Entry, error) {
	p, ok := s.view.find(key)
	if !ok {
		return Entry{}, fmt.Errorf("getting %s: %w", key, ErrNotFound)
	}
	e, err := s.view.value(key, p)
	if err != nil {
		return Entry{}, fmt.Errorf("getting %s: %w", key, err)
	}
	return e, nil
}

// Put implements Store.
func (s *Files) Put(ctx context.Context, key string, value []byte, rev Revision) (Revision, error) {
	if len(value) > MaxValue {
		return 0, fmt.Errorf("putting %s: %w: %d bytes, at most %d are allowed", key, ErrTooLarge, len(value), MaxValue)
	}
	c := &change{doing: "putting", kind: kindPut, Entry: Entry{Key: key, Value: value, Rev: rev}, done: make(chan struct{})}
	err := s.change(ctx, c)
	return c.next, err
}

// Delete implements Store.
func (s *Files) Delete(ctx context.Context, key string, rev Revision) error {
	return s.change(ctx, &change{doing: "deleting", kind: kindDelete, Entry: Entry{Key: key, Rev: rev}, done: make(chan struct{})})
}

// change queues c and waits until it is committed, or until ctx ends while it
// still waits.
func (s *Files) change(ctx context.Context, c *change) error {
	if err := s.begin(ctx, c.doing, c.Key); err != nil {
		return err
	}
	s.queueMu.Lock()
	if s.closed {
		s.queueMu.Unlock()
		return fmt.Errorf("%s %s: %w", c.doing, c.Key, ErrClosed)
	}
	s.queue = append(s.queue, c)
	if !s.running {
		s.running = true
		s.commits.Go(s.commitAll)
	}
	s.queueMu.Unlock()
	select {
	case <-c.done:
		return c.err
	case <-ctx.Done():
	}
	s.queueMu.Lock()
	i := slices.Index(s.queue, c)
	if i >= 0 {
		s.queue = slices.Delete(s.queue, i, i+1)
	}
	s.queueMu.Unlock()
	if i >= 0 {
		return fmt.Errorf("%s %s: %w", c.doing, c.Key, ctx.Err())
	}
	<-c.done // it is being written
	return c.err
}

// List implements Store.
func (s *Files) List(ctx context.Context, prefix string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		fail := func(err error) { yield(Entry{}, fmt.Errorf("listing %s: %w", prefix, err)) }
		if err := checkPrefix(prefix); err != nil {
			yield(Entry{}, fmt.Errorf("listing: %w", err))
			return
		}
		if s.isClosed() {
			fail(ErrClosed)
			return
		}
		if err := s.current(); err != nil {
			fail(err)
			return
		}
		keys := s.view.keys(prefix)
		s.mu.RUnlock()
		var w window
		for _, key := range keys {
			if err := ctx.Err(); err != nil {
				fail(err)
				return
			}
			if s.isClosed() {
				fail(ErrClosed)
				return
			}
			s.mu.RLock()
			p, ok := s.view.find(key)
			var e Entry
			err := ErrNotFound
			if ok {
				e, err = w.value(s.view, key, p)
			}
			s.mu.RUnlock()
			if errors.Is(err, ErrNotFound) {
				continue
			}
			if err != nil {
				err = fmt.Errorf("getting %s: %w", key, err)
			}
			if !yield(e, err) || err != nil && !errors.Is(err, ErrDamaged) {
				return
			}
		}
	}
}

// keys are those under a prefix, in their order.
func (v *view) keys(prefix string) []string {
	if prefix == "" {
		var all []string
		for _, keys := range v.index {
			all = slices.AppendSeq(all, maps.Keys(keys))
		}
		slices.Sort(all)
		return all
	}
	word, _, _ := strings.Cut(prefix, "/")
	var out []string
	for key := range v.index[word] {
		if under(key, prefix) {
			out = append(out, key)
		}
	}
	slices.Sort(out)
	return out
}

// Close implements Store. Changes that wait for the lock of another process
// fail with ErrClosed, those being written are awaited.
func (s *Files) Close() error {
	s.queueMu.Lock()
	s.closed = true
	s.queueMu.Unlock()
	s.cancel() // those who watch hear of it too
	s.commits.Wait()
	s.turn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.view.close()
	return nil
}

// record is c with the revision that it gets.
func (c *change) record(rev Revision) record {
	return record{c.kind, Entry{Key: c.Key, Value: c.Value, Rev: rev}}
}
