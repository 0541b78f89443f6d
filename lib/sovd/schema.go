package sovd

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"regexp"
	"slices"
	"strings"
)

// schema is a JSON schema of draft 2020-12, read once and validated against
// often. References stay within it; keywords that it does not know are
// annotations, except those of which ignoring would let things pass: they are
// refused.
type schema struct {
	root     any
	patterns map[string]*regexp.Regexp
}

// errSchema is wrapped by what is wrong with a schema.
var errSchema = errors.New("json schema")

// maxSchemaDepth bounds how deep a schema nests, and how often one leads to
// another for the same value.
const maxSchemaDepth = 64

// decodeJSON reads one value and keeps numbers as they are written.
func decodeJSON(b []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one value")
	}
	return v, nil
}

func compileSchema(text json.RawMessage) (*schema, error) {
	v, err := decodeJSON(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errSchema, err)
	}
	s := &schema{root: v, patterns: map[string]*regexp.Regexp{}}
	if err := s.check(v, "#", 0); err != nil {
		return nil, fmt.Errorf("%w: %w", errSchema, err)
	}
	return s, nil
}

// The keywords by the form of their value.
var (
	schemaKeywords = []string{"additionalProperties", "contains", "else", "if", "items", "not", "propertyNames", "then"}
	mapKeywords    = []string{"$defs", "definitions", "dependentSchemas", "patternProperties", "properties"}
	listKeywords   = []string{"allOf", "anyOf", "oneOf", "prefixItems"}
	countKeywords  = []string{"maxContains", "maxItems", "maxLength", "maxProperties", "minContains", "minItems", "minLength", "minProperties"}
	numberKeywords = []string{"exclusiveMaximum", "exclusiveMinimum", "maximum", "minimum", "multipleOf"}
	refusedWords   = []string{"$dynamicRef", "$recursiveRef", "unevaluatedItems", "unevaluatedProperties"}
	typeWords      = []string{"array", "boolean", "integer", "null", "number", "object", "string"}
)

// check looks at every keyword of a schema, so that validation meets no
// surprise.
func (s *schema) check(v any, at string, depth int) error {
	if depth > maxSchemaDepth {
		return fmt.Errorf("%s: it nests too deep", at)
	}
	if _, ok := v.(bool); ok {
		return nil
	}
	m, ok := v.(map[string]any)
	if !ok {
		return fmt.Errorf("%s is no schema", at)
	}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if err := s.checkKeyword(k, m[k], at+"/"+k, depth); err != nil {
			return err
		}
	}
	return nil
}

func (s *schema) checkKeyword(k string, v any, at string, depth int) error {
	bad := fmt.Errorf("%s has the wrong form", at)
	switch {
	case slices.Contains(refusedWords, k):
		return fmt.Errorf("%s is not supported", at)
	case slices.Contains(schemaKeywords, k):
		return s.check(v, at, depth+1)
	case slices.Contains(mapKeywords, k):
		m, ok := v.(map[string]any)
		if !ok {
			return bad
		}
		for name, sub := range m {
			if k == "patternProperties" && s.pattern(name) != nil {
				return fmt.Errorf("%s: %q is no pattern", at, name)
			}
			if err := s.check(sub, at+"/"+name, depth+1); err != nil {
				return err
			}
		}
	case slices.Contains(listKeywords, k):
		list, ok := v.([]any)
		if !ok || len(list) == 0 {
			return bad
		}
		for i, sub := range list {
			if err := s.check(sub, fmt.Sprintf("%s/%d", at, i), depth+1); err != nil {
				return err
			}
		}
	case slices.Contains(countKeywords, k):
		if r := number(v); r == nil || !r.IsInt() || r.Sign() < 0 || !r.Num().IsInt64() {
			return bad
		}
	case slices.Contains(numberKeywords, k):
		if r := number(v); r == nil || k == "multipleOf" && r.Sign() <= 0 {
			return bad
		}
	case k == "type":
		for _, w := range listOf(v) {
			if t, ok := w.(string); !ok || !slices.Contains(typeWords, t) {
				return bad
			}
		}
	case k == "enum":
		if _, ok := v.([]any); !ok {
			return bad
		}
	case k == "required":
		return checkNames(v, bad)
	case k == "dependentRequired":
		m, ok := v.(map[string]any)
		if !ok {
			return bad
		}
		for _, names := range m {
			if err := checkNames(names, bad); err != nil {
				return err
			}
		}
	case k == "uniqueItems":
		if _, ok := v.(bool); !ok {
			return bad
		}
	case k == "pattern":
		if text, ok := v.(string); !ok || s.pattern(text) != nil {
			return bad
		}
	case k == "$ref":
		text, ok := v.(string)
		if !ok {
			return bad
		}
		if _, err := s.resolve(text); err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
	}
	return nil
}

func checkNames(v any, bad error) error {
	list, ok := v.([]any)
	for _, n := range list {
		if _, text := n.(string); !text {
			return bad
		}
	}
	if !ok {
		return bad
	}
	return nil
}

// listOf is a list, or the one value in place of it.
func listOf(v any) []any {
	if list, ok := v.([]any); ok {
		return list
	}
	return []any{v}
}

// pattern compiles a pattern once. Its engine takes linear time.
func (s *schema) pattern(text string) error {
	if s.patterns[text] != nil {
		return nil
	}
	p, err := regexp.Compile(text)
	if err == nil {
		s.patterns[text] = p
	}
	return err
}

// resolve follows a reference within the document.
func (s *schema) resolve(ref string) (any, error) {
	path, ok := strings.CutPrefix(ref, "#")
	if !ok || path != "" && path[0] != '/' {
		return nil, fmt.Errorf("the reference %q leads out of the schema", ref)
	}
	at := s.root
	if path == "" {
		return at, nil
	}
	for word := range strings.SplitSeq(path[1:], "/") {
		word = strings.NewReplacer("~1", "/", "~0", "~").Replace(word)
		switch v := at.(type) {
		case map[string]any:
			at, ok = v[word]
		case []any:
			i := -1
			fmt.Sscanf(word, "%d", &i)
			if ok = i >= 0 && i < len(v); ok {
				at = v[i]
			}
		default:
			ok = false
		}
		if !ok {
			return nil, fmt.Errorf("the reference %q leads nowhere", ref)
		}
	}
	switch at.(type) {
	case map[string]any, bool:
		return at, nil
	}
	return nil, fmt.Errorf("the reference %q leads to no schema", ref)
}

// number reads a number exactly; nil when it is none, or beyond reason.
func number(v any) *big.Rat {
	n, ok := v.(json.Number)
	if !ok || len(n) > 400 {
		return nil
	}
	if _, exp, found := strings.Cut(strings.ToLower(string(n)), "e"); found {
		e := 0
		if _, err := fmt.Sscanf(exp, "%d", &e); err != nil || e > 400 || e < -400 {
			return nil
		}
	}
	r, ok := new(big.Rat).SetString(string(n))
	if !ok {
		return nil
	}
	return r
}
