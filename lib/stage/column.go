package stage

import (
	"math"
	"strconv"

	"lander/lib/emp/frame"
)

// Form is how a column is written [M3DA 2].
type Form uint8

// The forms.
const (
	// List is every value.
	List Form = iota
	// Deltas is a DeltasVector: the first value is Factor*Start, each further
	// one the one before plus Factor*Steps[i].
	Deltas
	// QuasiPeriodic is a QuasiPeriodicVector: after Start, Steps are pairs of
	// a number of gaps of exactly Period and the excess of the gap behind
	// them; at the end stands the number of exact gaps that are left.
	QuasiPeriodic
)

// Column is one column of a message.
type Column struct {
	Name   string
	Form   Form
	Values []frame.Value // of a List
	Factor frame.Value   // of Deltas
	Period frame.Value   // of QuasiPeriodic
	Start  frame.Value
	Steps  []int64
}

// maxUnit bounds what vectors count with: differences then fit.
const maxUnit = 1 << 61

// Write chooses the form of a column by its serialization [EMP 4, 40]:
// fastest, list and none are a List; deltasvector rounds to multiples of the
// factor; quasiperiodicvector is for integers and an integer period; smallest
// is the shortest of the forms that are exact. Where the values do not suit a
// form, the column is a List.
func Write(c frame.Column, values []frame.Value) Column {
	if c.AsFloat {
		values = floats(values)
	}
	list := Column{Name: c.Name, Values: values}
	switch c.Serialization {
	case "deltasvector":
		if v, ok := deltas(c.Factor, values); ok {
			v.Name = c.Name
			return v
		}
	case "quasiperiodicvector":
		if v, ok := quasiPeriodic(c.Period, values); ok {
			v.Name = c.Name
			return v
		}
	case "smallest":
		return smallest(list)
	}
	return list
}

func floats(values []frame.Value) []frame.Value {
	out := make([]frame.Value, len(values))
	for i, v := range values {
		if f, ok := v.Float(); ok {
			v = frame.Float(f)
		}
		out[i] = v
	}
	return out
}

func deltas(factor frame.Value, values []frame.Value) (Column, bool) {
	f, ok := factor.Float()
	if !ok || f <= 0 || len(values) == 0 {
		return Column{}, false
	}
	steps := make([]int64, len(values))
	last := int64(0)
	for i, v := range values {
		unit, ok := units(v, factor, f)
		if !ok {
			return Column{}, false
		}
		steps[i], last = unit-last, unit
	}
	return Column{Form: Deltas, Factor: factor, Start: frame.Int(steps[0]), Steps: steps[1:]}, true
}

// units is a value as a rounded multiple of the factor.
func units(v, factor frame.Value, f float64) (int64, bool) {
	if v.Kind() == frame.KindInt && factor.Kind() == frame.KindInt {
		n, _ := v.Int()
		by, _ := factor.Int()
		q, r := n/by, n%by
		if r >= by-r { // half away from zero
			q++
		} else if r < 0 && -r >= by+r {
			q--
		}
		return q, q > -maxUnit && q < maxUnit
	}
	x, ok := v.Float()
	u := math.Round(x / f)
	return int64(u), ok && math.Abs(u) < maxUnit
}

func quasiPeriodic(period frame.Value, values []frame.Value) (Column, bool) {
	p, ok := period.Int()
	if !ok || p <= 0 || p >= maxUnit || len(values) == 0 {
		return Column{}, false
	}
	var steps []int64
	n, last := int64(0), int64(0)
	for i, v := range values {
		x, _ := v.Int()
		if v.Kind() != frame.KindInt || x <= -maxUnit || x >= maxUnit {
			return Column{}, false
		}
		switch excess := x - last - p; {
		case i == 0:
		case excess == 0:
			n++
		default:
			steps = append(steps, n, excess)
			n = 0
		}
		last = x
	}
	return Column{Form: QuasiPeriodic, Period: frame.Int(p), Start: values[0], Steps: append(steps, n)}, true
}

// smallest compares the forms that give back exactly what the list has.
func smallest(list Column) Column {
	best, size := list, list.size()
	try := func(c Column, ok bool) {
		if c.Name = list.Name; ok && c.size() < size {
			best, size = c, c.size()
		}
	}
	for _, v := range list.Values {
		if v.Kind() != frame.KindInt {
			return list
		}
	}
	if len(list.Values) < 3 {
		return list
	}
	try(deltas(frame.Int(divisor(list.Values)), list.Values))
	first, _ := list.Values[0].Int()
	second, _ := list.Values[1].Int()
	try(quasiPeriodic(frame.Int(second-first), list.Values))
	return best
}

// divisor is the greatest integer that divides all of the values, at least 1.
func divisor(values []frame.Value) int64 {
	d := int64(0)
	for _, v := range values {
		n, _ := v.Int()
		if n == math.MinInt64 {
			return 1
		}
		if n < 0 {
			n = -n
		}
		for n != 0 {
			d, n = n, d%n
		}
	}
	return max(d, 1)
}

// size estimates the bytes on the wire: the digits of the numbers, and what
// stands around them.
func (c Column) size() int {
	n := 2
	for _, v := range c.Values {
		n += len(v.Append(nil)) + 1
	}
	if c.Form == List {
		return n
	}
	n += len(c.Factor.Append(nil)) + len(c.Period.Append(nil)) + len(c.Start.Append(nil))
	for _, s := range c.Steps {
		n += len(strconv.FormatInt(s, 10)) + 1
	}
	return n
}

// Value is the column as a sink writes it: a list, or a map of the fields of
// the vector.
func (c Column) Value() frame.Value {
	steps := make([]frame.Value, len(c.Steps))
	for i, n := range c.Steps {
		steps[i] = frame.Int(n)
	}
	switch c.Form {
	case Deltas:
		return frame.Map(frame.Member{Key: "factor", Value: c.Factor}, frame.Member{Key: "start", Value: c.Start}, frame.Member{Key: "deltas", Value: frame.List(steps...)})
	case QuasiPeriodic:
		return frame.Map(frame.Member{Key: "period", Value: c.Period}, frame.Member{Key: "start", Value: c.Start}, frame.Member{Key: "shifts", Value: frame.List(steps...)})
	}
	return frame.List(c.Values...)
}

// Expand is every value of the column, as a server makes it of the form.
func (c Column) Expand() []frame.Value {
	var out []frame.Value
	switch c.Form {
	case Deltas:
		unit, _ := c.Start.Int()
		out = append(out, scaled(unit, c.Factor))
		for _, d := range c.Steps {
			unit += d
			out = append(out, scaled(unit, c.Factor))
		}
	case QuasiPeriodic:
		at, _ := c.Start.Int()
		p, _ := c.Period.Int()
		out = append(out, frame.Int(at))
		for i := 0; i < len(c.Steps); i++ {
			for range c.Steps[i] {
				at += p
				out = append(out, frame.Int(at))
			}
			if i++; i < len(c.Steps) {
				at += p + c.Steps[i]
				out = append(out, frame.Int(at))
			}
		}
	default:
		return c.Values
	}
	return out
}

func scaled(unit int64, factor frame.Value) frame.Value {
	if by, ok := factor.Int(); ok && factor.Kind() == frame.KindInt {
		return frame.Int(unit * by)
	}
	f, _ := factor.Float()
	return frame.Float(float64(unit) * f)
}
