package store

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"lander/lib/durable"
)

// ErrInUse is returned by OpenLogged while another process has the store.
var ErrInUse = errors.New("another process has the store open")

const (
	loggedName  = "store.log"
	loggedHead  = "lander-store 1\n"
	loggedLock  = "store.lock"
	loggedBatch = 4 << 20 // bytes that one commit writes, about
)

// Logged is a Store of one append log below a directory, for one process with
// many writers: puts and deletes that meet share one write and one fsync. All
// values are in memory too, so it is for records, not for files. A crash
// leaves each record as it was before or after its last Put.
type Logged struct {
	mem  *Memory
	lock *durable.Lock

	mu     sync.Mutex // guards what follows, never across I/O
	queue  []*change
	closed bool
	active sync.WaitGroup // changes under way

	token chan struct{} // held by the writer that commits for all; guards log
	log   *durable.Log
}

// change is one Put or Delete on its way.
type change struct {
	key   string
	value []byte
	rev   Revision // that the key must have
	del   bool

	next Revision
	err  error
	done chan struct{}
}

// OpenLogged opens the store below dir and makes the directory, with mode
// 0700, when it is not there. A torn end of the log is cut off.
func OpenLogged(dir string) (*Logged, error) {
	if err := durable.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("opening the store %s: %w", dir, durable.Cause(err))
	}
	lock, err := durable.TryLock(filepath.Join(dir, loggedLock))
	if errors.Is(err, durable.ErrLocked) {
		err = ErrInUse
	}
	if err != nil {
		return nil, fmt.Errorf("opening the store %s: %w", dir, durable.Cause(err))
	}
	s := &Logged{mem: NewMemory(), lock: lock, token: make(chan struct{}, 1)}
	s.log, _, err = durable.OpenLog(filepath.Join(dir, loggedName), loggedHead, s.replay)
	if err != nil {
		lock.Release()
		return nil, fmt.Errorf("opening the store %s: %w", dir, err)
	}
	return s, nil
}

// replay takes over one record of the log.
func (s *Logged) replay(rec []byte) error {
	e, del, err := parseChange(rec)
	if err != nil {
		return err
	}
	s.mem.last = max(s.mem.last, e.Rev)
	if del {
		delete(s.mem.entries, e.Key)
	} else {
		s.mem.entries[e.Key] = e
	}
	return nil
}

// appendChange appends "put KEY REV BASE64" or "del KEY REV". The revision of
// a deletion keeps the later ones above it.
func appendChange(dst []byte, e Entry, del bool) []byte {
	start := len(dst)
	dst = durable.BeginRecord(dst)
	if del {
		dst = fmt.Appendf(dst, "del %s %d", e.Key, e.Rev)
	} else {
		dst = fmt.Appendf(dst, "put %s %d ", e.Key, e.Rev)
		dst = base64.StdEncoding.AppendEncode(dst, e.Value)
	}
	return durable.EndRecord(dst, start)
}

func parseChange(rec []byte) (e Entry, del bool, err error) {
	words := bytes.SplitN(rec, []byte(" "), 4)
	bad := func() (Entry, bool, error) { return Entry{}, false, fmt.Errorf("%w: %.40q", ErrDamaged, rec) }
	if len(words) < 3 {
		return bad()
	}
	verb, key := string(words[0]), string(words[1])
	rev, err := strconv.ParseUint(string(words[2]), 10, 53)
	if err != nil || rev == 0 || strconv.FormatUint(rev, 10) != string(words[2]) || CheckKey(key) != nil {
		return bad()
	}
	e = Entry{Key: key, Rev: Revision(rev)}
	if verb == "del" && len(words) == 3 {
		return e, true, nil
	}
	if verb != "put" || len(words) != 4 || base64.StdEncoding.DecodedLen(len(words[3])) > MaxValue+3 {
		return bad()
	}
	// Strict: what parses is what appendChange writes.
	e.Value, err = base64.StdEncoding.Strict().AppendDecode([]byte{}, words[3])
	if err != nil || len(e.Value) > MaxValue || strings.ContainsAny(string(words[3]), "\r\n") {
		return bad()
	}
	return e, false, nil
}

// Get implements Store.
func (s *Logged) Get(ctx context.Context, key string) (Entry, error) { return s.mem.Get(ctx, key) }

// List implements Store.
func (s *Logged) List(ctx context.Context, prefix string) iter.Seq2[Entry, error] {
	return s.mem.List(ctx, prefix)
}

