package luavm

import "math"

var tableFuncs = library(func() funcs {
	return funcs{
		"concat": tableConcat, "foreach": tableForEach, "foreachi": tableForEachI, "getn": tableGetN,
		"insert": tableInsert, "maxn": tableMaxN, "remove": tableRemove, "setn": tableSetN, "sort": tableSort,
	}
})

func tableGetN(th *thread) int { return th.retNumber(float64(th.checkTable(1).length())) }

func tableSetN(th *thread) int {
	th.checkTable(1)
	th.errorf("'setn' is obsolete")
	return 0
}

func tableMaxN(th *thread) int {
	t, top := th.checkTable(1), 0.0
	for k, v, _ := t.next(value{}); k.p != nil; k, v, _ = t.next(k) {
		if k.isNumber() && v.p != nil {
			top = math.Max(top, k.num())
		}
	}
	return th.retNumber(top)
}

func tableForEach(th *thread) int {
	t, f := th.checkTable(1), th.checkFunction(2)
	for k := (value{}); ; {
		next, v, ok := t.next(k)
		if !ok {
			th.fault("invalid key to 'next'")
		}
		if next.p == nil {
			return 0
		}
		k = next
		if r := th.call1(f, k, v); r.p != nil {
			return th.ret(r)
		}
	}
}

func tableForEachI(th *thread) int {
	t, f := th.checkTable(1), th.arg(2)
	n := t.length()
	th.checkFunction(2)
	for i := 1; i <= n; i++ {
		if r := th.call1(f, number(float64(i)), t.getInt(i)); r.p != nil {
			return th.ret(r)
		}
	}
	return 0
}

func tableInsert(th *thread) int {
	t := th.checkTable(1)
	e := t.length() + 1
	pos, v := e, th.arg(2)
	switch th.args() {
	case 2:
	case 3:
		pos, v = th.checkInt(2), th.arg(3)
		e = max(e, pos)
		th.shiftUp(t, pos, e)
	default:
		th.errorf("wrong number of arguments to 'insert'")
	}
	t.setInt(th.st, pos, v)
	return 0
}

// shiftUp moves the items from pos to e-1 one place up.
func (th *thread) shiftUp(t *table, pos, e int) {
	if pos >= 1 && e <= len(t.arr) {
		copy(t.arr[pos:e], t.arr[pos-1:e-1])
		return
	}
	for i := e; i > pos; i-- {
		th.pollLoop(i)
		t.setInt(th.st, i, t.getInt(i-1))
	}
}

// pollLoop lets a long loop in a native be stopped.
func (th *thread) pollLoop(i int) {
	if i&1023 == 0 {
		th.pollStop()
	}
}

func tableRemove(th *thread) int {
	t := th.checkTable(1)
	e := t.length()
	pos := th.optInt(2, e)
	if pos < 1 || pos > e {
		return 0
	}
	v := t.getInt(pos)
	if e <= len(t.arr) {
		copy(t.arr[pos-1:e-1], t.arr[pos:e])
	} else {
		for i := pos; i < e; i++ {
			th.pollLoop(i)
			t.setInt(th.st, i, t.getInt(i+1))
		}
	}
	t.setInt(th.st, e, value{})
	return th.ret(v)
}

func tableConcat(th *thread) int {
	t := th.checkTable(1)
	sep := th.optString(2, "")
	i := th.optInt(3, 1)
	last := 0
	if th.arg(4).p == nil {
		last = t.length()
	} else {
		last = th.checkInt(4)
	}
	// Measure first, so that the text is made once.
	n := 0
	for k := i; k <= last; k++ {
		th.pollLoop(k)
		switch v := t.getInt(k); {
		case v.is(kindString):
			n += len(v.str().s)
		case v.isNumber():
			n += len("-1.2345678901234e+123")
		default:
			th.errorf("invalid value (%s) at index %d in table for 'concat'", v.kind(), k)
		}
		if k < last {
			n += len(sep)
		}
	}
	th.st.reserve(n)
	out := make([]byte, 0, n)
	for ; i <= last; i++ {
		out = appendValue(out, t.getInt(i))
		if i < last {
			out = append(out, sep...)
		}
	}
	return th.ret(th.st.bytes(out))
}

func tableSort(th *thread) int {
	t := th.checkTable(1)
	n := t.length()
	if th.arg(2).p != nil {
		th.checkFunction(2)
	}
	th.setArgs(2)
	s := &sorter{th: th, t: t, less: th.arg(2)}
	s.sort(1, n)
	return 0
}

// sorter sorts as PUC does: the same comparisons in the same order, so that
// invalid order functions are found out alike.
type sorter struct {
	th    *thread
	t     *table
	less  value
	count int
}

func (s *sorter) lt(a, b value) bool {
	if s.less.p != nil {
		return !s.th.call1(s.less, a, b).falsy()
	}
	s.count++
	s.th.pollLoop(s.count)
	if a.isNumber() && b.isNumber() {
		return a.num() < b.num()
	}
	return s.th.less(a, b)
}

func (s *sorter) get(i int) value    { return s.t.getInt(i) }
func (s *sorter) set(i int, v value) { s.t.setInt(s.th.st, i, v) }

func (s *sorter) order(i, j int) bool {
	a, b := s.get(i), s.get(j)
	if s.lt(b, a) {
		s.set(i, b)
		s.set(j, a)
		return true
	}
	return false
}

func (s *sorter) sort(l, u int) {
	for l < u {
		s.order(l, u)
		if u-l == 1 {
			return
		}
		i := (l + u) / 2
		if a, p := s.get(i), s.get(l); s.lt(a, p) {
			s.set(i, p)
			s.set(l, a)
		} else if b := s.get(u); s.lt(b, a) {
			s.set(i, b)
			s.set(u, a)
		}
		if u-l == 2 {
			return
		}
		pivot := s.get(i)
		other := s.get(u - 1)
		s.set(i, other)
		s.set(u-1, pivot)
		i, j := l, u-1
		for {
			for i++; s.lt(s.get(i), pivot); i++ {
				if i > u {
					s.th.errorf("invalid order function for sorting")
				}
			}
			for j--; s.lt(pivot, s.get(j)); j-- {
				if j < l {
					s.th.errorf("invalid order function for sorting")
				}
			}
			if j < i {
				break
			}
			a, b := s.get(i), s.get(j)
			s.set(i, b)
			s.set(j, a)
		}
		a, b := s.get(u-1), s.get(i)
		s.set(u-1, b)
		s.set(i, a)
		// The smaller part by recursion, the larger by the loop.
		if i-l < u-i {
			j, i, l = l, i-1, i+1
		} else {
			j, i, u = i+1, u, i-1
		}
		s.sort(j, i)
	}
}
