package sovd

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// The types of Argument.
const (
	argPositional = "positional"
	argNamed      = "named"
	argFlag       = "flag"
)

// MaxStdin bounds the parameters that a script gets on its standard input, in
// bytes of compact JSON.
const MaxStdin = 64 << 10

// arguments turns parameters into the arguments of a program [gateway 7]. What
// is missing gives none; parameters that are no object give none at all.
func arguments(args []Argument, parameters json.RawMessage) []string {
	var members map[string]json.RawMessage
	if json.Unmarshal(parameters, &members) != nil {
		return nil
	}
	var out []string
	for _, a := range args {
		v, ok := members[a.Name]
		if !ok {
			continue
		}
		typ := a.Type
		if typ != argPositional && typ != argNamed && typ != argFlag && a.Flag != "" {
			typ = argNamed
		}
		switch {
		case typ == argPositional:
			out = append(out, argumentText(v))
		case typ == argNamed && a.Flag != "":
			out = append(out, a.Flag, argumentText(v))
		case typ == argFlag && a.Flag != "" && string(v) != "false":
			out = append(out, a.Flag)
		}
	}
	return out
}

// argumentText is a string as it is, and anything else as compact JSON. A
// program's argument has no NUL.
func argumentText(v json.RawMessage) string {
	var s string
	if json.Unmarshal(v, &s) == nil && string(v) != "null" {
		return strings.ReplaceAll(s, "\x00", "")
	}
	return string(compact(v))
}

func compact(v json.RawMessage) []byte {
	var b bytes.Buffer
	if json.Compact(&b, v) != nil {
		return v
	}
	return b.Bytes()
}

// given reports whether there are parameters: null is none.
func given(parameters json.RawMessage) bool {
	t := bytes.TrimSpace(parameters)
	return len(t) > 0 && string(t) != "null"
}

// noLoader keeps schemas from reading files or the net.
type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("%s: references to other documents are not followed", url)
}

// compileSchema prepares a JSON schema.
func compileSchema(schema json.RawMessage) (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(noLoader{})
	if err := c.AddResource("schema.json", doc); err != nil {
		return nil, err
	}
	return c.Compile("schema.json")
}

// checkParameters validates parameters against a schema; no parameters are
// checked as an empty object.
func checkParameters(s *jsonschema.Schema, parameters json.RawMessage) error {
	if !given(parameters) {
		parameters = json.RawMessage(`{}`)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(parameters))
	if err != nil {
		return Errorf(KindInput, "Invalid JSON body")
	}
	err = s.Validate(v)
	if ve, ok := errors.AsType[*jsonschema.ValidationError](err); ok {
		return Errorf(KindParameter, "Parameters do not match the schema").with(map[string]any{"fields": fields(ve)})
	}
	if err != nil {
		return fmt.Errorf("checking parameters: %w", err)
	}
	return nil
}

// fields lists what the validator found, without the frames around it.
func fields(e *jsonschema.ValidationError) []map[string]string {
	out := []map[string]string{}
	for _, u := range e.BasicOutput().Errors {
		if u.Error != nil && len(out) < 20 {
			out = append(out, map[string]string{"field": u.InstanceLocation, "message": u.Error.String()})
		}
	}
	return out
}
