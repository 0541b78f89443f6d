package luavm

import (
	"io"
	"math"
	"strconv"
)

// Progress is the module by which a script reports how far it is:
// progress.report(n), with n from 0 to 100, which is cut to a whole number.
// Each report is a line of w, as programs write it to the descriptor that
// LANDER_PROGRESS_FD names. With a nil w nobody listens, and the script need
// not know.
func Progress(w io.Writer) Module {
	report := func(_ Context, c *Call) ([]Value, error) {
		n, err := c.Number(1)
		if err != nil {
			return nil, err
		}
		if math.IsNaN(n) || n < 0 || n > 100 {
			return nil, c.ArgError(1, "a number from 0 to 100 expected")
		}
		if w != nil {
			w.Write(append(strconv.AppendInt(nil, int64(n), 10), '\n')) // who listens may have gone
		}
		return nil, nil
	}
	return Module{Name: "progress", Global: true, Funcs: map[string]Func{"report": report}}
}
