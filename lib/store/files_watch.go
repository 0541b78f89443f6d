package store

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"
)

// filesPoll is how often a Watch looks for what other processes have written.
// What this process writes it sees at once.
const filesPoll = 25 * time.Millisecond

// Watch implements Store.
func (s *Files) Watch(ctx context.Context, prefix string) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		fail := func(err error) { yield(Change{}, fmt.Errorf("watching %s: %w", prefix, err)) }
		if err := checkPrefix(prefix); err != nil {
			yield(Change{}, fmt.Errorf("watching: %w", err))
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
		s.mu.RUnlock()
		s.mu.Lock()
		w := s.watches.add(prefix, s.view.keys(prefix))
		s.mu.Unlock()
		defer func() {
			s.mu.Lock()
			s.watches.remove(w)
			s.mu.Unlock()
		}()
		poll := time.NewTicker(filesPoll)
		defer poll.Stop()
		for read := (window{}); ; {
			if err := ctx.Err(); err != nil {
				fail(err)
				return
			}
			c, ok, err := s.changeOf(w, &read)
			if s.isClosed() {
				fail(ErrClosed)
				return
			}
			if ok || err != nil {
				if !yield(c, err) || err != nil && !errors.Is(err, ErrDamaged) {
					return
				}
				continue
			}
			select {
			case <-w.wake:
			case <-poll.C:
				// Who is told nothing looks himself.
				if err := s.current(); err != nil {
					fail(err)
					return
				}
				s.mu.RUnlock()
			case <-ctx.Done():
			case <-s.ctx.Done():
			}
		}
	}
}

// changeOf takes one key of a watch and looks it up.
func (s *Files) changeOf(w *watch, read *window) (c Change, ok bool, err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	key, caught, ok := w.next()
	switch p, there := s.view.find(key); {
	case !ok:
		return Change{}, false, nil
	case caught:
		return Change{Kind: Caught}, true, nil
	case !there:
		return Change{Kind: Deleted, Entry: Entry{Key: key, Rev: s.view.last}}, true, nil
	default:
		c.Entry, err = read.value(s.view, key, p)
		if err != nil {
			return Change{}, true, fmt.Errorf("watching %s: %w", key, err)
		}
		return c, true, nil
	}
}

// noteAll tells those who watch what is different in a log that was written
// anew. mu is held.
func (s *Files) noteAll(old, now *view) {
	if len(s.watches.all) == 0 {
		return
	}
	for word, keys := range now.index {
		for key, p := range keys {
			if old.index[word][key].rev != p.rev {
				s.watches.note(key)
			}
		}
	}
	for word, keys := range old.index {
		for key := range keys {
			if _, ok := now.index[word][key]; !ok {
				s.watches.note(key)
			}
		}
	}
}
