package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"lander/lib/durable"
)

// The names of the files in the journal's directory.
const (
	FileName = "journal.ndjson"
	HeadName = "journal.head"
	lockName = "journal.lock"
)

// DefaultMaxBytes is where a file is renamed and the next one begun.
const DefaultMaxBytes = 16 << 20

// maxBatch bounds what one commit writes, in bytes.
const maxBatch = 1 << 20

// ErrClosed is returned by Append after Close.
var ErrClosed = errors.New("the journal is closed")

// Options of a journal; the zero value is good.
type Options struct {
	MaxBytes int64            // size at which a file is rotated; 0: DefaultMaxBytes, negative: never
	Clock    func() time.Time // nil: time.Now
	Log      *slog.Logger     // repairs and rotations; nil: none
}

// Journal appends to the journal of one directory. It is safe for concurrent
// use, also by several processes, and starts no goroutine.
type Journal struct {
	dir   string
	path  string // of the current file
	max   int64
	clock func() time.Time
	log   *slog.Logger

	mu     sync.Mutex
	queue  []*pending
	closed bool
	active sync.WaitGroup // appends under way

	// token is held by the appender that commits for all that wait; it guards
	// what follows.
	token   chan struct{}
	turn    *durable.Turn // to write, between processes: taken for one commit
	buf     []byte        // of the last commit, used again
	file    *os.File      // the current file, nil before the first append and after trouble
	info    os.FileInfo   // which file it is
	tail    tail          // where it ends, as this process last saw it
	repairs []Line        // what was found wrong and is not noted yet
}

// pending is the lines of one call on their way.
type pending struct {
	lines []Line
	err   error
	done  chan struct{} // closed once lines and err are final
}

// Open opens the journal in dir and makes the directory when it is not there.
// The files are made with mode 0600. What a crash left behind is repaired by
// the first append, not here.
func Open(dir string, o Options) (*Journal, error) {
	j := &Journal{dir: dir, path: filepath.Join(dir, FileName), max: o.MaxBytes, clock: o.Clock, log: o.Log, token: make(chan struct{}, 1)}
	j.turn = durable.NewTurn(filepath.Join(dir, lockName))
	if j.max == 0 {
		j.max = DefaultMaxBytes
	}
	if j.clock == nil {
		j.clock = time.Now
	}
	if j.log == nil {
		j.log = slog.New(slog.DiscardHandler)
	}
	if err := durable.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("opening the journal in %s: %w", dir, durable.Cause(err))
	}
	return j, nil
}

// Append writes one line durably and returns it with Seq, Time, Prev and Hash
// filled in. Appends that meet share one fsync. When ctx ends before the line
// is on its way Append returns its error and the line is not written; later
// the line's own fate is returned, whatever ctx says. After an error nothing
// of the line is in the journal.
func (j *Journal) Append(ctx context.Context, l Line) (Line, error) {
	out, err := j.AppendAll(ctx, []Line{l})
	if err != nil {
		return Line{}, err
	}
	return out[0], nil
}

// AppendAll is Append for several lines, which follow one another in the
// journal and share one fsync: all of them are written or none.
func (j *Journal) AppendAll(ctx context.Context, lines []Line) ([]Line, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("appending to the journal: %w", err)
	}
	if len(lines) == 0 {
		return nil, nil
	}
	p := &pending{lines: slices.Clone(lines), done: make(chan struct{})}
	for i := range p.lines {
		if err := p.lines[i].check(); err != nil {
			return nil, err
		}
		p.lines[i].clip()
	}
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return nil, ErrClosed
	}
	j.active.Add(1)
	defer j.active.Done()
	j.queue = append(j.queue, p)
	j.mu.Unlock()

	for {
		select {
		case <-p.done:
			return p.result()
		case j.token <- struct{}{}:
			j.lead(ctx, p)
			<-j.token
		case <-ctx.Done():
			if j.withdraw(p) {
				return nil, fmt.Errorf("appending to the journal: %w", ctx.Err())
			}
			// Another appender is writing it: that ends by itself.
			<-p.done
			return p.result()
		}
	}
}

func (p *pending) result() ([]Line, error) {
	if p.err != nil {
		return nil, p.err
	}
	return p.lines, nil
}

// lead commits what waits, unless p itself is done already. The caller holds
// the token.
func (j *Journal) lead(ctx context.Context, p *pending) {
	select {
	case <-p.done:
		return
	default:
	}
	if err := j.turn.Acquire(ctx); err != nil {
		err = fmt.Errorf("appending to the journal in %s: %w", j.dir, durable.Cause(err))
		// Those who wait have their own ctx: only the leader fails here.
		if j.withdraw(p) {
			p.err = err
			close(p.done)
		}
		return
	}
	defer j.turn.Release()
	batch := j.take(p)
	err := j.commit(batch)
	for _, b := range batch {
		b.err = err
		close(b.done)
	}
}

// take removes p and those that wait with it from the queue, in their order,
// up to a batch's size.
func (j *Journal) take(p *pending) []*pending {
	j.mu.Lock()
	defer j.mu.Unlock()
	var batch []*pending
	var rest []*pending
	room := maxBatch - p.size()
	for _, q := range j.queue {
		switch {
		case q == p:
			batch = append(batch, q)
		case q.size() <= room:
			room -= q.size()
			batch = append(batch, q)
		default:
			rest = append(rest, q)
			room = 0
		}
	}
	j.queue = rest
	return batch
}

// size estimates the bytes of p's lines; it need not be exact.
func (p *pending) size() int {
	n := 0
	for _, l := range p.lines {
		n += 512 + len(l.Actor) + len(l.Name) + len(l.Reason) + len(l.Outcome) + len(l.Ticket)
	}
	return n
}

func (j *Journal) withdraw(p *pending) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	i := slices.Index(j.queue, p)
	if i < 0 {
		return false
	}
	j.queue = slices.Delete(j.queue, i, i+1)
	return true
}

func lockDir(ctx context.Context, dir string) (*durable.Lock, error) {
	return durable.AcquireContext(ctx, filepath.Join(dir, lockName))
}

// Close waits for the appends under way and closes the file.
func (j *Journal) Close() error {
	j.mu.Lock()
	j.closed = true
	j.mu.Unlock()
	j.active.Wait()
	j.token <- struct{}{}
	defer func() { <-j.token }()
	j.drop()
	j.turn.Close()
	return nil
}

// drop forgets the current file; the next commit looks at the disk again.
func (j *Journal) drop() {
	if j.file != nil {
		j.file.Close()
		j.file = nil
	}
	j.tail = tail{}
}

// Dir is the directory that the journal was opened in.
func (j *Journal) Dir() string { return j.dir }
