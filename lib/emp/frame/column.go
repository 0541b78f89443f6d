package frame

import "slices"

// Column is one column of a table [EMP 4, 40, 45].
type Column struct {
	Name          string
	Serialization string // one of Serializations, or "" for the default
	Factor        Value  // a number, for deltasvector; else null
	Period        Value  // a number, for quasiperiodicvector; else null
	AsFloat       bool
	Consolidation string // one of Methods, or ""
}

// Serializations are the ways a column can be written for the server.
func Serializations() []string {
	return []string{"fastest", "smallest", "list", "deltasvector", "quasiperiodicvector"}
}

// Methods are the ways a column can be consolidated.
func Methods() []string {
	return []string{"first", "last", "max", "mean", "median", "middle", "min", "sum"}
}

// columns reads the list of names and specifications, or for a consolidation
// the map from names to methods. Names differ, and there is at least one.
func (f *fields) columns(conso bool) []Column {
	v := f.get("columns")
	var out []Column
	for _, m := range v.Members() {
		method, _ := m.Value.Str()
		if !conso {
			f.fail("columns are a map, a list is wanted")
		}
		out = append(out, Column{Name: m.Key, Consolidation: method})
	}
	for _, e := range v.Elems() {
		if s, ok := e.Str(); ok {
			out = append(out, Column{Name: s})
			continue
		}
		out = append(out, f.column(e))
	}
	if len(out) == 0 {
		f.fail("no columns")
	}
	seen := make(map[string]bool, len(out))
	for _, c := range out {
		switch {
		case c.Name == "":
			f.fail("column without a name")
		case seen[c.Name]:
			f.fail("column %q comes twice", c.Name)
		case c.Consolidation == "" && conso:
			f.fail("column %q has no consolidation method", c.Name)
		case c.Consolidation != "":
			f.oneOf("consolidation method", c.Consolidation, Methods()...)
		}
		seen[c.Name] = true
	}
	return out
}

func (f *fields) column(v Value) Column {
	if v.Kind() != KindMap {
		f.fail("column is %s, a string or map is wanted", v.Kind().some())
		return Column{}
	}
	g := &fields{v: v}
	c := Column{
		Name:          g.needText("name"),
		Serialization: g.text("", "serialization"),
		Factor:        g.get("factor"),
		Period:        g.get("period"),
		AsFloat:       g.flag(false, "asfloat"),
		Consolidation: g.text("", "consolidation"),
	}
	if c.Serialization != "" {
		g.oneOf("serialization", c.Serialization, Serializations()...)
	}
	g.parameter("factor", c.Factor, c.Serialization == "deltasvector")
	g.parameter("period", c.Period, c.Serialization == "quasiperiodicvector")
	if g.err != nil && f.err == nil {
		f.err = within("column "+c.Name, g.err)
	}
	return c
}

func (f *fields) parameter(name string, v Value, needed bool) {
	if _, ok := v.Float(); !ok && (needed || !v.IsNull()) {
		f.fail("%s is no number", name)
	}
}

func (c Column) plain() bool {
	return c.Serialization == "" && c.Factor.IsNull() && c.Period.IsNull() && !c.AsFloat
}

func (c Column) value() Value {
	ms := []Member{{"name", String(c.Name)}}
	add := func(k string, v Value, there bool) {
		if there {
			ms = append(ms, Member{k, v})
		}
	}
	add("serialization", String(c.Serialization), c.Serialization != "")
	add("factor", c.Factor, !c.Factor.IsNull())
	add("period", c.Period, !c.Period.IsNull())
	add("asfloat", Bool(true), c.AsFloat)
	add("consolidation", String(c.Consolidation), c.Consolidation != "")
	return Map(ms...)
}

func columnList(cs []Column) Value {
	vs := make([]Value, len(cs))
	for i, c := range cs {
		if c.plain() && c.Consolidation == "" {
			vs[i] = String(c.Name)
		} else {
			vs[i] = c.value()
		}
	}
	return List(vs...)
}

// consoColumns is the map from names to methods, or the list when a column
// says more than its method.
func consoColumns(cs []Column) Value {
	if !slices.ContainsFunc(cs, func(c Column) bool { return !c.plain() }) {
		ms := make([]Member, len(cs))
		for i, c := range cs {
			ms[i] = Member{c.Name, String(c.Consolidation)}
		}
		return Map(ms...)
	}
	return columnList(cs)
}
