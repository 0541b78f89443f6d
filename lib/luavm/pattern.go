package luavm

// A matcher of Lua patterns with the meaning of PUC Lua 5.1, %f included. It
// counts its steps and can be stopped: patterns may take time exponential in
// their length.

const (
	maxCaptures     = 32
	maxPatternDepth = 20000 // recursion, about one level for each item of the pattern
	pollSteps       = 1 << 12

	capUnfinished = -1
	capPosition   = -2
)

type capture struct{ start, len int }

type matcher struct {
	src, pat string
	level    int
	caps     [maxCaptures]capture
	depth    int
	steps    int
	tick     func() error // called every pollSteps steps
}

// patternError is why a pattern cannot be used.
type patternError string

func (e patternError) Error() string { return string(e) }

func (m *matcher) fail(text string) { panic(patternError(text)) }

// step counts n units of work.
func (m *matcher) step(n int) {
	if m.steps += n; m.steps >= pollSteps {
		m.steps = 0
		if m.tick != nil {
			if err := m.tick(); err != nil {
				panic(err)
			}
		}
	}
}

// at returns the byte of the pattern at p, 0 at its end.
func (m *matcher) at(p int) byte {
	if p < len(m.pat) {
		return m.pat[p]
	}
	return 0
}

// match matches the pattern from p at s and returns the end of the match, or
// -1.
func (m *matcher) match(s, p int) int {
	if m.depth++; m.depth > maxPatternDepth {
		m.fail("pattern too complex")
	}
	e := m.run(s, p)
	m.depth--
	return e
}

func (m *matcher) run(s, p int) int {
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
				if s == len(m.src) {
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
		one := s < len(m.src) && m.single(m.src[s], p, end)
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
func (m *matcher) classEnd(p int) int {
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
func (m *matcher) single(c byte, p, end int) bool {
	switch m.pat[p] {
	case '.':
		return true
	case '%':
		return inClass(c, m.pat[p+1])
	case '[':
		return m.inSet(c, p, end-1)
	}
	return m.pat[p] == c
}

// inSet reports whether c is in the set from [ at p to ] at end.
func (m *matcher) inSet(c byte, p, end int) bool {
	yes := true
	if m.at(p+1) == '^' {
		yes = false
		p++
	}
	for p++; p < end; p++ {
		switch {
		case m.pat[p] == '%':
			p++
			if inClass(c, m.pat[p]) {
				return yes
			}
		case m.at(p+1) == '-' && p+2 < end:
			p += 2
			if m.pat[p-2] <= c && c <= m.pat[p] {
				return yes
			}
		case m.pat[p] == c:
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

func (m *matcher) longest(s, p, end int) int {
	n := 0
	for s+n < len(m.src) && m.single(m.src[s+n], p, end) {
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

func (m *matcher) shortest(s, p, end int) int {
	for {
		if e := m.match(s, end+1); e >= 0 {
			return e
		}
		if s >= len(m.src) || !m.single(m.src[s], p, end) {
			return -1
		}
		s++
	}
}

func (m *matcher) open(s, p, what int) int {
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

func (m *matcher) close(s, p int) int {
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

func (m *matcher) balance(s, p int) int {
	open, shut := m.at(p), m.at(p+1)
	if open == 0 || shut == 0 {
		m.fail("unbalanced pattern")
	}
	if s >= len(m.src) || m.src[s] != open {
		return -1
	}
	depth := 1
	for i := s + 1; i < len(m.src); i++ {
		switch m.src[i] {
		case shut:
			if depth--; depth == 0 {
				m.step((i - s) / 8)
				return i + 1
			}
		case open:
			depth++
		}
	}
	m.step((len(m.src) - s) / 8)
	return -1
}

func (m *matcher) frontier(s, p int) int {
	if m.at(p) != '[' {
		m.fail("missing '[' after '%f' in pattern")
	}
	end := m.classEnd(p)
	var before, after byte
	if s > 0 {
		before = m.src[s-1]
	}
	if s < len(m.src) {
		after = m.src[s]
	}
	if m.inSet(before, p, end-1) || !m.inSet(after, p, end-1) {
		return -1
	}
	return end
}

func (m *matcher) backReference(s int, c byte) int {
	l := int(c) - '1'
	if l < 0 || l >= m.level || m.caps[l].len == capUnfinished {
		m.fail("invalid capture index")
	}
	n := m.caps[l].len
	if n < 0 || len(m.src)-s < n || m.src[m.caps[l].start:m.caps[l].start+n] != m.src[s:s+n] {
		return -1
	}
	m.step(n / 8)
	return s + n
}

// group returns capture i, or the whole match for i = 0 when the pattern has
// none. Position captures give pos > 0.
func (m *matcher) group(i, start, end int) (from, to, pos int) {
	if i >= m.level {
		if i != 0 {
			m.fail("invalid capture index")
		}
		return start, end, 0
	}
	c := m.caps[i]
	switch c.len {
	case capUnfinished:
		m.fail("unfinished capture")
	case capPosition:
		return 0, 0, c.start + 1
	}
	return c.start, c.start + c.len, 0
}

// groups returns the number of captures that a match gives.
func (m *matcher) groups(whole bool) int {
	if m.level == 0 && whole {
		return 1
	}
	return m.level
}
