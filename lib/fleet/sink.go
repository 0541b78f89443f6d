package fleet

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
)

// Sink writes records as NDJSON, one a line:
//
//	{"time":"...","device":"gw-17","path":"house.kitchen","columns":{"temp":[21.5]}}
//
// It is safe for concurrent use.
type Sink struct {
	w    io.Writer
	f    *os.File     // w as a regular file, else nil
	sync func() error // of f

	mu      sync.Mutex
	turn    *sync.Cond
	written uint64 // lines
	synced  uint64 // the last of them that is known to last
	lost    uint64 // the last of them of which that will never be known
	err     error  // why
	syncing bool
}

// NewSink writes to w. What is written to a regular file is there after a
// crash of the machine too: lines that come at the same time share the wait.
func NewSink(w io.Writer) *Sink {
	s := &Sink{w: w}
	s.turn = sync.NewCond(&s.mu)
	if f, ok := w.(*os.File); ok {
		if st, err := f.Stat(); err == nil && st.Mode().IsRegular() {
			s.f, s.sync = f, f.Sync
		}
	}
	return s
}

// Write writes one record and returns when it lasts. After an error the record
// is to be written again: a disk that was full, or failed, may be well then.
func (s *Sink) Write(r Record) error {
	b, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("writing data: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if n, err := s.w.Write(append(b, '\n')); err != nil {
		s.takeBack(int64(n))
		return fmt.Errorf("writing data: %w", err)
	}
	s.written++
	for mine := s.written; s.f != nil; {
		switch {
		case mine <= s.lost:
			return s.err
		case mine <= s.synced:
			return nil
		case s.syncing:
			s.turn.Wait()
			continue
		}
		s.syncing = true
		upTo := s.written
		s.mu.Unlock()
		err := s.sync()
		s.mu.Lock()
		s.syncing = false
		if err != nil {
			// Another sync says nothing about these lines, nor about those that
			// came meanwhile.
			s.err, s.lost = fmt.Errorf("writing data: %w", err), s.written
		} else {
			s.synced = upTo
		}
		s.turn.Broadcast()
	}
	return nil
}

// takeBack cuts off the n bytes of a line for whose rest there was no room, so
// that the next one does not begin in its middle.
func (s *Sink) takeBack(n int64) {
	if s.f == nil || n <= 0 {
		return
	}
	if end, err := s.f.Seek(0, io.SeekEnd); err == nil && s.f.Truncate(end-n) == nil {
		s.f.Seek(0, io.SeekEnd)
	}
}
