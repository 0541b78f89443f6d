package sovd

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Schemas and values: each pair is judged by another implementation too.
var schemasForTest = []string{
	`true`, `false`, `{}`,
	`{"type":"integer","minimum":1,"maximum":10}`, `{"type":["string","null"]}`, `{"type":"number","multipleOf":0.1}`,
	`{"exclusiveMinimum":1,"exclusiveMaximum":3}`, `{"enum":[1,"a",null,{"x":[1.0]}]}`, `{"const":{"a":1}}`,
	`{"type":"string","minLength":2,"maxLength":3,"pattern":"^a"}`,
	`{"type":"array","items":{"type":"integer"},"minItems":1,"maxItems":3,"uniqueItems":true}`,
	`{"prefixItems":[{"type":"string"}],"items":false}`, `{"contains":{"type":"string"},"minContains":2,"maxContains":2}`,
	`{"properties":{"a":{"type":"integer"}},"required":["a"],"additionalProperties":false}`,
	`{"patternProperties":{"^x":{"type":"string"}},"additionalProperties":{"type":"integer"},"minProperties":1,"maxProperties":2}`,
	`{"propertyNames":{"pattern":"^[a-z]+$"}}`, `{"dependentRequired":{"a":["b"]}}`, `{"dependentSchemas":{"a":{"required":["x1"]}}}`,
	`{"anyOf":[{"type":"string"},{"minimum":5}]}`, `{"oneOf":[{"type":"integer"},{"minimum":2}]}`, `{"allOf":[{"type":"object"},{"required":["a"]}]}`,
	`{"not":{"type":"string"}}`, `{"if":{"type":"string"},"then":{"minLength":3},"else":{"type":"object"}}`,
	`{"$defs":{"n":{"type":"integer"}},"properties":{"a":{"$ref":"#/$defs/n"}}}`,
	`{"properties":{"a":{"$ref":"#"},"b":{"type":"integer"}}}`, `{"format":"email","title":"x","default":1}`,
}

var valuesForTest = []string{
	`null`, `true`, `0`, `1`, `1.0`, `2`, `2.5`, `0.3`, `10`, `11`, `1e2`, `-0`, `12345678901234567890`,
	`""`, `"a"`, `"ab"`, `"abcd"`, `"éa"`, `"ba"`,
	`[]`, `[1]`, `[1,1.0]`, `[1,2,3,4]`, `["a"]`, `["a",1]`, `["a","b"]`, `["a","b","c"]`, `[null]`,
	`{}`, `{"a":1}`, `{"a":"x"}`, `{"a":1,"b":2}`, `{"x1":"s","n":1}`, `{"x1":1}`, `{"A":1}`, `{"a":{"a":{"b":"x"}}}`, `{"a":{"a":{"b":1}}}`, `{"x":[1]}`, `{"a":1,"x1":"s"}`,
}

func oracle(t testing.TB, schema string) *jsonschema.Schema {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader([]byte(schema)))
	if err != nil {
		return nil
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("mem:///s.json", doc); err != nil {
		return nil
	}
	s, err := c.Compile("mem:///s.json")
	if err != nil {
		return nil
	}
	return s
}

func TestSchemaAgainstAnother(t *testing.T) {
	for _, text := range schemasForTest {
		ours, err := compileSchema(json.RawMessage(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		theirs := oracle(t, text)
		if theirs == nil {
			t.Fatalf("%s is no schema", text)
		}
		for _, v := range valuesForTest {
			mine, err := decodeJSON([]byte(v))
			if err != nil {
				t.Fatal(err)
			}
			other, _ := jsonschema.UnmarshalJSON(bytes.NewReader([]byte(v)))
			if got, want := ours.validate(mine) == nil, theirs.Validate(other) == nil; got != want {
				t.Errorf("%s against %s: %v, want %v", v, text, got, want)
			}
		}
	}
}

func TestSchemaRefusals(t *testing.T) {
	for _, text := range []string{
		``, `1`, `[]`, `{"type":"nonsense"}`, `{"type":1}`, `{"properties":[]}`, `{"properties":{"a":1}}`, `{"required":"a"}`, `{"required":[1]}`,
		`{"minimum":"1"}`, `{"multipleOf":0}`, `{"minLength":-1}`, `{"minLength":1.5}`, `{"pattern":"("}`, `{"patternProperties":{"(":true}}`, `{"anyOf":[]}`,
		`{"$ref":"http://example.org/x"}`, `{"$ref":"file:///etc/passwd"}`, `{"$ref":"#/$defs/none"}`, `{"$ref":"#x"}`, `{"enum":1}`, `{"uniqueItems":1}`,
		`{"unevaluatedProperties":false}`, `{"$dynamicRef":"#x"}`, `{"maximum":1e999999999}`, `{} {}`,
	} {
		if _, err := compileSchema(json.RawMessage(text)); err == nil {
			t.Errorf("%s is accepted", text)
		}
	}
	// References that lead in a circle end.
	s, err := compileSchema(json.RawMessage(`{"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	if s.validate(nil) == nil {
		t.Error("a circle validates")
	}
}

func FuzzSchema(f *testing.F) {
	for i, s := range schemasForTest {
		f.Add(s, valuesForTest[i%len(valuesForTest)])
	}
	f.Fuzz(func(t *testing.T, schema, value string) {
		s, err := compileSchema(json.RawMessage(schema))
		if err != nil {
			if s != nil {
				t.Error("an error and a schema")
			}
			return
		}
		v, err := decodeJSON([]byte(value))
		if err != nil {
			return
		}
		first := s.validate(v)
		if len(first) > maxFaults {
			t.Errorf("%d faults", len(first))
		}
		if (first == nil) != (s.validate(v) == nil) {
			t.Error("the second verdict is another one")
		}
	})
}
