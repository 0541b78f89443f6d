// Package luapattern matches Lua 5.1 patterns [Lua 5.1, 5.4.1] that come from
// elsewhere: they are checked when they are compiled, and a match costs no
// more steps than it is given. SMS listeners use them [EMP 4, 7].
package luapattern

import (
	"errors"
	"fmt"
)

// MaxPattern is the length in bytes of the longest pattern.
const MaxPattern = 1024

// maxCaptures is how many captures a pattern may have, as in Lua.
const maxCaptures = 32

// ErrSteps ends a match that would cost more steps than it was given.
var ErrSteps = errors.New("the pattern takes too long on this text")

// Pattern is a compiled pattern. It may be used by several goroutines.
type Pattern struct {
	text     string
	anchored bool
	items    []item
}

type kind uint8

const (
	single   kind = iota // one byte of a set
	open                 // a capture begins
	position             // a capture of a position
	closing              // a capture ends
	again                // what a capture has caught comes again
	balanced             // %bxy
	frontier             // %f[set]
	end                  // $ at the end
)

type item struct {
	kind  kind
	quant byte // 0, '*', '+', '-' or '?', of a single
	set   *set
	n     int  // the capture
	x, y  byte // of balanced
}

// set is a set of bytes.
type set [4]uint64

func (s *set) add(c byte)      { s[c>>6] |= 1 << (c & 63) }
func (s *set) has(c byte) bool { return s[c>>6]>>(c&63)&1 == 1 }
func (s *set) invert() {
	for i := range s {
		s[i] = ^s[i]
	}
}

func (s *set) addSet(t *set) {
	for i := range s {
		s[i] |= t[i]
	}
}

// String is the pattern as it was compiled.
func (p *Pattern) String() string { return p.text }

// Compile checks a pattern. All that Lua complains about when a match gets
// there is refused here.
func Compile(text string) (*Pattern, error) {
	if len(text) > MaxPattern {
		return nil, fmt.Errorf("malformed pattern (longer than %d bytes)", MaxPattern)
	}
	c := &compiler{rest: text}
	p := &Pattern{text: text}
	if len(text) > 0 && text[0] == '^' {
		p.anchored = true
		c.rest = text[1:]
	}
	for c.rest != "" {
		it, err := c.next()
		if err != nil {
			return nil, err
		}
		p.items = append(p.items, it)
	}
	if len(c.stack) > 0 {
		return nil, errors.New("unfinished capture")
	}
	return p, nil
}

type compiler struct {
	rest     string
	captures int
	stack    []int // captures that are not closed
	closed   [maxCaptures]bool
}

func (c *compiler) next() (item, error) {
	b := c.rest[0]
	switch {
	case b == '(':
		c.rest = c.rest[1:]
		if c.captures == maxCaptures {
			return item{}, errors.New("too many captures")
		}
		n := c.captures
		c.captures++
		if c.rest != "" && c.rest[0] == ')' {
			c.rest = c.rest[1:]
			return item{kind: position, n: n}, nil
		}
		c.stack = append(c.stack, n)
		return item{kind: open, n: n}, nil
	case b == ')':
		c.rest = c.rest[1:]
		if len(c.stack) == 0 {
			return item{}, errors.New("invalid pattern capture")
		}
		n := c.stack[len(c.stack)-1]
		c.stack = c.stack[:len(c.stack)-1]
		c.closed[n] = true
		return item{kind: closing, n: n}, nil
	case b == '$' && len(c.rest) == 1:
		c.rest = ""
		return item{kind: end}, nil
	case b == '%' && len(c.rest) > 1:
		switch e := c.rest[1]; {
		case e == 'b':
			if len(c.rest) < 4 {
				return item{}, errors.New("unbalanced pattern")
			}
			it := item{kind: balanced, x: c.rest[2], y: c.rest[3]}
			c.rest = c.rest[4:]
			return it, nil
		case e == 'f':
			c.rest = c.rest[2:]
			if c.rest == "" || c.rest[0] != '[' {
				return item{}, errors.New("missing '[' after '%f' in pattern")
			}
			s, err := c.set()
			return item{kind: frontier, set: s}, err
		case e >= '0' && e <= '9':
			n := int(e) - '1'
			if n < 0 || n >= c.captures || !c.closed[n] {
				return item{}, errors.New("invalid capture index")
			}
			c.rest = c.rest[2:]
			return item{kind: again, n: n}, nil
		}
	}
	s, err := c.set()
	if err != nil {
		return item{}, err
	}
	it := item{kind: single, set: s}
	if c.rest != "" {
		switch c.rest[0] {
		case '*', '+', '-', '?':
			it.quant = c.rest[0]
			c.rest = c.rest[1:]
		}
	}
	return it, nil
}

// set reads what one byte can be matched with.
func (c *compiler) set() (*set, error) {
	s := &set{}
	b := c.rest[0]
	c.rest = c.rest[1:]
	switch b {
	case '.':
		s.invert()
	case '%':
		if c.rest == "" {
			return nil, errors.New("malformed pattern (ends with '%')")
		}
		s.addSet(class(c.rest[0]))
		c.rest = c.rest[1:]
	case '[':
		return s, c.brackets(s)
	default:
		s.add(b)
	}
	return s, nil
}

func (c *compiler) brackets(s *set) error {
	inverted := c.rest != "" && c.rest[0] == '^'
	if inverted {
		c.rest = c.rest[1:]
	}
	for first := true; ; first = false {
		if c.rest == "" {
			return errors.New("malformed pattern (missing ']')")
		}
		b := c.rest[0]
		switch {
		case b == ']' && !first:
			c.rest = c.rest[1:]
			if inverted {
				s.invert()
			}
			return nil
		case b == '%':
			if len(c.rest) < 2 {
				return errors.New("malformed pattern (missing ']')")
			}
			s.addSet(class(c.rest[1]))
			c.rest = c.rest[2:]
		case len(c.rest) > 2 && c.rest[1] == '-' && c.rest[2] != ']':
			for n := int(b); n <= int(c.rest[2]); n++ {
				s.add(byte(n))
			}
			c.rest = c.rest[3:]
		default:
			s.add(b)
			c.rest = c.rest[1:]
		}
	}
}

// class is the set behind a % and a letter, in the C locale; other bytes
// stand for themselves.
func class(letter byte) *set {
	s := &set{}
	lower := letter | 0x20
	var is func(c byte) bool
	alpha := func(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
	digit := func(c byte) bool { return c >= '0' && c <= '9' }
	switch lower {
	case 'a':
		is = alpha
	case 'c':
		is = func(c byte) bool { return c < 32 || c == 127 }
	case 'd':
		is = digit
	case 'l':
		is = func(c byte) bool { return c >= 'a' && c <= 'z' }
	case 'p':
		is = func(c byte) bool { return c > 32 && c < 127 && !alpha(c) && !digit(c) }
	case 's':
		is = func(c byte) bool { return c == ' ' || c >= 9 && c <= 13 }
	case 'u':
		is = func(c byte) bool { return c >= 'A' && c <= 'Z' }
	case 'w':
		is = func(c byte) bool { return alpha(c) || digit(c) }
	case 'x':
		is = func(c byte) bool { return digit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }
	case 'z':
		is = func(c byte) bool { return c == 0 }
	}
	if is == nil || letter|0x20 < 'a' || letter&0xC0 != 0x40 {
		s.add(letter)
		return s
	}
	for n := range 256 {
		if is(byte(n)) {
			s.add(byte(n))
		}
	}
	if letter != lower {
		s.invert()
	}
	return s
}
