package stage

import (
	"slices"
	"strings"

	"lander/lib/emp/frame"
)

// table is a structured table [EMP 4, 40]. Its identity is its storage,
// asset, path and set of columns.
type table struct {
	id      frame.TableID
	asset   string
	below   string // the path without the asset
	path    string // with it
	flash   bool
	policy  string
	columns []frame.Column
	rows    []row
	max     int64  // rows at which it flushes itself; 0: it does not
	conso   *conso // of this table into another; nil: none
	source  *table // of which this is the consolidation; nil: none
	sending bool   // a session that it asked for itself is on
}

// tableID is the id that the original gives, and dashes in names escaped, so
// that different tables never share one.
func tableID(flash bool, path string, columns []frame.Column) frame.TableID {
	escape := strings.NewReplacer("%", "%25", "-", "%2D")
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = escape.Replace(c.Name)
	}
	slices.Sort(names)
	kind := frame.StorageRAM
	if flash {
		kind = frame.StorageFile
	}
	return frame.TableID(kind + ":" + escape.Replace(path) + "-" + strings.Join(names, "-") + ".tbl")
}

// checkColumns refuses what no row can be written with.
func checkColumns(columns []frame.Column) error {
	for _, c := range columns {
		f, isFactor := c.Factor.Float()
		p, isPeriod := c.Period.Float()
		if isFactor && f <= 0 || isPeriod && p <= 0 {
			return frame.Errorf(frame.StatusBadParameter, "column %s: factor and period are greater than 0", c.Name)
		}
	}
	return nil
}

func newTable(asset, below string, flash bool, policy string, columns []frame.Column) *table {
	t := &table{asset: asset, below: below, path: join(asset, below), flash: flash, policy: policy, columns: columns}
	t.id = tableID(flash, t.path, columns)
	return t
}

// NewTable makes a table or finds the one of the same identity, whose policy
// and ways of writing the columns become the new ones.
func (s *Stage) NewTable(p frame.TableNew, done func(frame.TableID, error)) error {
	if err := checkColumns(p.Columns); err != nil {
		return err
	}
	asset := clean(p.Asset)
	if asset == "" {
		return frame.Errorf(frame.StatusBadParameter, "asset is missing")
	}
	t := newTable(asset, clean(p.Path), p.Storage == frame.StorageFile, p.Policy, p.Columns)
	s.mu.Lock()
	if _, err := s.policyFor(p.Policy); err != nil {
		s.mu.Unlock()
		return err
	}
	if old := s.tables[t.id]; old != nil && old.source != nil {
		s.mu.Unlock()
		return frame.Errorf(frame.StatusBadParameter, "the table is a consolidation")
	}
	t, err := s.putTable(t, p.Purge)
	if err != nil {
		s.mu.Unlock()
		return err
	}
	s.confirm(func(err error) { done(t.id, err) }, t.flash)
	return nil
}

// putTable adds a table, or brings the one of the same id up to date. mu is
// held.
func (s *Stage) putTable(t *table, purge bool) (*table, error) {
	if err := s.open(); err != nil {
		return nil, err
	}
	old := s.tables[t.id]
	if old != nil && purge {
		s.removeTable(old)
		old = nil
	}
	if old == nil {
		if len(s.tables) >= maxTables {
			return nil, frame.Errorf(frame.StatusNoMemory, "too many tables")
		}
		s.tables[t.id] = t
	} else {
		old.adopt(t)
		t = old
	}
	if t.flash {
		s.persist(func(dst []byte) []byte { return appendTable(dst, t) })
	}
	return t, nil
}

// adopt takes over the policy and the ways of writing of a table of the same
// identity. The rows lie in the order of the old columns.
func (t *table) adopt(n *table) {
	columns := make([]frame.Column, len(t.columns))
	for i, c := range t.columns {
		columns[i] = n.columns[slices.IndexFunc(n.columns, func(d frame.Column) bool { return d.Name == c.Name })]
	}
	t.columns, t.policy = columns, n.policy
}

// removeTable is the end of a table and of its part in consolidations. mu is
// held.
func (s *Stage) removeTable(t *table) {
	t.rows = s.dropRows(t.rows, s.seq)
	if t.conso != nil {
		t.conso.dst.source = nil
	}
	if t.source != nil {
		t.source.conso = nil
	}
	delete(s.tables, t.id)
	if t.flash {
		s.persist(func(dst []byte) []byte { return appendRemove(dst, t.id) })
	}
}

