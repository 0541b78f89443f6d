package stage

import (
	"cmp"
	"math"
	"slices"
	"sort"

	"lander/lib/emp/frame"
)

// conso is the consolidation of a table: what becomes one row of another.
type conso struct {
	dst     *table
	policy  string
	methods []string // of the columns of dst
	from    []int    // their places in the source
}

// NewConsolidation sets up the consolidation of a table into another, whose
// id done gets. Asking again for the same one changes its policies only.
func (s *Stage) NewConsolidation(p frame.ConsoNew, done func(frame.TableID, error)) error {
	if err := checkColumns(p.Columns); err != nil {
		return err
	}
	s.mu.Lock()
	t, lasting, err := s.newConsolidation(p)
	if err != nil {
		s.mu.Unlock()
		return err
	}
	s.confirm(func(err error) { done(t.id, err) }, lasting)
	return nil
}

func (s *Stage) newConsolidation(p frame.ConsoNew) (dst *table, lasting bool, err error) {
	bad := func(text string) (*table, bool, error) {
		return nil, false, frame.Errorf(frame.StatusBadParameter, "%s", text)
	}
	src := s.tables[p.Src]
	if src == nil {
		return bad("no such source table")
	}
	for _, name := range []string{p.SendPolicy, p.ConsoPolicy} {
		if _, err := s.policyFor(name); err != nil {
			return nil, false, err
		}
	}
	if src.policy != frame.PolicyNever && p.ConsoPolicy != frame.PolicyNever {
		return bad("the source table is sent by a policy of its own")
	}
	t := newTable(src.asset, clean(p.Path), p.Storage == frame.StorageFile, p.SendPolicy, p.Columns)
	for _, col := range p.Columns {
		i := slices.IndexFunc(src.columns, func(d frame.Column) bool { return d.Name == col.Name })
		if i < 0 {
			return bad("the source table has no column " + col.Name)
		}
	}
	old := s.tables[t.id]
	switch {
	case old == src:
		return bad("a table cannot be consolidated into itself")
	case src.conso != nil && (src.conso.dst != old || p.Purge):
		return bad("the source table has a consolidation already")
	case old != nil && old.source != nil && old.source != src:
		return bad("the table is the consolidation of another")
	case old != nil && reaches(old, src):
		return bad("the tables would be consolidated in a circle")
	}
	if t, err = s.putTable(t, p.Purge); err != nil {
		return nil, false, err
	}
	link(src, t, p.ConsoPolicy)
	if src.flash && t.flash {
		s.persist(func(dst []byte) []byte { return appendConso(dst, src) })
	}
	return t, t.flash, nil
}

// link makes one table the consolidation of another, by the columns' methods.
func link(src, dst *table, policy string) {
	c := &conso{dst: dst, policy: policy}
	for _, col := range dst.columns {
		c.methods = append(c.methods, col.Consolidation)
		c.from = append(c.from, slices.IndexFunc(src.columns, func(d frame.Column) bool { return d.Name == col.Name }))
	}
	src.conso, dst.source = c, src
}

// reaches reports whether consolidations lead from one table to another.
func reaches(from, to *table) bool {
	for t := from; t != nil; t = t.conso.dst {
		if t == to {
			return true
		}
		if t.conso == nil {
			return false
		}
	}
	return false
}

// Consolidate adds a row to the consolidation of a table, which is emptied
// unless the trigger says otherwise. An empty table adds nothing.
func (s *Stage) Consolidate(p frame.Trigger, done func(error)) error {
	s.mu.Lock()
	t, err := s.tableFor(p.Table)
	switch {
	case err == nil && t.conso == nil:
		err = frame.Errorf(frame.StatusBadParameter, "the table has no consolidation")
	case err == nil:
		err = s.open()
	}
	if err != nil {
		s.mu.Unlock()
		return err
	}
	s.consolidate(t, !p.DontReset)
	s.confirm(done, t.flash || t.conso.dst.flash)
	return nil
}

// consolidate makes one row of all. mu is held.
func (s *Stage) consolidate(t *table, reset bool) {
	c := t.conso
	if len(t.rows) == 0 {
		return
	}
	upto := s.seq
	line := row{seq: s.next(), values: make([]frame.Value, len(c.methods))}
	column := make([]frame.Value, len(t.rows))
	for i, from := range c.from {
		for j, r := range t.rows {
			column[j] = r.values[from]
		}
		line.values[i] = Consolidate(c.methods[i], column)
	}
	if reset && t.flash && c.dst.flash {
		// Both or neither, whatever happens.
		s.persist(func(dst []byte) []byte { return appendConsolidated(dst, t.id, upto, c.dst.id, line) })
		t.rows = s.dropRows(t.rows, upto)
		c.dst.rows = append(c.dst.rows, line)
		s.bytes += line.cost()
		s.arrived(c.dst)
		return
	}
	if reset {
		s.empty(t, upto)
	}
	s.putRow(c.dst, line)
}

// Consolidate makes one value of a column by a method of frame.Methods, null
// of an empty one. first, last and middle take values of any kind; the others
// need numbers, and are null when one is not [EMP 4, 45].
func Consolidate(method string, column []frame.Value) frame.Value {
	if len(column) == 0 {
		return frame.Value{}
	}
	switch method {
	case "first":
		return column[0]
	case "last":
		return column[len(column)-1]
	case "middle":
		return column[len(column)/2]
	}
	whole := true // only integers
	for _, v := range column {
		if _, ok := v.Float(); !ok {
			return frame.Value{}
		}
		whole = whole && v.Kind() == frame.KindInt
	}
	switch method {
	case "max":
		return slices.MaxFunc(column, compare)
	case "min":
		return slices.MinFunc(column, compare)
	case "median":
		column = slices.Clone(column)
		sort.Slice(column, func(i, j int) bool { return compare(column[i], column[j]) < 0 }) // slices.SortFunc of these costs 17 kB
		return column[len(column)/2]
	case "sum":
		if n, ok := sum(column); whole && ok {
			return frame.Int(n)
		}
		return frame.Float(total(column))
	case "mean":
		if n, ok := sum(column); whole && ok && n%int64(len(column)) == 0 {
			return frame.Int(n / int64(len(column)))
		}
		return frame.Float(total(column) / float64(len(column)))
	}
	return frame.Value{}
}

func compare(a, b frame.Value) int {
	if a.Kind() == frame.KindInt && b.Kind() == frame.KindInt {
		x, _ := a.Int()
		y, _ := b.Int()
		return cmp.Compare(x, y)
	}
	x, _ := a.Float()
	y, _ := b.Float()
	return cmp.Compare(x, y)
}

// sum adds integers; ok is false when that does not fit.
func sum(column []frame.Value) (n int64, ok bool) {
	for _, v := range column {
		i, _ := v.Int()
		if i > 0 && n > math.MaxInt64-i || i < 0 && n < math.MinInt64-i {
			return 0, false
		}
		n += i
	}
	return n, true
}

func total(column []frame.Value) (t float64) {
	for _, v := range column {
		f, _ := v.Float()
		t += f
	}
	return t
}
