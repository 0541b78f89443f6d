package luapattern

const (
	maxDepth  = 20000 // recursion, about one level for each item of the pattern
	pollSteps = 1 << 12

	capUnfinished = -1
	capPosition   = -2
)

type capture struct{ start, len int }

// Matcher finds a pattern in a text, as string.find of PUC Lua 5.1 does, %f
// included: what is wrong with the pattern is an error when the match gets
// there, and a zero byte ends it. A match may take time exponential in the
// length of the pattern: Tick can end it.
type Matcher struct {
	Text, Pattern string
	// Tick is called every few thousand steps; its error ends the match. nil:
	// nobody asks.
	Tick func() error

	start, end int // of the last match
	level      int
	caps       [maxCaptures]capture
	depth      int
	steps      int
}

// Fault is why a pattern cannot be used, in the words of PUC Lua.
type Fault string

func (e Fault) Error() string { return string(e) }

// interrupted carries an error of Tick out of the match.
type interrupted struct{ err error }

func (m *Matcher) fail(text string) { panic(Fault(text)) }

// catch turns what ends a match early into an error.
func catch(err *error) {
	switch r := recover().(type) {
	case nil:
	case Fault:
		*err = r
	case interrupted:
		*err = r.err
	default:
		panic(r)
	}
}

// Anchored reports whether the pattern begins with ^.
func (m *Matcher) Anchored() bool { return m.at(0) == '^' }

// Find finds the first match that begins at init or later, Text[start:end];
// start is -1 where there is none. A ^ at the beginning of the pattern has the
// match begin at init when anchor is true; else it stands for itself.
func (m *Matcher) Find(init int, anchor bool) (start, end int, err error) {
	defer catch(&err)
	start, end = -1, -1 // also of a match that ends early
	from := 0
	anchor = anchor && m.Anchored()
	if anchor {
		from = 1
	}
	for i := init; i <= len(m.Text); i++ {
		m.level, m.depth = 0, 0
		if e := m.match(i, from); e >= 0 {
			m.start, m.end = i, e
			return i, e, nil
		}
		if anchor {
			break
		}
	}
	return -1, -1, nil
}

// Captures is how many captures the last match has; the match itself counts
// as one when whole is true and the pattern has none.
func (m *Matcher) Captures(whole bool) int {
	if m.level == 0 && whole {
		return 1
	}
	return m.level
}

// Capture returns Text[from:to] that capture i of the last match has caught,
// from 0 on; without any, 0 is the match itself. Of a position capture pos is
// the position, from 1 on; of others it is 0.
func (m *Matcher) Capture(i int) (from, to, pos int, err error) {
	if i >= m.level {
		if i != 0 {
			return 0, 0, 0, Fault("invalid capture index")
		}
		return m.start, m.end, 0, nil
	}
	c := m.caps[i]
	switch c.len {
	case capUnfinished:
		return 0, 0, 0, Fault("unfinished capture")
	case capPosition:
		return 0, 0, c.start + 1, nil
	}
	return c.start, c.start + c.len, 0, nil
}

// step counts n units of work.
func (m *Matcher) step(n int) {
	if m.steps += n; m.steps >= pollSteps {
		m.steps = 0
		if m.Tick != nil {
			if err := m.Tick(); err != nil {
				panic(interrupted{err})
			}
		}
	}
}

// at returns the byte of the pattern at p, 0 at its end.
func (m *Matcher) at(p int) byte {
	if p < len(m.Pattern) {
		return m.Pattern[p]
	}
	return 0
}

// match matches the pattern from p at s and returns the end of the match, or
// -1.
func (m *Matcher) match(s, p int) int {
	if m.depth++; m.depth > maxDepth {
		m.fail("pattern too complex")
	}
	e := m.run(s, p)
	m.depth--
	return e
}

func (m *Matcher) run(s, p int) int {
	for {
		m.step(1)
		switch m.at(p) {
		case 0:
			return s
		case '(':
			if m.at(p+1) == ')' {
				return m.open(s, p+2, capPosition)
			}
			return m.open(s, p+1, capUnfinished)
		case ')':
			return m.close(s, p+1)
		case '$':
			if m.at(p+1) == 0 {
				if s == len(m.Text) {
					return s
				}
				return -1
			}
		case '%':
			switch c := m.at(p + 1); {
			case c == 'b':
				if s = m.balance(s, p+2); s < 0 {
					return -1
				}
				p += 4
				continue
			case c == 'f':
				end := m.frontier(s, p+2)
				if end < 0 {
					return -1
				}
				p = end
				continue
			case c >= '0' && c <= '9':
				if s = m.backReference(s, c); s < 0 {
					return -1
				}
				p += 2
				continue
			}
		}
		end := m.classEnd(p)
		one := s < len(m.Text) && m.single(m.Text[s], p, end)
		switch m.at(end) {
		case '?':
			if one {
				if e := m.match(s+1, end+1); e >= 0 {
					return e
				}
			}
			p = end + 1
		case '*':
			return m.longest(s, p, end)
		case '+':
			if !one {
				return -1
			}
			return m.longest(s+1, p, end)
		case '-':
			return m.shortest(s, p, end)
		default:
			if !one {
				return -1
			}
			s++
			p = end
		}
	}
}

