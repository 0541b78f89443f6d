package store

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"

	"lander/lib/durable"
)

const (
	commitBytes = 4 << 20 // that one commit writes, about
	reserve     = 256 << 10
	slack       = 1 << 20 // below this size a log is never written anew
)

// commitAll commits until nothing waits.
func (s *Files) commitAll() {
	for {
		s.queueMu.Lock()
		if len(s.queue) == 0 {
			s.running = false
			s.queueMu.Unlock()
			return
		}
		s.queueMu.Unlock()
		s.commitSome()
	}
}

// commitSome commits what waits when it has the lock: who does not want to
// wait any longer can leave until then.
func (s *Files) commitSome() {
	err := s.turn.Acquire(s.ctx)
	batch := s.takeBatch()
	if err == nil {
		err = s.commit(batch)
		s.turn.Release()
	} else if s.ctx.Err() != nil {
		err = ErrClosed
	}
	for _, c := range batch {
		if err != nil && c.err == nil {
			c.next, c.err = 0, fmt.Errorf("%s %s: %w", c.doing, c.Key, err)
		}
		close(c.done)
	}
}

func (s *Files) takeBatch() []*change {
	s.queueMu.Lock()
	defer s.queueMu.Unlock()
	n, size := 0, 0
	for n < len(s.queue) && (n == 0 || size < commitBytes) {
		size += len(s.queue[n].Value)
		n++
	}
	batch := s.queue[:n:n]
	s.queue = s.queue[n:]
	return batch
}

// commit writes those changes of batch that fit what is there, which it says
// of each; the error is that of writing. The lock is held.
func (s *Files) commit(batch []*change) error {
	s.mu.Lock()
	if err := s.refresh(true); err != nil {
		s.mu.Unlock()
		return err
	}
	p := s.plan(batch)
	if len(p.records) == 0 {
		s.mu.Unlock()
		return nil
	}
	if v := s.view; v.harm > 0 || v.good > slack && v.good > 2*max(v.live, v.held) {
		if err := s.rewrite(); err != nil {
			s.mu.Unlock()
			return err
		}
	}
	v := s.view
	s.busy = true
	s.mu.Unlock()
	err := v.append(p.bytes)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy = false
	if err != nil {
		return err
	}
	for i, r := range p.records {
		v.apply(r, v.good, p.sizes[i])
		v.good += int64(p.sizes[i])
	}
	return nil
}

// plan is what a commit writes.
type plan struct {
	bytes   []byte
	records []record
	sizes   []int
}

// plan tells the changes that fit from those that do not. mu is held.
func (s *Files) plan(batch []*change) (p plan) {
	v := s.view
	last := v.last
	changed := map[string]Revision{} // by this commit; 0: deleted
	for _, c := range batch {
		have, ours := changed[c.Key]
		if !ours {
			at, _ := v.find(c.Key)
			have = at.rev
		}
		switch {
		case c.kind == kindDelete && have == 0:
			c.err = fmt.Errorf("deleting %s: %w", c.Key, ErrNotFound)
			continue
		case have != c.Rev:
			c.err = conflict(c.doing, c.Key, have, c.Rev)
			continue
		}
		if c.kind == kindPut {
			last++
			c.next = last
		}
		changed[c.Key] = c.next
		r := c.record(last)
		n := len(p.bytes)
		p.bytes = appendRecord(p.bytes, r)
		r.Value = nil
		p.records, p.sizes = append(p.records, r), append(p.sizes, len(p.bytes)-n)
	}
	return p
}

// append writes behind the last whole record, over zeros: a sync of bytes that
// change no size does not wait for what else happens in the file system.
func (v *view) append(b []byte) error {
	err := v.clear()
	if err == nil && v.good+int64(len(b)) > v.zeros {
		err = v.reserve(int64(len(b)))
	}
	if err == nil {
		_, err = v.f.WriteAt(b, v.good)
	}
	if err == nil {
		err = syncData(v.f)
	}
	if err != nil {
		v.f.Truncate(v.good) // if not now, then before the next commit
		v.zeros = 0
	}
	return durable.Cause(err)
}

// clear makes sure that nothing but zeros is behind the last whole record: a
// dead writer may have left a part of one.
func (v *view) clear() error {
	st, err := v.f.Stat()
	if err != nil {
		return err
	}
	if size := st.Size(); size > v.good && size != v.zeros {
		rest, err := io.ReadAll(io.NewSectionReader(v.f, v.good, size-v.good))
		if err != nil {
			return err
		}
		if len(bytes.Trim(rest, "\x00")) > 0 {
			v.zeros = v.good
			return v.f.Truncate(v.good)
		}
		v.zeros = size
	}
	return nil
}

// reserve makes room for n bytes, and for more where the disk has it: one that
// is nearly full still takes what must be written now.
func (v *view) reserve(n int64) (err error) {
	from := max(v.good, v.zeros)
	for _, spare := range []int64{reserve, 0} {
		to := v.good + n + spare
		if _, err = v.f.WriteAt(make([]byte, to-from), from); err == nil {
			v.zeros = to
			return v.f.Sync()
		}
		if terr := v.f.Truncate(from); terr != nil {
			return terr
		}
	}
	return err
}

// rewrite makes a log of the records that count. mu and the lock are held.
func (s *Files) rewrite() error {
	v := s.view
	if v.harm > 0 {
		if err := s.keepDamaged(); err != nil {
			return fmt.Errorf("keeping the damaged log: %w", err)
		}
	}
	f, err := durable.Create(s.path(logName), 0o600)
	if err != nil {
		return err
	}
	defer f.Abort()
	w := bufio.NewWriterSize(f, readAtOnce)
	w.WriteString(logHead)
	w.Write(appendRecord(nil, record{kindLast, Entry{Rev: v.last}}))
	var b []byte // one for all: what is live would be garbage twice otherwise
	for _, key := range v.keys("") {
		p, _ := v.find(key)
		b = slices.Grow(b[:0], int(p.size))[:p.size]
		if _, err := v.valueInto(key, p, b); err != nil {
			continue // damaged since it was read: not worse than before
		}
		w.Write(b)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if !replacesOpen {
		v.f.Close()
	}
	if err = s.replace(f); err == nil {
		return s.reopen(true)
	}
	// It may have its name all the same, and only the sync of the directory
	// failed: what is written to the old one would be lost.
	if other, _, serr := v.stale(s.path(logName)); serr == nil && other {
		return errors.Join(err, s.reopen(true))
	}
	if !replacesOpen {
		old, oerr := os.OpenFile(s.path(logName), os.O_RDWR, 0)
		if oerr != nil {
			return errors.Join(err, oerr)
		}
		v.f = old
	}
	// The old one goes on until it is twice as long: another process may have
	// it open, where such a file cannot be replaced.
	if there, _ := exists(s.path(logName)); there && v.harm == 0 {
		v.held = v.good
		return nil
	}
	return err
}

// replacesOpen says that a file can be replaced while somebody has it open.
const replacesOpen = runtime.GOOS != "windows"

func (s *Files) keepDamaged() error {
	if _, err := s.view.f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	f, err := durable.Create(s.path(damagedName), 0o600)
	if err != nil {
		return err
	}
	defer f.Abort()
	if _, err := io.Copy(f, io.Reader(struct{ *os.File }{s.view.f})); err != nil {
		return err
	}
	return f.Commit()
}
