package stage

import (
	"slices"
	"strings"

	"lander/lib/emp/frame"
)

// group holds the records of one path and one set of keys: what shares a
// table on the way.
type group struct {
	path    string
	columns []string // sorted
	rows    []row
}

// record is one row of a PData on its way into its group.
type record struct {
	path   string
	fields []frame.Member // sorted by key, keys without dots
}

// flatten makes records of a PData: nested maps and dotted keys become
// records of deeper paths; a list that is nested is a value [EMP 4, 30].
func flatten(p frame.PData) ([]record, error) {
	asset := clean(p.Asset)
	if asset == "" {
		return nil, frame.Errorf(frame.StatusBadParameter, "asset is missing")
	}
	base := join(asset, clean(p.Path))
	if p.Data.Kind() != frame.KindMap {
		path, key := cutLast(clean(p.Path))
		if key == "" {
			return nil, frame.Errorf(frame.StatusBadParameter, "no path and no key")
		}
		return []record{{join(asset, path), []frame.Member{{Key: key, Value: p.Data}}}}, nil
	}
	var out []record
	at := map[string]int{}
	var walk func(path string, v frame.Value) error
	walk = func(path string, v frame.Value) error {
		for _, m := range v.Members() {
			deeper, key := cutLast(clean(m.Key))
			if key == "" {
				return frame.Errorf(frame.StatusBadParameter, "bad record key")
			}
			where := join(path, deeper)
			if m.Value.Kind() == frame.KindMap {
				if err := walk(join(where, key), m.Value); err != nil {
					return err
				}
				continue
			}
			i, ok := at[where]
			if !ok {
				i = len(out)
				at[where] = i
				out = append(out, record{path: where})
			}
			fields := &out[i].fields
			j, found := slices.BinarySearchFunc(*fields, key, func(m frame.Member, k string) int { return strings.Compare(m.Key, k) })
			if found {
				(*fields)[j].Value = m.Value
			} else {
				*fields = slices.Insert(*fields, j, frame.Member{Key: key, Value: m.Value})
			}
		}
		return nil
	}
	return out, walk(base, p.Data)
}

// PData takes records under a policy.
func (s *Stage) PData(p frame.PData, done func(error)) error {
	records, err := flatten(p)
	if err != nil {
		return err
	}
	var size int64
	for _, r := range records {
		size += row{values: values(r.fields)}.cost()
	}
	s.mu.Lock()
	pol, err := s.policyFor(p.Policy)
	if err == nil {
		err = s.admit(size)
	}
	if err != nil {
		s.mu.Unlock()
		return err
	}
	if len(records) == 0 {
		s.mu.Unlock()
		done(nil)
		return nil
	}
	first := s.seq + 1
	for _, r := range records {
		s.addRecord(pol, r, s.next())
	}
	if !s.o.Volatile {
		s.persist(func(dst []byte) []byte { return appendRecords(dst, pol.name, first, records) })
	}
	s.armLatency(pol)
	s.confirm(done, !s.o.Volatile)
	return nil
}

func values(ms []frame.Member) []frame.Value {
	out := make([]frame.Value, len(ms))
	for i, m := range ms {
		out[i] = m.Value
	}
	return out
}

// addRecord puts a record into its group. mu is held.
func (s *Stage) addRecord(p *policy, r record, seq uint64) {
	same := func(g *group) bool {
		return g.path == r.path && slices.EqualFunc(g.columns, r.fields, func(c string, m frame.Member) bool { return c == m.Key })
	}
	i := p.lookup(r, same)
	if i < 0 {
		g := &group{path: r.path}
		for _, m := range r.fields {
			g.columns = append(g.columns, m.Key)
		}
		p.groups = append(p.groups, g)
		i = len(p.groups) - 1
		if p.index == nil {
			p.index = map[string][]int{}
		}
		p.index[r.path] = append(p.index[r.path], i)
	}
	g := p.groups[i]
	line := row{seq, values(r.fields)}
	g.rows = append(g.rows, line)
	s.bytes += line.cost()
}

// lookup finds the group of a record, -1 when there is none yet.
func (p *policy) lookup(r record, same func(*group) bool) int {
	for _, i := range p.index[r.path] {
		if same(p.groups[i]) {
			return i
		}
	}
	return -1
}

// dropGroups takes away the records up to a sequence number. mu is held.
func (s *Stage) dropGroups(p *policy, upto uint64) {
	kept := p.groups[:0]
	p.index = nil
	for _, g := range p.groups {
		if g.rows = s.dropRows(g.rows, upto); len(g.rows) == 0 {
			continue
		}
		kept = append(kept, g)
		if p.index == nil {
			p.index = map[string][]int{}
		}
		p.index[g.path] = append(p.index[g.path], len(kept)-1)
	}
	clear(p.groups[len(kept):])
	p.groups = slices.Clip(kept)
}

// clean trims dots at the ends of a path and collapses those inside.
func clean(path string) string {
	if !strings.HasPrefix(path, ".") && !strings.HasSuffix(path, ".") && !strings.Contains(path, "..") {
		return path
	}
	return strings.Join(strings.FieldsFunc(path, func(r rune) bool { return r == '.' }), ".")
}

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "." + b
}

func cutLast(path string) (above, last string) {
	i := strings.LastIndexByte(path, '.')
	return path[:max(i, 0)], path[i+1:]
}
