package luavm

import (
	"context"
	"errors"
	"fmt"
	"math"
)

// Value is a Lua value as the host sees it: nil, bool, float64, string,
// *Function, []Value for a table whose keys are 1..n with n > 0, and
// map[string]Value for any other table (keys that are no strings appear as
// tostring gives them). Values handed to a script may also be any Go integer,
// float32, []byte, []string and map[string]string.
type Value = any

// Context is the context of a run. It is handed to every Func and must be
// handed back to Function.Call: it proves that the call comes from inside
// the run that owns the function.
type Context = context.Context

// Func is a function that the host gives to scripts. It runs on the script's
// goroutine. An error is raised in the script, with the position of the
// calling line before its text; a *Raise is raised as it is; a *job.Error
// keeps its code when nothing in the script catches it. To follow the Lua
// convention of returning nil and a message, return those as values.
type Func func(ctx Context, call *Call) ([]Value, error)

// Module is a table of functions and constants that the host offers. It is
// loaded by require "Name" and, if Global is set, is also a global variable.
// A script whose capabilities lack Word does not see it: require raises
// `capability "Word" not granted`.
type Module struct {
	Name   string
	Word   string // capability word it needs; "" for none
	Global bool
	Funcs  map[string]Func
	Values map[string]Value
}

// Raise is an error whose value is raised in the script without a position.
type Raise struct{ Value Value }

func (r *Raise) Error() string { return fmt.Sprint(r.Value) }

// Call is one call of a Func: the arguments, and checks on them that word
// their errors as Lua's own library does.
type Call struct {
	Name string // name of the function, for messages
	Args []Value
}

// ArgError is an argument that a function cannot take. I counts from 1.
func (c *Call) ArgError(i int, format string, args ...any) error {
	return fmt.Errorf("bad argument #%d to '%s' (%s)", i, c.Name, fmt.Sprintf(format, args...))
}

// N returns the number of arguments.
func (c *Call) N() int { return len(c.Args) }

// Arg returns argument i, counted from 1, or nil if there is none.
func (c *Call) Arg(i int) Value {
	if i < 1 || i > len(c.Args) {
		return nil
	}
	return c.Args[i-1]
}

func (c *Call) typeError(i int, want string) error {
	got := "no value"
	if i <= len(c.Args) {
		got = TypeName(c.Args[i-1])
	}
	return c.ArgError(i, "%s expected, got %s", want, got)
}

// String returns argument i as a string; numbers are converted.
func (c *Call) String(i int) (string, error) {
	switch v := c.Arg(i).(type) {
	case string:
		return v, nil
	case float64:
		return FormatNumber(v), nil
	}
	return "", c.typeError(i, "string")
}

// OptString is String with a default for nil and none.
func (c *Call) OptString(i int, def string) (string, error) {
	if c.Arg(i) == nil {
		return def, nil
	}
	return c.String(i)
}

// Number returns argument i as a number; strings that are numerals are
// converted.
func (c *Call) Number(i int) (float64, error) {
	switch v := c.Arg(i).(type) {
	case float64:
		return v, nil
	case string:
		if n, ok := ParseNumber(v); ok {
			return n, nil
		}
	}
	return 0, c.typeError(i, "number")
}

// OptNumber is Number with a default for nil and none.
func (c *Call) OptNumber(i int, def float64) (float64, error) {
	if c.Arg(i) == nil {
		return def, nil
	}
	return c.Number(i)
}

// Int returns argument i as an integer, cut towards zero.
func (c *Call) Int(i int) (int64, error) {
	n, err := c.Number(i)
	if err != nil {
		return 0, err
	}
	if math.IsNaN(n) || n >= 1<<63 || n < -1<<63 {
		return 0, c.ArgError(i, "number has no integer representation")
	}
	return int64(n), nil
}

// Function returns argument i as a function that can be called back.
func (c *Call) Function(i int) (*Function, error) {
	if f, ok := c.Arg(i).(*Function); ok {
		return f, nil
	}
	return nil, c.typeError(i, "function")
}

// Table returns argument i as a table with string keys.
func (c *Call) Table(i int) (map[string]Value, error) {
	switch t := c.Arg(i).(type) {
	case map[string]Value:
		return t, nil
	case []Value:
		m := make(map[string]Value, len(t))
		for k, v := range t {
			m[FormatNumber(float64(k+1))] = v
		}
		return m, nil
	}
	return nil, c.typeError(i, "table")
}

// TypeName is the Lua type of a value.
func TypeName(v Value) string {
	switch v.(type) {
	case nil:
		return "nil"
	case bool:
		return "boolean"
	case string, []byte:
		return "string"
	case *Function:
		return "function"
	case []Value, map[string]Value, []string, map[string]string:
		return "table"
	}
	return "number"
}

// Function is a Lua function in the hands of the host. It lives as long as
// the run it comes from; see Call.
type Function struct {
	r *run
	f value
}

// Same reports whether both are one and the same function of a run.
func (f *Function) Same(g *Function) bool { return f.r == g.r && f.f == g.f }

// errOutside is what a callback gives that is called from elsewhere.
var errOutside = errors.New("a script's function was called outside its run")
