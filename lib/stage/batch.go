package stage

import (
	"cmp"
	"slices"
	"sort"

	"lander/lib/emp/frame"
)

// batch is what one call of the uplink takes: of a selection what came after
// from and up to to, by sequence number. A batch that failed may have come to
// the server all the same: it is sent again as it was, before anything else,
// so that the server can tell.
type batch struct {
	selection
	from, to uint64
}

// consolidateFor makes the rows of the consolidations that a selection is due
// for. mu is held.
func (s *Stage) consolidateFor(sel selection) {
	for _, p := range sel.policies {
		for _, t := range s.sortedTables() {
			if t.conso != nil && t.conso.policy == p.name {
				s.consolidate(t, true)
			}
		}
	}
}

// batches cuts a selection in pieces of Options.Batch bytes, the oldest first.
// mu is held.
func (s *Stage) batches(sel selection) []batch {
	if s.o.Batch <= 0 {
		return []batch{{sel, 0, s.seq}}
	}
	type part struct {
		seq  uint64
		cost int64
	}
	var parts []part
	add := func(rows []row) {
		for _, r := range rows {
			parts = append(parts, part{r.seq, r.cost()})
		}
	}
	for _, p := range sel.policies {
		for _, g := range p.groups {
			add(g.rows)
		}
		for _, a := range p.acks {
			parts = append(parts, part{a.seq, a.cost()})
		}
	}
	for _, t := range s.tablesOf(sel) {
		add(t.rows)
	}
	sort.Slice(parts, func(i, j int) bool { return parts[i].seq < parts[j].seq })
	var out []batch
	from, size := uint64(0), int64(0)
	for i, p := range parts {
		size += p.cost
		// The parts of one record share a number, and stay together.
		if last := i == len(parts)-1; last || size >= s.o.Batch && parts[i+1].seq != p.seq {
			out = append(out, batch{sel, from, p.seq})
			from, size = p.seq, 0
		}
	}
	return out
}

// tablesOf are the tables of a selection: those of its policies and then its
// own. mu is held.
func (s *Stage) tablesOf(sel selection) (out []*table) {
	for _, p := range sel.policies {
		for _, t := range s.sortedTables() {
			if t.policy == p.name {
				out = append(out, t)
			}
		}
	}
	return append(out, sel.tables...)
}

// within are the rows of a batch.
func (b batch) within(rows []row) []row {
	at := func(seq uint64) int {
		i, _ := slices.BinarySearchFunc(rows, seq+1, func(r row, n uint64) int { return cmp.Compare(r.seq, n) })
		return i
	}
	return rows[at(b.from):at(b.to)]
}

// collect makes the messages of a batch, in the order of the document: loose
// records, tables, acknowledges in ram and then those in flash [EMP 5]. mu is
// held.
func (s *Stage) collect(b batch) (ms []Message, tables []*table) {
	for _, p := range b.policies {
		for _, g := range p.groups {
			rows := b.within(g.rows)
			if len(rows) == 0 {
				continue
			}
			m := Message{Policy: p.name, Path: g.path}
			for i, name := range g.columns {
				m.Columns = append(m.Columns, Column{Name: name, Values: column(rows, i)})
			}
			ms = append(ms, m)
		}
	}
	all := s.tablesOf(b.selection)
	for i, t := range all {
		rows := b.within(t.rows)
		if len(rows) == 0 {
			continue
		}
		m := Message{Path: t.path}
		if i < len(all)-len(b.tables) {
			m.Policy = t.policy
		}
		for i, c := range t.columns {
			m.Columns = append(m.Columns, Write(c, column(rows, i)))
		}
		ms, tables = append(ms, m), append(tables, t)
	}
	for _, flash := range []bool{false, true} {
		for _, p := range b.policies {
			for _, a := range p.acks {
				if a.flash == flash && a.seq > b.from && a.seq <= b.to {
					ms = append(ms, Message{Policy: p.name, Ticket: a.ticket, Status: a.status, Text: a.text})
				}
			}
		}
	}
	return ms, tables
}

func column(rows []row, i int) []frame.Value {
	out := make([]frame.Value, len(rows))
	for j, r := range rows {
		out[j] = r.values[i]
	}
	return out
}