// Put implements Store.
func (s *Logged) Put(ctx context.Context, key string, value []byte, rev Revision) (Revision, error) {
	if len(value) > MaxValue {
		return 0, fmt.Errorf("putting %s: %w: %d bytes, at most %d are allowed", key, ErrTooLarge, len(value), MaxValue)
	}
	c := &change{key: key, value: append([]byte{}, value...), rev: rev}
	err := s.apply(ctx, "putting", c)
	return c.next, err
}

// Delete implements Store.
func (s *Logged) Delete(ctx context.Context, key string, rev Revision) error {
	return s.apply(ctx, "deleting", &change{key: key, rev: rev, del: true})
}

// apply queues c and waits until it, or somebody, has committed it. Once
// queued it is not withdrawn: a commit is short.
func (s *Logged) apply(ctx context.Context, doing string, c *change) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s %s: %w", doing, c.key, err)
	}
	if err := CheckKey(c.key); err != nil {
		return fmt.Errorf("%s a key: %w", doing, err)
	}
	c.done = make(chan struct{})
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return fmt.Errorf("%s %s: %w", doing, c.key, ErrClosed)
	}
	s.active.Add(1)
	defer s.active.Done()
	s.queue = append(s.queue, c)
	s.mu.Unlock()
	for {
		select {
		case <-c.done:
			if c.err != nil {
				return fmt.Errorf("%s %s: %w", doing, c.key, c.err)
			}
			return nil
		case s.token <- struct{}{}:
			s.lead()
			<-s.token
		}
	}
}

// lead commits what waits. The caller holds the token.
func (s *Logged) lead() {
	s.mu.Lock()
	size, n := 0, 0
	for n < len(s.queue) && (n == 0 || size < loggedBatch) {
		size += len(s.queue[n].value)*4/3 + MaxWord
		n++
	}
	batch := s.queue[:n:n]
	s.queue = s.queue[n:]
	s.mu.Unlock()
	s.commit(batch)
	for _, c := range batch {
		close(c.done)
	}
}

// commit decides on each change in order, writes those that hold, and only
// then lets readers see them.
func (s *Logged) commit(batch []*change) {
	s.mem.mu.Lock()
	entries, last := s.mem.entries, s.mem.last
	s.mem.mu.Unlock()
	// Only a commit changes entries, and this is the one: reading needs no
	// lock here.
	pending := map[string]Revision{}
	var records []byte
	var good []*change
	for _, c := range batch {
		have, ok := pending[c.key]
		if !ok {
			have = entries[c.key].Rev
		}
		switch {
		case c.del && have == 0:
			c.err = ErrNotFound
			continue
		case have != c.rev:
			c.err = ErrConflict
			continue
		}
		last++
		c.next, pending[c.key] = last, last
		if c.del {
			pending[c.key] = 0
		}
		records = appendChange(records, Entry{Key: c.key, Value: c.value, Rev: c.next}, c.del)
		good = append(good, c)
	}
	if len(good) == 0 {
		return
	}
	err := s.write(records, last)
	if err != nil {
		for _, c := range good {
			c.err, c.next = err, 0
		}
		return
	}
	s.mem.mu.Lock()
	defer s.mem.mu.Unlock()
	s.mem.last = last
	for _, c := range good {
		if c.del {
			delete(entries, c.key)
		} else {
			entries[c.key] = Entry{Key: c.key, Value: c.value, Rev: c.next}
		}
	}
}

// write makes records durable. A log that has outgrown its entries is first
// written anew, without what they replace.
func (s *Logged) write(records []byte, last Revision) error {
	if !s.log.Outgrown(len(records)) {
		if err := s.log.Reserve(len(records)); err != nil {
			return err
		}
		return s.log.Append(records)
	}
	whole := []byte(loggedHead)
	// A deletion of nothing keeps the highest revision.
	whole = appendChange(whole, Entry{Key: "last", Rev: max(last, 1)}, true)
	for _, e := range s.mem.entries {
		whole = appendChange(whole, e, false)
	}
	return s.log.Replace(append(whole, records...))
}

// Close waits for the changes under way and gives the directory back.
func (s *Logged) Close() error {
	s.mu.Lock()
	closed := s.closed
	s.closed = true
	s.mu.Unlock()
	if closed {
		return nil
	}
	s.active.Wait()
	s.mem.Close()
	return errors.Join(s.log.Close(), s.lock.Release())
}
