package bysant

import "errors"

// ErrTooLarge is a value that is longer than a Scanner takes.
var ErrTooLarge = errors.New("value too large")

// Scanner finds the end of a value in a stream, where nothing else tells it
// [M3DA 3]. It looks at each byte once, in however many pieces they come; it
// checks depth and size, and leaves the rest to Parse.
type Scanner struct {
	// Max bounds the bytes of a value; 0: DefaultMax.
	Max int

	at     int
	skip   int // bytes of a string that are still to come
	chunks bool
	begun  bool
	stack  []level
}

// DefaultMax is the greatest length of a value in bytes where a Scanner does
// not say.
const DefaultMax = 16 << 20

// level is a collection or object that is not complete.
type level struct {
	fields  []Context // of an object: those to come
	item    Context
	left    int64 // values to come, keys of maps included
	unknown bool
	keyed   bool // a map
	key     bool // a key is next
}

// Scan looks at b, which begins with the value in the global context and has
// at least what it had at the last call. It returns the length of the value,
// or ErrShort when there is more to come, and is then ready for the next one.
func (s *Scanner) Scan(b []byte) (int, error) {
	most := s.Max
	if most <= 0 {
		most = DefaultMax
	}
	n, err := s.scan(b, most)
	switch {
	case err == nil && n > most, err == ErrShort && len(b) > most:
		err = ErrTooLarge
	}
	if err == ErrShort {
		return 0, err
	}
	*s = Scanner{Max: s.Max, stack: s.stack[:0]}
	if err != nil {
		return 0, err
	}
	return n, nil
}

// window is the longest head.
const window = 12

func (s *Scanner) scan(b []byte, most int) (int, error) {
	for {
		if s.skip > 0 {
			n := min(s.skip, len(b)-s.at)
			s.at += n
			if s.skip -= n; s.skip > 0 {
				return 0, ErrShort
			}
		}
		if s.chunks {
			n, err := chunk(string(b[s.at:min(s.at+2, len(b))]))
			if err != nil {
				return 0, err
			}
			s.at += 2
			s.skip, s.chunks = n, n > 0
			continue
		}
		c, ok := s.next()
		if !ok {
			return s.at, nil
		}
		t, err := head(c, string(b[s.at:min(s.at+window, len(b))]))
		if err != nil {
			return 0, err
		}
		s.at += t.size
		if err := s.enter(t, most); err != nil {
			return 0, err
		}
	}
}

// next is the context of what comes next; ok is false when nothing does.
func (s *Scanner) next() (c Context, ok bool) {
	for len(s.stack) > 0 {
		l := &s.stack[len(s.stack)-1]
		switch {
		case l.unknown, l.left > 0:
			if l.keyed && l.key {
				return UIS, true
			}
			if len(l.fields) > 0 {
				return l.fields[0], true
			}
			return l.item, true
		}
		s.stack = s.stack[:len(s.stack)-1]
	}
	return Global, !s.begun
}

// enter takes the head that was read.
func (s *Scanner) enter(t token, most int) error {
	s.begun = true
	if len(s.stack) > 0 {
		l := &s.stack[len(s.stack)-1]
		if l.unknown && t.kind == Null && (!l.keyed || l.key) {
			s.stack = s.stack[:len(s.stack)-1]
			return nil
		}
		l.left--
		l.key = !l.key
		if len(l.fields) > 0 {
			l.fields = l.fields[1:]
		}
	}
	switch t.kind {
	case String:
		if t.n > int64(most) {
			return ErrTooLarge
		}
		s.skip, s.chunks = int(t.n), t.chunked
	case List, Map, Object:
		if len(s.stack) >= MaxDepth {
			return malformed("nested more than %d deep", MaxDepth)
		}
		if t.n > int64(most) {
			return ErrTooLarge
		}
		l := level{item: t.item, left: t.n, unknown: t.unknown}
		switch t.kind {
		case Map:
			l.keyed, l.key, l.left = true, true, 2*t.n
		case Object:
			l.fields = fields[t.n]
			l.left = int64(len(l.fields))
		}
		s.stack = append(s.stack, l)
	}
	return nil
}
