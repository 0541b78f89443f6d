package agent

import (
	"math"

	"lander/lib/emp/frame"
	"lander/lib/m3da/bysant"
	"lander/lib/m3da/envelope"
	"lander/lib/stage"
)

// payload makes the items of the stage's messages. To a server that speaks
// our additions the execution object follows the response of its ticket.
func (a *Agent) payload(ms []stage.Message, lander bool) []byte {
	var b []byte
	for _, m := range ms {
		if !m.Ticket.IsNull() {
			b = a.response(m).Append(b)
			if e, ok := a.executionOf(m.Ticket); ok && lander {
				b = e.Append(b)
			}
			continue
		}
		body := make([]bysant.Member, len(m.Columns))
		for i, c := range m.Columns {
			body[i] = bysant.Member{Key: bysant.Name(c.Name), Value: columnValue(c)}
		}
		b = envelope.Message{Path: m.Path, Body: bysant.OfMap(body...)}.Append(b)
	}
	return b
}

func (a *Agent) response(m stage.Message) envelope.Response {
	text := m.Text
	switch {
	case text != "":
	case m.Status == 0:
		text = "ok"
	default:
		text = "unknown"
	}
	return envelope.Response{Ticket: toBysant(m.Ticket), Status: m.Status, Data: bysant.OfString(text)}
}

func columnValue(c stage.Column) bysant.Value {
	switch c.Form {
	case stage.Deltas:
		return envelope.Deltas(toBysant(c.Factor), deltasStart(c), c.Steps)
	case stage.QuasiPeriodic:
		return envelope.QuasiPeriodic(toBysant(c.Period), toBysant(c.Start), c.Steps)
	}
	vs := make([]bysant.Value, len(c.Values))
	for i, v := range c.Values {
		vs[i] = toBysant(v)
	}
	return bysant.OfList(vs...)
}

// deltasStart is a float where the factor is one: the original server takes a
// vector whose other numbers are integers for one of integers, and a factor of
// 0.1 for 0.
func deltasStart(c stage.Column) bysant.Value {
	factor, _ := c.Factor.Float()
	if n, ok := c.Start.Int(); ok && factor != math.Trunc(factor) && int64(float64(n)) == n {
		return bysant.OfFloat(float64(n)).AsFloat()
	}
	return toBysant(c.Start)
}

func toBysant(v frame.Value) bysant.Value {
	switch v.Kind() {
	case frame.KindBool:
		b, _ := v.Bool()
		return bysant.OfBool(b)
	case frame.KindInt:
		n, _ := v.Int()
		return bysant.OfInt(n)
	case frame.KindFloat:
		f, _ := v.Float()
		return bysant.OfFloat(f)
	case frame.KindString:
		s, _ := v.Str()
		return bysant.OfString(s)
	case frame.KindList:
		vs := make([]bysant.Value, v.Len())
		for i, e := range v.Elems() {
			vs[i] = toBysant(e)
		}
		return bysant.OfList(vs...)
	case frame.KindMap:
		ms := make([]bysant.Member, v.Len())
		for i, m := range v.Members() {
			ms[i] = bysant.Member{Key: bysant.Name(m.Key), Value: toBysant(m.Value)}
		}
		return bysant.OfMap(ms...)
	}
	return bysant.Value{}
}

// fromBysant makes a JSON value. Of two keys that read the same, 1 and "1",
// the first counts; a vector becomes the list that it stands for.
func fromBysant(v bysant.Value) (frame.Value, error) {
	switch v.Kind() {
	case bysant.Bool:
		b, _ := v.Bool()
		return frame.Bool(b), nil
	case bysant.Int:
		n, _ := v.Int()
		return frame.Int(n), nil
	case bysant.Float:
		f, _ := v.Float()
		return frame.Float(f), nil
	case bysant.String:
		s, _ := v.Str()
		return frame.String(s), nil
	case bysant.List, bysant.Object:
		vs, err := envelope.Expand(v, maxExpanded)
		if err != nil {
			return frame.Value{}, err
		}
		out := make([]frame.Value, len(vs))
		for i, e := range vs {
			if out[i], err = fromBysant(e); err != nil {
				return frame.Value{}, err
			}
		}
		return frame.List(out...), nil
	case bysant.Map:
		var out []frame.Member
		seen := map[string]bool{}
		for _, m := range v.Members() {
			k := m.Key.String()
			if seen[k] {
				continue
			}
			seen[k] = true
			e, err := fromBysant(m.Value)
			if err != nil {
				return frame.Value{}, err
			}
			out = append(out, frame.Member{Key: k, Value: e})
		}
		return frame.Map(out...), nil
	}
	return frame.Value{}, nil
}

// maxExpanded bounds a vector that the server sends.
const maxExpanded = 100_000
