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
	w io.Writer
	f *os.File // w as a regular file, else nil

	mu      sync.Mutex
	turn    *sync.Cond
	written uint64 // lines
	synced  uint64 // of them, those that last
	syncing bool
	err     error // of a sync: nothing is known any more of what lasts
}

// NewSink writes to w. What is written to a regular file is there after a
// crash of the machine too: lines that come at the same time share the wait.
func NewSink(w io.Writer) *Sink {
	s := &Sink{w: w}
	s.turn = sync.NewCond(&s.mu)
	if f, ok := w.(*os.File); ok {
		if st, err := f.Stat(); err == nil && st.Mode().IsRegular() {
			s.f = f
		}
	}
	return s
}

// Write writes one record and returns when it lasts.
func (s *Sink) Write(r Record) error {
	b, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("writing data: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	if n, err := s.w.Write(append(b, '\n')); err != nil {
		s.takeBack(int64(n))
		return fmt.Errorf("writing data: %w", err)
	}
	s.written++
	for mine := s.written; s.f != nil && s.synced < mine && s.err == nil; {
		if s.syncing {
			s.turn.Wait()
			continue
		}
		s.syncing = true
		upTo := s.written
		s.mu.Unlock()
		err := s.f.Sync()
		s.mu.Lock()
		s.syncing = false
		if err != nil {
			s.err = fmt.Errorf("writing data: %w", err)
		} else {
			s.synced = max(s.synced, upTo)
		}
		s.turn.Broadcast()
	}
	return s.err
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
