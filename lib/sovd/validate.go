package sovd

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxFaults bounds how many faults of a value are told.
const maxFaults = 20

// validation is one value's way through a schema.
type validation struct {
	s      *schema
	faults []map[string]string
	steps  int // against schemas that cost more than they are worth
}

const maxSteps = 100_000

// validate returns what is wrong with a value, each with the path of the
// field; nil when nothing is.
func (s *schema) validate(v any) []map[string]string {
	c := &validation{s: s}
	if c.value(s.root, v, "", 0) {
		return nil
	}
	if len(c.faults) == 0 {
		c.fault("", "it does not match")
	}
	return c.faults
}

func (c *validation) fault(at, format string, args ...any) bool {
	if len(c.faults) < maxFaults {
		c.faults = append(c.faults, map[string]string{"field": at, "message": fmt.Sprintf(format, args...)})
	}
	return false
}

// matches tries a schema and tells no faults.
func (c *validation) matches(schema, v any, at string, depth int) bool {
	n := len(c.faults)
	ok := c.value(schema, v, at, depth)
	c.faults = c.faults[:n]
	return ok
}

// value checks v against one schema.
func (c *validation) value(schema, v any, at string, depth int) bool {
	c.steps++
	if depth > maxSchemaDepth || c.steps > maxSteps {
		return c.fault(at, "the schema is too deep for this value")
	}
	m, ok := schema.(map[string]any)
	if !ok {
		if allowed, _ := schema.(bool); !allowed {
			return c.fault(at, "nothing is allowed here")
		}
		return true
	}
	good := c.common(m, v, at, depth)
	switch v := v.(type) {
	case json.Number:
		good = c.number(m, v, at) && good
	case string:
		good = c.text(m, v, at) && good
	case []any:
		good = c.list(m, v, at, depth) && good
	case map[string]any:
		good = c.object(m, v, at, depth) && good
	}
	return good
}

// common are the keywords for values of any type.
func (c *validation) common(m map[string]any, v any, at string, depth int) bool {
	good := true
	if t, ok := m["type"]; ok && !slices.ContainsFunc(listOf(t), func(w any) bool { return isType(v, w.(string)) }) {
		good = c.fault(at, "it is %s, not %s", typeOf(v), wordsOf(t))
	}
	if e, ok := m["enum"].([]any); ok && !slices.ContainsFunc(e, func(w any) bool { return equal(v, w) }) {
		good = c.fault(at, "it is none of the allowed values")
	}
	if want, ok := m["const"]; ok && !equal(v, want) {
		good = c.fault(at, "it is not the one allowed value")
	}
	if ref, ok := m["$ref"].(string); ok {
		if target, err := c.s.resolve(ref); err != nil || !c.value(target, v, at, depth+1) {
			good = false
		}
	}
	for _, sub := range schemasOf(m, "allOf") {
		good = c.value(sub, v, at, depth+1) && good
	}
	if some := schemasOf(m, "anyOf"); some != nil && !slices.ContainsFunc(some, func(sub any) bool { return c.matches(sub, v, at, depth+1) }) {
		good = c.fault(at, "it matches none of the alternatives")
	}
	if one := schemasOf(m, "oneOf"); one != nil {
		n := 0
		for _, sub := range one {
			if c.matches(sub, v, at, depth+1) {
				n++
			}
		}
		if n != 1 {
			good = c.fault(at, "it matches %d of the alternatives, not one", n)
		}
	}
	if not, ok := m["not"]; ok && c.matches(not, v, at, depth+1) {
		good = c.fault(at, "it is what it must not be")
	}
	if cond, ok := m["if"]; ok {
		branch := "else"
		if c.matches(cond, v, at, depth+1) {
			branch = "then"
		}
		if sub, ok := m[branch]; ok {
			good = c.value(sub, v, at, depth+1) && good
		}
	}
	return good
}

func schemasOf(m map[string]any, k string) []any {
	list, _ := m[k].([]any)
	return list
}

func (c *validation) number(m map[string]any, v json.Number, at string) bool {
	n := number(v)
	bounded := slices.ContainsFunc(numberKeywords, func(k string) bool { return m[k] != nil })
	if n == nil {
		return !bounded || c.fault(at, "the number is out of all bounds")
	}
	good := true
	for k, holds := range map[string]func(int) bool{
		"minimum": func(o int) bool { return o >= 0 }, "exclusiveMinimum": func(o int) bool { return o > 0 },
		"maximum": func(o int) bool { return o <= 0 }, "exclusiveMaximum": func(o int) bool { return o < 0 },
	} {
		if b := number(m[k]); b != nil && !holds(n.Cmp(b)) {
			good = c.fault(at, "%s does not hold: %s is %v", v, k, m[k])
		}
	}
	if by := number(m["multipleOf"]); by != nil && !new(big.Rat).Quo(n, by).IsInt() {
		good = c.fault(at, "%s is no multiple of %v", v, m["multipleOf"])
	}
	return good
}

