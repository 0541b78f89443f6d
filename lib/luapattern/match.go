package luapattern

// Match reports whether the pattern is found in the text, anywhere unless it
// begins with ^. Each byte that is looked at and each item that is tried is a
// step; with more than that many the error is ErrSteps.
func (p *Pattern) Match(text string, steps int) (bool, error) {
	_, _, ok, err := p.Find(text, steps)
	return ok, err
}

// Find is Match that tells where: text[start:end] is the first match.
func (p *Pattern) Find(text string, steps int) (start, end int, ok bool, err error) {
	m := &matcher{p: p, s: text, steps: steps}
	for at := 0; at <= len(text); at++ {
		if to := m.match(at, 0); to >= 0 {
			return at, to, true, nil
		}
		if m.steps < 0 {
			return 0, 0, false, ErrSteps
		}
		if p.anchored {
			break
		}
	}
	return 0, 0, false, nil
}

type span struct{ from, to int }

type matcher struct {
	p     *Pattern
	s     string
	steps int
	caps  [maxCaptures]span
}

// step reports whether one more is allowed.
func (m *matcher) step() bool {
	m.steps--
	return m.steps >= 0
}

// match tries the items from the nth on at a place, and returns where the
// match ends, or -1. It calls itself once per item at most, so its depth is
// bounded by the length of the pattern.
func (m *matcher) match(at, n int) int {
	for ; n < len(m.p.items); n++ {
		if !m.step() {
			return -1
		}
		switch it := &m.p.items[n]; it.kind {
		case open, closing, position:
			return m.capture(it, at, n)
		case again:
			c := m.caps[it.n]
			size := c.to - c.from
			if m.steps -= size; m.steps < 0 || len(m.s)-at < size || m.s[c.from:c.to] != m.s[at:at+size] {
				return -1
			}
			at += size
		case balanced:
			if at = m.balance(it, at); at < 0 {
				return -1
			}
		case frontier:
			before, after := byte(0), byte(0)
			if at > 0 {
				before = m.s[at-1]
			}
			if at < len(m.s) {
				after = m.s[at]
			}
			if it.set.has(before) || !it.set.has(after) {
				return -1
			}
		case end:
			if at != len(m.s) {
				return -1
			}
		case single:
			fits := at < len(m.s) && it.set.has(m.s[at])
			switch it.quant {
			case 0:
				if !fits {
					return -1
				}
				at++
			case '?':
				if fits {
					if to := m.match(at+1, n+1); to >= 0 {
						return to
					}
				}
			case '-':
				return m.shortest(it, at, n)
			case '+':
				if !fits {
					return -1
				}
				return m.longest(it, at, n, 1)
			case '*':
				return m.longest(it, at, n, 0)
			}
		}
	}
	return at
}

func (m *matcher) longest(it *item, at, n, least int) int {
	count := 0
	for at+count < len(m.s) && it.set.has(m.s[at+count]) {
		if !m.step() {
			return -1
		}
		count++
	}
	for ; count >= least; count-- {
		if to := m.match(at+count, n+1); to >= 0 || m.steps < 0 {
			return to
		}
	}
	return -1
}

func (m *matcher) shortest(it *item, at, n int) int {
	for {
		if to := m.match(at, n+1); to >= 0 || m.steps < 0 {
			return to
		}
		if at >= len(m.s) || !it.set.has(m.s[at]) {
			return -1
		}
		at++
	}
}

// capture opens or closes one, and takes that back when the rest does not
// match.
func (m *matcher) capture(it *item, at, n int) int {
	was := m.caps[it.n]
	switch it.kind {
	case open:
		m.caps[it.n].from = at
	case closing:
		m.caps[it.n].to = at
	case position:
		m.caps[it.n] = span{at, at}
	}
	to := m.match(at, n+1)
	if to < 0 {
		m.caps[it.n] = was
	}
	return to
}

func (m *matcher) balance(it *item, at int) int {
	if at >= len(m.s) || m.s[at] != it.x {
		return -1
	}
	depth := 1
	for at++; at < len(m.s) && m.step(); at++ {
		switch m.s[at] {
		case it.y:
			if depth--; depth == 0 {
				return at + 1
			}
		case it.x:
			depth++
		}
	}
	return -1
}
