package store

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
)

// Memory is a Store that is gone with the process.
type Memory struct {
	mu      sync.Mutex
	entries map[string]Entry // values are never changed in place
	last    Revision         // over all keys, so that no key gets one twice
	closed  bool
	watches watches
}

// NewMemory returns an empty Memory.
func NewMemory() *Memory { return &Memory{entries: map[string]Entry{}} }

// begin checks what every method checks and takes the lock.
func (m *Memory) begin(ctx context.Context, doing, key string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s %s: %w", doing, key, err)
	}
	if err := CheckKey(key); err != nil {
		return fmt.Errorf("%s a key: %w", doing, err)
	}
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return fmt.Errorf("%s %s: %w", doing, key, ErrClosed)
	}
	return nil
}

// Get implements Store.
func (m *Memory) Get(ctx context.Context, key string) (Entry, error) {
	if err := m.begin(ctx, "getting", key); err != nil {
		return Entry{}, err
	}
	defer m.mu.Unlock()
	e, ok := m.entries[key]
	if !ok {
		return Entry{}, fmt.Errorf("getting %s: %w", key, ErrNotFound)
	}
	e.Value = bytes.Clone(e.Value)
	return e, nil
}

// Put implements Store.
func (m *Memory) Put(ctx context.Context, key string, value []byte, rev Revision) (Revision, error) {
	if len(value) > MaxValue {
		return 0, fmt.Errorf("putting %s: %w: %d bytes, at most %d are allowed", key, ErrTooLarge, len(value), MaxValue)
	}
	if err := m.begin(ctx, "putting", key); err != nil {
		return 0, err
	}
	defer m.mu.Unlock()
	if have := m.entries[key].Rev; have != rev {
		return 0, conflict("putting", key, have, rev)
	}
	m.last++
	m.entries[key] = Entry{Key: key, Value: append([]byte{}, value...), Rev: m.last}
	m.watches.note(key)
	return m.last, nil
}

// Delete implements Store.
func (m *Memory) Delete(ctx context.Context, key string, rev Revision) error {
	if err := m.begin(ctx, "deleting", key); err != nil {
		return err
	}
	defer m.mu.Unlock()
	have := m.entries[key].Rev
	if have == 0 {
		return fmt.Errorf("deleting %s: %w", key, ErrNotFound)
	}
	if have != rev {
		return conflict("deleting", key, have, rev)
	}
	delete(m.entries, key)
	m.watches.note(key)
	return nil
}

// List implements Store.
func (m *Memory) List(ctx context.Context, prefix string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		if err := checkPrefix(prefix); err != nil {
			yield(Entry{}, fmt.Errorf("listing: %w", err))
			return
		}
		m.mu.Lock()
		keys := slices.Sorted(maps.Keys(m.entries))
		closed := m.closed
		m.mu.Unlock()
		if closed {
			yield(Entry{}, fmt.Errorf("listing %s: %w", prefix, ErrClosed))
			return
		}
		for _, key := range keys {
			if err := ctx.Err(); err != nil {
				yield(Entry{}, fmt.Errorf("listing %s: %w", prefix, err))
				return
			}
			if !under(key, prefix) {
				continue
			}
			m.mu.Lock()
			e, ok := m.entries[key]
			m.mu.Unlock()
			e.Value = bytes.Clone(e.Value)
			if ok && !yield(e, nil) {
				return
			}
		}
	}
}

// Close implements Store.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	m.watches.wakeAll()
	return nil
}

// Watch implements Store.
func (m *Memory) Watch(ctx context.Context, prefix string) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		fail := func(err error) { yield(Change{}, fmt.Errorf("watching %s: %w", prefix, err)) }
		if err := checkPrefix(prefix); err != nil {
			yield(Change{}, fmt.Errorf("watching: %w", err))
			return
		}
		m.mu.Lock()
		w := m.watches.add(prefix, slices.Sorted(maps.Keys(m.entries)))
		m.mu.Unlock()
		defer func() {
			m.mu.Lock()
			m.watches.remove(w)
			m.mu.Unlock()
		}()
		for {
			m.mu.Lock()
			closed := m.closed
			key, caught, ok := w.next()
			e, there := m.entries[key]
			last := m.last
			m.mu.Unlock()
			if closed {
				fail(ErrClosed)
				return
			}
			if err := ctx.Err(); err != nil {
				fail(err)
				return
			}
			c := Change{Kind: Wrote, Entry: Entry{Key: key, Value: bytes.Clone(e.Value), Rev: e.Rev}}
			switch {
			case caught:
				c = Change{Kind: Caught}
			case !ok:
				select {
				case <-w.wake:
				case <-ctx.Done():
				}
				continue
			case !there:
				c = Change{Kind: Deleted, Entry: Entry{Key: key, Rev: last}}
			}
			if !yield(c, nil) {
				return
			}
		}
	}
}

func conflict(doing, key string, have, want Revision) error {
	switch {
	case have == 0:
		return fmt.Errorf("%s %s: %w: it does not exist any more", doing, key, ErrConflict)
	case want == 0:
		return fmt.Errorf("%s %s: %w: it exists already", doing, key, ErrConflict)
	}
	return fmt.Errorf("%s %s: %w", doing, key, ErrConflict)
}