// count reads a keyword that counts, or def.
func count(m map[string]any, k string, def int) int {
	if r := number(m[k]); r != nil {
		return int(min(r.Num().Int64(), 1<<40))
	}
	return def
}

func (c *validation) length(m map[string]any, n int, least, most, what, at string) bool {
	if n < count(m, least, 0) {
		return c.fault(at, "it has %d %s, fewer than %v", n, what, m[least])
	}
	if n > count(m, most, n) {
		return c.fault(at, "it has %d %s, more than %v", n, what, m[most])
	}
	return true
}

func (c *validation) text(m map[string]any, v, at string) bool {
	good := c.length(m, utf8.RuneCountInString(v), "minLength", "maxLength", "characters", at)
	if p, ok := m["pattern"].(string); ok && !c.s.patterns[p].MatchString(v) {
		good = c.fault(at, "it does not match %q", p)
	}
	return good
}

func (c *validation) list(m map[string]any, v []any, at string, depth int) bool {
	good := c.length(m, len(v), "minItems", "maxItems", "items", at)
	first := schemasOf(m, "prefixItems")
	rest, hasRest := m["items"]
	contains, hasContains := m["contains"]
	n := 0
	for i, e := range v {
		where := at + "/" + strconv.Itoa(i)
		switch {
		case i < len(first):
			good = c.value(first[i], e, where, depth+1) && good
		case hasRest:
			good = c.value(rest, e, where, depth+1) && good
		}
		if hasContains && c.matches(contains, e, where, depth+1) {
			n++
		}
	}
	if hasContains && (n < count(m, "minContains", 1) || n > count(m, "maxContains", n)) {
		good = c.fault(at, "%d of its items are of the asked-for kind", n)
	}
	if unique, _ := m["uniqueItems"].(bool); unique {
		for i := range v {
			for j := range i {
				if c.steps++; c.steps > maxSteps {
					return c.fault(at, "it has too many items to compare")
				}
				if equal(v[i], v[j]) {
					return c.fault(at, "items %d and %d are equal", j, i)
				}
			}
		}
	}
	return good
}

func (c *validation) object(m map[string]any, v map[string]any, at string, depth int) bool {
	good := c.length(m, len(v), "minProperties", "maxProperties", "members", at)
	required, _ := m["required"].([]any)
	dependent, _ := m["dependentRequired"].(map[string]any)
	schemas, _ := m["dependentSchemas"].(map[string]any)
	for name := range v {
		if more, ok := dependent[name].([]any); ok {
			required = append(slices.Clip(required), more...)
		}
	}
	for _, name := range required {
		if _, ok := v[name.(string)]; !ok {
			good = c.fault(at, "the member %s is missing", name)
		}
	}
	properties, _ := m["properties"].(map[string]any)
	patterns, _ := m["patternProperties"].(map[string]any)
	more, hasMore := m["additionalProperties"]
	names, hasNames := m["propertyNames"]
	for _, name := range slices.Sorted(maps.Keys(v)) {
		where := at + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
		sub, known := properties[name]
		if known {
			good = c.value(sub, v[name], where, depth+1) && good
		}
		for p, sub := range patterns {
			if c.s.patterns[p].MatchString(name) {
				known = true
				good = c.value(sub, v[name], where, depth+1) && good
			}
		}
		if !known && hasMore {
			good = c.value(more, v[name], where, depth+1) && good
		}
		if hasNames {
			good = c.value(names, name, where, depth+1) && good
		}
		if sub, ok := schemas[name]; ok {
			good = c.value(sub, v, at, depth+1) && good
		}
	}
	return good
}

func typeOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case json.Number:
		if r := number(v); r != nil && r.IsInt() {
			return "integer"
		}
		return "number"
	case string:
		return "string"
	case []any:
		return "array"
	}
	return "object"
}

func isType(v any, want string) bool {
	t := typeOf(v)
	return t == want || want == "number" && t == "integer"
}

func wordsOf(t any) string {
	var out []string
	for _, w := range listOf(t) {
		out = append(out, w.(string))
	}
	return strings.Join(out, " or ")
}

// equal compares JSON values: numbers by what they are, not how they look.
func equal(a, b any) bool {
	switch x := a.(type) {
	case json.Number:
		y, ok := b.(json.Number)
		if !ok {
			return false
		}
		m, n := number(x), number(y)
		return x == y || m != nil && n != nil && m.Cmp(n) == 0
	case []any:
		y, ok := b.([]any)
		return ok && slices.EqualFunc(x, y, equal)
	case map[string]any:
		y, ok := b.(map[string]any)
		return ok && maps.EqualFunc(x, y, equal)
	}
	return a == b
}
