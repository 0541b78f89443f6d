// Package luatable reads a Lua table constructor as data: the manifest of an
// update package is one [EMP 4, 20]. Nothing is executed. It takes strings of
// every form, numbers, booleans, nil and nested tables, with comments and an
// optional `return` in front; anything else is an error.
package luatable

import (
	"errors"
	"fmt"
)

// maxDepth bounds how deep tables nest.
const maxDepth = 64

// Table is a table: List holds what stands without a key, from 1, and Fields
// what has a string as its key. Values are nil, bool, int64, float64, string
// and *Table.
type Table struct {
	List   []any
	Fields map[string]any
}

// Errors of Parse.
var (
	// ErrNotTable: the text is a value, and no table.
	ErrNotTable = errors.New("not a Lua table")
	// ErrSyntax is wrapped by every other error.
	ErrSyntax = errors.New("not Lua data")
)

// Parse reads one table constructor and nothing behind it.
func Parse(text []byte) (*Table, error) {
	p := &parser{s: string(text), line: 1}
	v, err := p.all()
	if err != nil {
		return nil, fmt.Errorf("line %d: %w", p.line, err)
	}
	t, ok := v.(*Table)
	if !ok {
		return nil, ErrNotTable
	}
	return t, nil
}

// Text is a field that is a string; "" when there is none.
func (t *Table) Text(key string) string {
	s, _ := t.Fields[key].(string)
	return s
}

type parser struct {
	s     string
	at    int
	line  int
	depth int
}

func bad(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrSyntax, fmt.Sprintf(format, args...))
}

func (p *parser) all() (any, error) {
	if err := p.space(); err != nil {
		return nil, err
	}
	if name := p.name(); name == "return" {
		p.at += len(name)
	}
	v, err := p.value()
	if err != nil {
		return nil, err
	}
	if err := p.space(); err != nil {
		return nil, err
	}
	if p.peek() == ';' {
		p.at++
		if err := p.space(); err != nil {
			return nil, err
		}
	}
	if p.at < len(p.s) {
		return nil, bad("unexpected %.10q", p.s[p.at:])
	}
	return v, nil
}

func (p *parser) peek() byte {
	if p.at < len(p.s) {
		return p.s[p.at]
	}
	return 0
}

// space skips blanks and comments.
func (p *parser) space() error {
	for p.at < len(p.s) {
		switch c := p.s[p.at]; {
		case c == '\n':
			p.line++
			p.at++
		case c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f':
			p.at++
		case c == '-' && p.at+1 < len(p.s) && p.s[p.at+1] == '-':
			p.at += 2
			if level := p.longLevel(); level >= 0 {
				if _, err := p.long(level); err != nil {
					return err
				}
				continue
			}
			for p.at < len(p.s) && p.s[p.at] != '\n' {
				p.at++
			}
		default:
			return nil
		}
	}
	return nil
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }

// name is the identifier that begins here, or "".
func (p *parser) name() string {
	end := p.at
	for end < len(p.s) && (isLetter(p.s[end]) || end > p.at && isDigit(p.s[end])) {
		end++
	}
	return p.s[p.at:end]
}

func (p *parser) value() (any, error) {
	if err := p.space(); err != nil {
		return nil, err
	}
	switch c := p.peek(); {
	case p.at >= len(p.s):
		return nil, bad("the text ends where a value is wanted")
	case c == '{':
		return p.table()
	case c == '"' || c == '\'':
		return p.quoted(c)
	case c == '[':
		if level := p.longLevel(); level >= 0 {
			return p.long(level)
		}
	case isDigit(c) || c == '-' || c == '.':
		return p.number()
	}
	name := p.name()
	p.at += len(name)
	switch name {
	case "true":
		return true, nil
	case "false":
		return false, nil
	case "nil":
		return nil, nil
	}
	return nil, bad("no value at %.10q", p.s[p.at-len(name):])
}

func (p *parser) table() (*Table, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, bad("nested too deep")
	}
	defer func() { p.depth-- }()
	p.at++
	t := &Table{Fields: map[string]any{}}
	for {
		if err := p.space(); err != nil {
			return nil, err
		}
		if p.peek() == '}' {
			p.at++
			return t, nil
		}
		if err := p.field(t); err != nil {
			return nil, err
		}
		if err := p.space(); err != nil {
			return nil, err
		}
		switch p.peek() {
		case ',', ';':
			p.at++
		case '}':
		default:
			return nil, bad("a table is not closed")
		}
	}
}

func (p *parser) field(t *Table) error {
	key, keyed, err := p.key()
	if err != nil {
		return err
	}
	v, err := p.value()
	if err != nil {
		return err
	}
	if !keyed {
		t.List = append(t.List, v)
		return nil
	}
	switch k := key.(type) {
	case string:
		if v == nil {
			delete(t.Fields, k)
		} else {
			t.Fields[k] = v
		}
		return nil
	case int64:
		if k == int64(len(t.List))+1 {
			t.List = append(t.List, v)
			return nil
		}
	}
	return bad("the key %v is neither a string nor the next number", key)
}

// key reads `name =` or `[value] =`, where that is what stands here.
func (p *parser) key() (key any, keyed bool, err error) {
	start, line := p.at, p.line
	if p.peek() == '[' && p.longLevel() < 0 {
		p.at++
		if key, err = p.value(); err == nil {
			err = p.space()
		}
		if err == nil && p.peek() != ']' {
			err = bad("a key is not closed")
		}
		if err != nil {
			return nil, false, err
		}
		p.at++
		if err := p.space(); err != nil {
			return nil, false, err
		}
		if p.peek() != '=' {
			return nil, false, bad("a key without a value")
		}
		p.at++
		return key, true, nil
	}
	name := p.name()
	p.at += len(name)
	if err := p.space(); err != nil {
		return nil, false, err
	}
	if name != "" && p.peek() == '=' {
		p.at++
		return name, true, nil
	}
	p.at, p.line = start, line
	return nil, false, nil
}
