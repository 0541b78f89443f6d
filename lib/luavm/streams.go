package luavm

import (
	"io"
	"math"

	"lander/lib/job"
)

// write writes to stdout (0) or stderr (1) of the script.
func (r *run) write(which int, s string) error {
	w := r.c.Stdout
	if which == 1 {
		w = r.c.Stderr
	}
	r.out[which] += int64(len(s))
	if limit := MaxOutput(r.c.Budget.Output); limit > 0 && r.out[which] > limit {
		return job.Errorf(job.CodeOutput, "more than %d bytes of output", limit)
	}
	_, err := io.WriteString(w, s)
	return err
}

func (r *run) ioModule() Module {
	r.l.SetGlobal("print", r.wrap("print", func(_ Context, c *Call) ([]Value, error) {
		line := ""
		for i, v := range c.Args {
			if i > 0 {
				line += "\t"
			}
			line += display(v)
		}
		return nil, r.write(0, line+"\n")
	}))
	return Module{Name: "io", Global: true, Funcs: map[string]Func{
		"write": func(_ Context, c *Call) ([]Value, error) {
			for i := range c.Args {
				s, err := c.String(i + 1)
				if err == nil {
					err = r.write(0, s)
				}
				if err != nil {
					return nil, err
				}
			}
			return []Value{true}, nil
		},
		"read": func(_ Context, c *Call) ([]Value, error) {
			if c.Arg(1) == "*a" {
				b, err := io.ReadAll(r.in)
				return []Value{string(b)}, err
			}
			s, err := r.in.ReadString('\n')
			if s == "" && err != nil {
				return []Value{nil}, nil
			}
			if s[len(s)-1] == '\n' {
				s = s[:len(s)-1]
			}
			return []Value{s}, nil
		},
		"open": func(_ Context, c *Call) ([]Value, error) {
			s, err := c.String(1)
			if err != nil {
				return nil, err
			}
			return nil, denied("fs:" + s)
		},
	}}
}

func (r *run) osModule() Module {
	start := r.c.Now()
	return Module{Name: "os", Global: true, Funcs: map[string]Func{
		"time":   func(_ Context, c *Call) ([]Value, error) { return []Value{float64(r.c.Now().Unix())}, nil },
		"clock":  func(_ Context, c *Call) ([]Value, error) { return []Value{r.c.Now().Sub(start).Seconds()}, nil },
		"getenv": func(_ Context, c *Call) ([]Value, error) { return []Value{nil}, nil },
		"exit": func(_ Context, c *Call) ([]Value, error) {
			n, err := c.OptNumber(1, 0)
			if err != nil {
				return nil, err
			}
			code := int(math.Mod(n, 256))
			r.exit = &code
			return nil, job.Errorf(job.CodeExit, "exit code %d", code)
		},
		"execute": func(_ Context, c *Call) ([]Value, error) { return nil, denied("exec") },
	}}
}

func display(v Value) string {
	switch v := v.(type) {
	case nil:
		return "nil"
	case bool:
		if v {
			return "true"
		}
		return "false"
	case float64:
		return FormatNumber(v)
	case string:
		return v
	}
	return TypeName(v)
}
