package sovd

import (
	"bytes"
	"encoding/json"
	"strings"
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

// maxArgument bounds one argument of a program, in bytes with the NUL at its
// end: Linux starts none with a longer one.
const maxArgument = 128 << 10

// arguments turns parameters into the arguments of a program [gateway 7]. What
// is missing gives none; parameters that are no object give none at all. What
// cannot be an argument, a text with a NUL or a very long one, is refused.
func arguments(args []Argument, parameters json.RawMessage) ([]string, error) {
	members := membersOf(parameters)
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
	for _, v := range out {
		if strings.ContainsRune(v, 0) {
			return nil, Errorf(KindParameter, "Parameters for the command line cannot hold a NUL character")
		}
		if len(v) >= maxArgument {
			return nil, Errorf(KindInput, "A parameter exceeds the maximum size of an argument (128 KB)")
		}
	}
	return out, nil
}

// argumentText is a string as it is, and anything else as compact JSON.
func argumentText(v json.RawMessage) string {
	var s string
	if json.Unmarshal(v, &s) == nil && string(v) != "null" {
		return s
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

// checkParameters validates parameters against a schema; no parameters are
// checked as an empty object.
func checkParameters(s *schema, parameters json.RawMessage) error {
	if !given(parameters) {
		parameters = json.RawMessage(`{}`)
	}
	v, err := decodeJSON(parameters)
	if err != nil {
		return Errorf(KindInput, "Invalid JSON body")
	}
	if faults := s.validate(v); faults != nil {
		return Errorf(KindParameter, "Parameters do not match the schema").with(map[string]any{"fields": faults})
	}
	return nil
}
