package frame

import "slices"

// GetVariable asks for variables [EMP 4, 9]. Many tells the list form, which
// is answered by a map of values, from the single path.
type GetVariable struct {
	Many  bool
	Paths []string // one when not Many
}

// Append implements Payload.
func (p GetVariable) Append(dst []byte) []byte {
	if p.Many {
		return Strings(p.Paths).Append(dst)
	}
	path := ""
	if len(p.Paths) > 0 {
		path = p.Paths[0]
	}
	return AppendString(dst, path)
}

// ParseGetVariable reads the payload of CmdGetVariable. The hot path is
// PlainString.
func ParseGetVariable(b []byte) (GetVariable, error) {
	v, err := ParseValue(b)
	if err != nil {
		return GetVariable{}, err
	}
	if s, ok := v.Str(); ok {
		return GetVariable{Paths: []string{s}}, nil
	}
	if v.Kind() != KindList && (v.Kind() != KindMap || v.Len() > 0) {
		return GetVariable{}, badf("path is %s, a string or a list of them is wanted", v.Kind().some())
	}
	paths, err := paths(v, "path")
	if err != nil {
		return GetVariable{}, err
	}
	return GetVariable{Many: true, Paths: paths}, nil
}

// paths reads a list of strings or one plain string; null is none.
func paths(v Value, what string) ([]string, error) {
	if s, ok := v.Str(); ok {
		return []string{s}, nil
	}
	if v.Scalar() && !v.IsNull() || v.Kind() == KindMap && v.Len() > 0 {
		return nil, badf("%s is %s, a list of strings is wanted", what, v.Kind().some())
	}
	var out []string
	for _, e := range v.Elems() {
		s, ok := e.Str()
		if !ok {
			return nil, badf("%s is %s, a string is wanted", what, e.Kind().some())
		}
		out = append(out, s)
	}
	return out, nil
}

// Variables is the body of the response to GetVariable: the value, or the map
// of values when many were asked for, and the absolute paths of the direct
// children. A leaf is sent alone, as the original does; everything else is a
// list of two, which C clients need to tell a missing leaf from a null one.
type Variables struct {
	Value    Value
	Children []string
}

// Append implements Payload. A leaf is the list of its value alone, as the
// original agent sends it.
func (p Variables) Append(dst []byte) []byte {
	dst = append(dst, '[')
	dst = p.Value.Append(dst)
	if len(p.Children) == 0 && !p.Value.IsNull() && p.Value.Scalar() {
		return append(dst, ']')
	}
	dst = append(dst, ',')
	dst = Strings(p.Children).Append(dst)
	return append(dst, ']')
}

// ParseVariables reads the body; the one-element list of the original agent
// is taken too.
func ParseVariables(b []byte) (Variables, error) {
	a, err := parseArgs(b, 2)
	if err != nil {
		return Variables{}, err
	}
	// The original puts an error text where the children belong.
	if s, ok := a.at(1).Str(); ok {
		return Variables{}, &Error{StatusNotFound, s}
	}
	kids, err := paths(a.at(1), "child")
	if err != nil {
		return Variables{}, err
	}
	return Variables{a.at(0), kids}, nil
}

// SetVariable sets or, with null, deletes variables [EMP 4, 10]. A map sets
// everything below Path; its keys may have dots; Path may be empty.
type SetVariable struct {
	Path  string
	Value Value
}

// Append implements Payload.
func (p SetVariable) Append(dst []byte) []byte {
	dst = append(dst, '[')
	dst = AppendString(dst, p.Path)
	dst = append(dst, ',')
	dst = p.Value.Append(dst)
	return append(dst, ']')
}

// ParseSetVariable reads the payload of CmdSetVariable: `[path, value]`,
// `[path]` to delete, `[map]` or `[null, map]`.
func ParseSetVariable(b []byte) (SetVariable, error) {
	a, err := parseArgs(b, 2)
	if err != nil {
		return SetVariable{}, err
	}
	if len(a) == 1 && a[0].Kind() == KindMap {
		return SetVariable{Value: a[0]}, nil
	}
	if a.at(0).IsNull() && a.at(1).Kind() == KindMap {
		return SetVariable{Value: a.at(1)}, nil
	}
	path, err := a.needText(0, "path")
	if err != nil {
		return SetVariable{}, err
	}
	return SetVariable{path, a.at(1)}, nil
}

// RegisterVariable asks for notifications [EMP 4, 11]: when one of Watch
// changes, the changes and all of Passive are sent.
type RegisterVariable struct {
	Watch   []string
	Passive []string
}

// Append implements Payload.
func (p RegisterVariable) Append(dst []byte) []byte {
	return List(Strings(p.Watch), Strings(p.Passive)).Append(dst)
}

// ParseRegisterVariable reads the payload of CmdRegisterVariable. Each
// element is a list of strings or one plain string.
func ParseRegisterVariable(b []byte) (RegisterVariable, error) {
	a, err := parseArgs(b, 2)
	if err != nil {
		return RegisterVariable{}, err
	}
	if a.at(0).IsNull() {
		return RegisterVariable{}, badf("no variable to watch")
	}
	watch, err := paths(a.at(0), "watched variable")
	if err != nil {
		return RegisterVariable{}, err
	}
	passive, err := paths(a.at(1), "passive variable")
	if err != nil {
		return RegisterVariable{}, err
	}
	return RegisterVariable{watch, passive}, nil
}

// WatchID is the body of the response to RegisterVariable and the payload of
// DeRegisterVariable [EMP 4, 13]: an opaque string, never empty.
type WatchID string

// Append implements Payload.
func (p WatchID) Append(dst []byte) []byte { return AppendString(dst, string(p)) }

// ParseWatchID reads the payload of CmdDeRegisterVariable, and the body of
// the response to CmdRegisterVariable.
func ParseWatchID(b []byte) (WatchID, error) {
	s, err := parseText(b, "registration id")
	if err == nil && s == "" {
		err = badf("registration id is empty")
	}
	if err != nil {
		return "", err
	}
	return WatchID(s), nil
}

// NotifyVariable says what has changed [EMP 4, 12], by absolute path; null
// for a deleted variable.
type NotifyVariable struct {
	ID      WatchID
	Changes []Member
}

// Append implements Payload.
func (p NotifyVariable) Append(dst []byte) []byte {
	dst = append(dst, '[')
	dst = AppendString(dst, string(p.ID))
	dst = append(dst, ',')
	dst = AppendMembers(dst, p.Changes)
	return append(dst, ']')
}

// ParseNotifyVariable reads the payload of CmdNotifyVariable.
func ParseNotifyVariable(b []byte) (NotifyVariable, error) {
	a, err := parseArgs(b, 2)
	if err != nil {
		return NotifyVariable{}, err
	}
	id, err := a.needText(0, "registration id")
	if err != nil {
		return NotifyVariable{}, err
	}
	m, ok := asMap(a.at(1))
	if !ok {
		return NotifyVariable{}, badf("changes are %s, a map is wanted", a.at(1).Kind().some())
	}
	return NotifyVariable{WatchID(id), slices.Clip(m.Members())}, nil
}
