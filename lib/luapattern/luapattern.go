// Package luapattern matches Lua 5.1 patterns [Lua 5.1, 5.4.1]: those of
// scripts, by a Matcher that behaves as PUC Lua does, and those that come from
// elsewhere, by a Pattern, which is checked as a whole before it is used and
// whose match costs no more steps than it is given. SMS listeners use these
// [EMP 4, 7].
package luapattern

import (
	"errors"
	"fmt"
	"strings"
)

// MaxPattern is the length in bytes of the longest Pattern.
const MaxPattern = 1024

// maxCaptures is how many captures a pattern may have, as in Lua.
const maxCaptures = 32

// ErrSteps ends a match that would cost more steps than it was given.
var ErrSteps = errors.New("the pattern takes too long on this text")

// Pattern is a pattern that was checked. It may be used by several goroutines.
type Pattern struct{ text string }

// String is the pattern as it was compiled.
func (p *Pattern) String() string { return p.text }

// Compile checks a pattern. All that Lua complains about when a match gets
// there is refused here.
func Compile(text string) (*Pattern, error) {
	if len(text) > MaxPattern {
		return nil, fmt.Errorf("malformed pattern (longer than %d bytes)", MaxPattern)
	}
	if strings.IndexByte(text, 0) >= 0 {
		return nil, errors.New("malformed pattern (a zero byte, which is written %z)")
	}
	if err := check(text); err != nil {
		return nil, err
	}
	return &Pattern{text}, nil
}

// Match reports whether the pattern is found in the text, anywhere unless it
// begins with ^. An item that is tried is a step, and so are eight bytes that
// are looked at; with more than about that many the error is ErrSteps.
func (p *Pattern) Match(text string, steps int) (bool, error) {
	_, _, ok, err := p.Find(text, steps)
	return ok, err
}

// Find is Match that tells where: text[start:end] is the first match.
func (p *Pattern) Find(text string, steps int) (start, end int, ok bool, err error) {
	m := &Matcher{Text: text, Pattern: p.text, Tick: func() error {
		if steps -= pollSteps; steps < 0 {
			return ErrSteps
		}
		return nil
	}}
	if start, end, err = m.Find(0, true); err != nil || start < 0 {
		return 0, 0, false, err
	}
	return start, end, true, nil
}

// check goes through a pattern as a match would that gets to its end.
func check(text string) (err error) {
	defer catch(&err)
	m := &Matcher{Pattern: text}
	var open []int               // captures that are not closed
	var closed [maxCaptures]bool // and caught a text
	count := 0
	p := 0
	if m.Anchored() {
		p++
	}
	for p < len(text) {
		switch c, next := text[p], m.at(p+1); {
		case c == '(':
			if count == maxCaptures {
				m.fail("too many captures")
			}
			if p++; next == ')' {
				p++
			} else {
				open = append(open, count)
			}
			count++
			continue
		case c == ')':
			if len(open) == 0 {
				m.fail("invalid pattern capture")
			}
			closed[open[len(open)-1]] = true
			open = open[:len(open)-1]
			p++
			continue
		case c == '$' && p+1 == len(text):
			p++
			continue
		case c == '%' && next == 'b':
			if p += 4; p > len(text) {
				m.fail("unbalanced pattern")
			}
			continue
		case c == '%' && next == 'f':
			if m.at(p+2) != '[' {
				m.fail("missing '[' after '%f' in pattern")
			}
			p = m.classEnd(p + 2)
			continue
		case c == '%' && isDigit(next):
			if n := int(next) - '1'; n < 0 || n >= count || !closed[n] {
				m.fail("invalid capture index")
			}
			p += 2
			continue
		}
		p = m.classEnd(p)
		switch m.at(p) {
		case '*', '+', '-', '?':
			p++
		}
	}
	if len(open) > 0 {
		m.fail("unfinished capture")
	}
	return nil
}