// classEnd returns the end of the single-character class at p.
func (m *Matcher) classEnd(p int) int {
	c := m.at(p)
	p++
	switch c {
	case '%':
		if m.at(p) == 0 {
			m.fail("malformed pattern (ends with '%')")
		}
		return p + 1
	case '[':
		if m.at(p) == '^' {
			p++
		}
		for {
			c := m.at(p)
			if c == 0 {
				m.fail("malformed pattern (missing ']')")
			}
			p++
			if c == '%' && m.at(p) != 0 {
				p++
			}
			if m.at(p) == ']' {
				return p + 1
			}
		}
	}
	return p
}

// single reports whether c is in the class from p to end.
func (m *Matcher) single(c byte, p, end int) bool {
	switch m.Pattern[p] {
	case '.':
		return true
	case '%':
		return inClass(c, m.Pattern[p+1])
	case '[':
		return m.inSet(c, p, end-1)
	}
	return m.Pattern[p] == c
}

// inSet reports whether c is in the set from [ at p to ] at end.
func (m *Matcher) inSet(c byte, p, end int) bool {
	yes := true
	if m.at(p+1) == '^' {
		yes = false
		p++
	}
	for p++; p < end; p++ {
		switch {
		case m.Pattern[p] == '%':
			p++
			if inClass(c, m.Pattern[p]) {
				return yes
			}
		case m.at(p+1) == '-' && p+2 < end:
			p += 2
			if m.Pattern[p-2] <= c && c <= m.Pattern[p] {
				return yes
			}
		case m.Pattern[p] == c:
			return yes
		}
	}
	return !yes
}

func inClass(c, class byte) bool {
	var yes bool
	switch class | 0x20 {
	case 'a':
		yes = isAlpha(c)
	case 'c':
		yes = c < ' ' || c == 0x7f
	case 'd':
		yes = isDigit(c)
	case 'l':
		yes = c >= 'a' && c <= 'z'
	case 'p':
		yes = c > ' ' && c < 0x7f && !isAlpha(c) && !isDigit(c)
	case 's':
		yes = c == ' ' || c >= '\t' && c <= '\r'
	case 'u':
		yes = c >= 'A' && c <= 'Z'
	case 'w':
		yes = isAlpha(c) || isDigit(c)
	case 'x':
		yes = isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f'
	case 'z':
		yes = c == 0
	default:
		return class == c
	}
	if !isAlpha(class) {
		return class == c
	}
	return yes == (class&0x20 != 0)
}

func isAlpha(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func (m *Matcher) longest(s, p, end int) int {
	n := 0
	for s+n < len(m.Text) && m.single(m.Text[s+n], p, end) {
		n++
	}
	m.step(n / 8)
	for ; n >= 0; n-- {
		if e := m.match(s+n, end+1); e >= 0 {
			return e
		}
	}
	return -1
}

func (m *Matcher) shortest(s, p, end int) int {
	for {
		if e := m.match(s, end+1); e >= 0 {
			return e
		}
		if s >= len(m.Text) || !m.single(m.Text[s], p, end) {
			return -1
		}
		s++
	}
}

func (m *Matcher) open(s, p, what int) int {
	if m.level >= maxCaptures {
		m.fail("too many captures")
	}
	m.caps[m.level] = capture{s, what}
	m.level++
	e := m.match(s, p)
	if e < 0 {
		m.level--
	}
	return e
}

func (m *Matcher) close(s, p int) int {
	l := m.level - 1
	for l >= 0 && m.caps[l].len != capUnfinished {
		l--
	}
	if l < 0 {
		m.fail("invalid pattern capture")
	}
	m.caps[l].len = s - m.caps[l].start
	e := m.match(s, p)
	if e < 0 {
		m.caps[l].len = capUnfinished
	}
	return e
}

func (m *Matcher) balance(s, p int) int {
	open, shut := m.at(p), m.at(p+1)
	if open == 0 || shut == 0 {
		m.fail("unbalanced pattern")
	}
	if s >= len(m.Text) || m.Text[s] != open {
		return -1
	}
	depth := 1
	for i := s + 1; i < len(m.Text); i++ {
		switch m.Text[i] {
		case shut:
			if depth--; depth == 0 {
				m.step((i - s) / 8)
				return i + 1
			}
		case open:
			depth++
		}
	}
	m.step((len(m.Text) - s) / 8)
	return -1
}

func (m *Matcher) frontier(s, p int) int {
	if m.at(p) != '[' {
		m.fail("missing '[' after '%f' in pattern")
	}
	end := m.classEnd(p)
	var before, after byte
	if s > 0 {
		before = m.Text[s-1]
	}
	if s < len(m.Text) {
		after = m.Text[s]
	}
	if m.inSet(before, p, end-1) || !m.inSet(after, p, end-1) {
		return -1
	}
	return end
}

func (m *Matcher) backReference(s int, c byte) int {
	l := int(c) - '1'
	if l < 0 || l >= m.level || m.caps[l].len == capUnfinished {
		m.fail("invalid capture index")
	}
	n := m.caps[l].len
	if n < 0 || len(m.Text)-s < n || m.Text[m.caps[l].start:m.caps[l].start+n] != m.Text[s:s+n] {
		return -1
	}
	m.step(n / 8)
	return s + n
}
