package stage

import (
	"errors"
	"slices"
	"sort"

	"lander/lib/durable"
	"lander/lib/emp/frame"
)

var errRecord = errors.New("not a record of a stage")

// load replays the file and starts the committer.
func (s *Stage) load() error {
	if s.o.File == "" {
		close(s.finished)
		return nil
	}
	f, o, err := durable.OpenLog(s.o.File, fileHead, s.apply)
	if err != nil {
		return err
	}
	if o.Bad > 0 {
		s.log.Error("the stage's file is damaged", "file", s.o.File, "bad_records", o.Bad)
	}
	if o.Torn > 0 {
		s.log.Warn("the stage's file ends inside a change that was never confirmed", "file", s.o.File, "bytes", o.Torn)
	}
	s.file = f
	go s.commitLoop()
	return nil
}

// list reads the elements of a record; the first fault is kept.
type list struct {
	vs  []frame.Value
	bad bool
}

func (l *list) value() frame.Value {
	if len(l.vs) == 0 {
		l.bad = true
		return frame.Value{}
	}
	v := l.vs[0]
	l.vs = l.vs[1:]
	return v
}

func (l *list) text() string {
	t, ok := l.value().Str()
	l.bad = l.bad || !ok
	return t
}

func (l *list) int() int64 {
	n, ok := l.value().Int()
	l.bad = l.bad || !ok
	return n
}

func (l *list) seq() uint64 {
	n := l.int()
	l.bad = l.bad || n < 0
	return uint64(n)
}

func (l *list) list() []frame.Value {
	v := l.value()
	l.bad = l.bad || v.Kind() != frame.KindList
	return v.Elems()
}

func (l *list) texts() []string {
	var out []string
	for _, v := range l.list() {
		t, ok := v.Str()
		l.bad = l.bad || !ok
		out = append(out, t)
	}
	return out
}

// apply replays one record.
func (s *Stage) apply(rec []byte) error {
	v, err := frame.ParseValue(rec)
	if err != nil {
		return err
	}
	if v.Kind() != frame.KindList {
		return errRecord
	}
	l := &list{vs: v.Elems()}
	change := s.replay(l.text(), l)
	if l.bad || change == nil {
		return errRecord
	}
	change()
	return nil
}

// replay reads a record and returns what it does, nil when it is none.
func (s *Stage) replay(letter string, l *list) func() {
	seen := func(seq uint64) { s.seq = max(s.seq, seq) }
	switch letter {
	case "p":
		policy, seq := l.text(), l.seq()
		var rs []record
		for _, v := range l.vs {
			in := &list{vs: v.Elems()}
			r := record{path: in.text(), fields: slices.Clone(in.value().Members())}
			if in.bad || len(r.fields) == 0 {
				return nil
			}
			sort.Slice(r.fields, func(i, j int) bool { return r.fields[i].Key < r.fields[j].Key })
			rs = append(rs, r)
		}
		return func() {
			for i, r := range rs {
				s.addRecord(s.policyNamed(policy), r, seq+uint64(i))
				seen(seq + uint64(i))
			}
		}
	case "a":
		policy := l.text()
		a := &ack{seq: l.seq(), ticket: l.value(), status: l.int(), text: l.text(), flash: true}
		return func() { seen(a.seq); s.addAck(s.policyNamed(policy), a) }
	case "u":
		seq := l.seq()
		return func() {
			for _, a := range s.tickets {
				if a.seq == seq {
					s.removeAck(a)
					return
				}
			}
		}
	case "t":
		p, err := frame.ParseTableNew(l.value().Append(nil))
		limit := l.int()
		if err != nil {
			return nil
		}
		return func() { s.loadTable(p, limit) }
	case "d":
		id := frame.TableID(l.text())
		return func() {
			if t := s.tables[id]; t != nil {
				s.removeTable(t)
			}
		}
	case "c":
		src, dst, policy := s.tables[frame.TableID(l.text())], s.tables[frame.TableID(l.text())], l.text()
		if src == nil || dst == nil || reaches(dst, src) || dst.source != nil && dst.source != src {
			return nil
		}
		for _, col := range dst.columns {
			if !slices.ContainsFunc(src.columns, func(d frame.Column) bool { return d.Name == col.Name }) {
				return nil
			}
		}
		return func() { link(src, dst, policy) }
	case "r":
		t, r := s.tables[frame.TableID(l.text())], row{seq: l.seq(), values: l.list()}
		return func() { seen(r.seq); s.loadRow(t, r) }
	case "k":
		src, upto := s.tables[frame.TableID(l.text())], l.seq()
		dst, r := s.tables[frame.TableID(l.text())], row{seq: l.seq(), values: l.list()}
		return func() {
			seen(r.seq)
			s.loadRow(dst, r)
			if src != nil {
				src.rows = s.dropRows(src.rows, upto)
			}
		}
	case "s":
		upto, policies, tables := l.seq(), l.texts(), l.texts()
		return func() {
			seen(upto)
			for _, name := range policies {
				p := s.policyNamed(name)
				s.dropGroups(p, upto)
				s.dropAcks(p, upto)
			}
			for _, id := range tables {
				if t := s.tables[frame.TableID(id)]; t != nil {
					t.rows = s.dropRows(t.rows, upto)
				}
			}
		}
	}
	return nil
}

func (s *Stage) loadTable(p frame.TableNew, limit int64) {
	t := newTable(p.Asset, p.Path, true, p.Policy, p.Columns)
	if old := s.tables[t.id]; old != nil {
		old.adopt(t)
		t = old
	}
	s.tables[t.id] = t
	t.max = limit
}

// loadRow leaves out what fits no table: it was taken away meanwhile.
func (s *Stage) loadRow(t *table, r row) {
	if t == nil || len(r.values) != len(t.columns) {
		return
	}
	t.rows = append(t.rows, r)
	s.bytes += r.cost()
}
