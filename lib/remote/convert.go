package remote

import (
	"fmt"

	"lander/lib/emp/frame"
	"lander/lib/luavm"
)

// luaValue turns a JSON value into what a script sees: lists and maps become
// tables, numbers floats.
func luaValue(v frame.Value) luavm.Value {
	if f, ok := v.Float(); ok {
		return f
	}
	if n, ok := v.Int(); ok {
		return float64(n)
	}
	if b, ok := v.Bool(); ok {
		return b
	}
	if s, ok := v.Str(); ok {
		return s
	}
	switch v.Kind() {
	case frame.KindList:
		out := []luavm.Value{}
		for _, e := range v.Elems() {
			out = append(out, luaValue(e))
		}
		return out
	case frame.KindMap:
		out := map[string]luavm.Value{}
		for _, m := range v.Members() {
			out[m.Key] = luaValue(m.Value)
		}
		return out
	}
	return nil
}

// frameValue is the inverse: a whole number becomes an integer, as the
// original agent encodes it.
func frameValue(v luavm.Value) (frame.Value, error) {
	switch v := v.(type) {
	case float64:
		if n := int64(v); float64(n) == v && n > -1<<53 && n < 1<<53 {
			return frame.Int(n), nil
		}
		return frame.Float(v), nil
	case []luavm.Value:
		var out []frame.Value
		for _, e := range v {
			f, err := frameValue(e)
			if err != nil {
				return frame.Value{}, err
			}
			out = append(out, f)
		}
		return frame.List(out...), nil
	case map[string]luavm.Value:
		var out []frame.Member
		for k, e := range v {
			f, err := frameValue(e)
			if err != nil {
				return frame.Value{}, err
			}
			out = append(out, frame.Member{Key: k, Value: f})
		}
		return frame.Map(out...), nil
	case *luavm.Function:
		return frame.Value{}, fmt.Errorf("a function cannot be a variable")
	}
	return frame.Of(v)
}