// tableFor is the table that a command names. mu is held.
func (s *Stage) tableFor(id frame.TableID) (*table, error) {
	if t := s.tables[id]; t != nil {
		return t, nil
	}
	return nil, frame.Errorf(frame.StatusBadParameter, "no such table")
}

// AddRow adds a row. Columns that are not named are null, names that are no
// column are ignored.
func (s *Stage) AddRow(p frame.TableRow, done func(error)) error {
	s.mu.Lock()
	t, err := s.tableFor(p.Table)
	if err != nil {
		s.mu.Unlock()
		return err
	}
	line := row{values: make([]frame.Value, len(t.columns))}
	for i, c := range t.columns {
		for _, m := range p.Row {
			if m.Key == c.Name {
				line.values[i] = m.Value
			}
		}
	}
	if err := s.admit(line.cost()); err != nil {
		s.mu.Unlock()
		return err
	}
	line.seq = s.next()
	s.putRow(t, line)
	s.confirm(done, t.flash)
	return nil
}

// putRow adds a row that was admitted, and does what its coming brings about.
// mu is held.
func (s *Stage) putRow(t *table, line row) {
	t.rows = append(t.rows, line)
	s.bytes += line.cost()
	if t.flash {
		s.persist(func(dst []byte) []byte { return appendRow(dst, t.id, line) })
	}
	s.arrived(t)
}

// arrived is called when a table has got a row. mu is held.
func (s *Stage) arrived(t *table) {
	if t.isFull() {
		s.full(t)
	}
	if p := s.policies[t.policy]; p != nil {
		s.armLatency(p)
	}
	if t.conso != nil {
		if p := s.policies[t.conso.policy]; p != nil {
			s.armLatency(p)
		}
	}
}

// full is what a table does at its greatest number of rows [EMP 4, 41]. mu is
// held.
func (s *Stage) full(t *table) {
	switch {
	case t.conso != nil && t.conso.policy != frame.PolicyNever:
		s.consolidate(t, true)
	case t.policy != frame.PolicyNever:
		if t.sending || s.closing {
			return
		}
		t.sending = true
		s.wg.Go(func() { s.sendFull(t) })
	default:
		s.empty(t, s.seq)
	}
}

// sendFull sends a table, and again when it has become full meanwhile: no
// other row may come to bring that about.
func (s *Stage) sendFull(t *table) {
	for {
		err := s.send(s.ctx, selection{tables: []*table{t}})
		if err != nil && s.ctx.Err() == nil {
			s.log.Warn("sending a full table", "table", string(t.id), "error", err)
		}
		s.mu.Lock()
		t.sending = err == nil && t.isFull() && t.policy != frame.PolicyNever && !s.closing
		again := t.sending
		s.mu.Unlock()
		if !again {
			return
		}
	}
}

// isFull tells whether a table has its greatest number of rows. mu is held.
func (t *table) isFull() bool { return t.max > 0 && int64(len(t.rows)) >= t.max }

// empty takes rows away for good. mu is held.
func (s *Stage) empty(t *table, upto uint64) {
	t.rows = s.dropRows(t.rows, upto)
	if t.flash {
		s.persist(func(dst []byte) []byte { return appendSent(dst, upto, nil, []*table{t}) })
	}
}

// SetMaxRows sets the number of rows at which a table flushes itself.
func (s *Stage) SetMaxRows(p frame.TableSetMaxRows, done func(error)) error {
	return s.withTable(p.Table, done, func(t *table) {
		t.max = p.MaxRows
		if t.flash {
			s.persist(func(dst []byte) []byte { return appendTable(dst, t) })
		}
	})
}

// Reset empties a table.
func (s *Stage) Reset(p frame.TableReset, done func(error)) error {
	return s.withTable(p.Table, done, func(t *table) { s.empty(t, s.seq) })
}

func (s *Stage) withTable(id frame.TableID, done func(error), f func(*table)) error {
	s.mu.Lock()
	t, err := s.tableFor(id)
	if err == nil {
		err = s.open()
	}
	if err != nil {
		s.mu.Unlock()
		return err
	}
	f(t)
	s.confirm(done, t.flash)
	return nil
}
