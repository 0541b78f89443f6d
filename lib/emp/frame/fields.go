package frame

import "slices"

// Payload is the typed content of a command or of the body of its response.
type Payload interface {
	// Append adds the JSON text in canonical form.
	Append(dst []byte) []byte
}

// Nothing is the payload of a command that has none, and the body of most
// responses: null.
type Nothing struct{}

// Append implements Payload.
func (Nothing) Append(dst []byte) []byte { return append(dst, "null"...) }

// ParseNothing takes an empty payload, null, and the empty list or map.
func ParseNothing(b []byte) (Nothing, error) {
	v, err := ParseValue(b)
	if err != nil {
		return Nothing{}, err
	}
	if !v.IsNull() && (v.Scalar() || v.Len() > 0) {
		return Nothing{}, badf("no payload wanted, got %s", v.Kind().some())
	}
	return Nothing{}, nil
}

// args are the elements of a list payload. Lists may be shorter than
// documented, because the original's encoder drops trailing nulls; what is
// missing is null [EMP 2.2].
type args []Value

// parseArgs reads a list of at most n elements, not counting trailing nulls.
func parseArgs(b []byte, n int) (args, error) {
	v, err := ParseValue(b)
	if err != nil {
		return nil, err
	}
	if v.Kind() != KindList {
		return nil, badf("a list is wanted, got %s", v.Kind().some())
	}
	es := v.Elems()
	for len(es) > 0 && es[len(es)-1].IsNull() {
		es = es[:len(es)-1]
	}
	if len(es) > n {
		return nil, badf("a list of at most %d elements is wanted, got %d", n, len(es))
	}
	return es, nil
}

func (a args) at(i int) Value {
	if i < len(a) {
		return a[i]
	}
	return Value{}
}

// text is element i as a string; null and missing are "".
func (a args) text(i int, what string) (string, error) {
	v := a.at(i)
	if s, ok := v.Str(); ok || v.IsNull() {
		return s, nil
	}
	return "", badf("%s is %s, a string is wanted", what, v.Kind().some())
}

// needText is text that refuses null and missing.
func (a args) needText(i int, what string) (string, error) {
	if a.at(i).IsNull() {
		return "", badf("%s is missing", what)
	}
	return a.text(i, what)
}

// needInt is element i as an integer.
func (a args) needInt(i int, what string) (int64, error) {
	v := a.at(i)
	if v.IsNull() {
		return 0, badf("%s is missing", what)
	}
	n, ok := v.Int()
	if !ok {
		return 0, badf("%s is no integer", what)
	}
	return n, nil
}

// fields reads the members of a map payload. The first fault is kept in err,
// so that a parser can ask for all its fields and look once.
type fields struct {
	v   Value
	err error
}

// parseFields reads a map; `[]` and null are the empty one [EMP 2.2].
func parseFields(b []byte) *fields {
	v, err := ParseValue(b)
	if err != nil {
		return &fields{err: err}
	}
	return fieldsOf(v, "payload")
}

func fieldsOf(v Value, what string) *fields {
	m, ok := asMap(v)
	if !ok {
		return &fields{err: badf("%s is %s, a map is wanted", what, v.Kind().some())}
	}
	return &fields{v: m}
}

// asMap takes a map, and the other spellings of an empty one.
func asMap(v Value) (Value, bool) {
	switch {
	case v.Kind() == KindMap:
		return v, true
	case v.IsNull(), v.Kind() == KindList && v.Len() == 0:
		return Map(), true
	}
	return Value{}, false
}

func (f *fields) fail(format string, a ...any) {
	if f.err == nil {
		f.err = badf(format, a...)
	}
}

// get is the first of the keys that is there and not null.
func (f *fields) get(keys ...string) Value {
	for _, k := range keys {
		if v, ok := f.v.Get(k); ok && !v.IsNull() {
			return v
		}
	}
	return Value{}
}

// text is a string, or missing when no key is there.
func (f *fields) text(missing string, keys ...string) string {
	v := f.get(keys...)
	if v.IsNull() {
		return missing
	}
	s, ok := v.Str()
	if !ok {
		f.fail("%s is %s, a string is wanted", keys[0], v.Kind().some())
	}
	return s
}

func (f *fields) needText(keys ...string) string {
	s := f.text("", keys...)
	if s == "" {
		f.fail("%s is missing", keys[0])
	}
	return s
}

// number is an integer, 0 when missing.
func (f *fields) number(keys ...string) int64 {
	v := f.get(keys...)
	if v.IsNull() {
		return 0
	}
	n, ok := v.Int()
	if !ok {
		f.fail("%s is no integer", keys[0])
	}
	return n
}

// flag is a boolean; C clients send 0 and 1 [EMP 4, PAcknowledge].
func (f *fields) flag(missing bool, key string) bool {
	v := f.get(key)
	if v.IsNull() {
		return missing
	}
	if b, ok := v.Bool(); ok {
		return b
	}
	n, ok := v.Int()
	if !ok || n != 0 && n != 1 {
		f.fail("%s is no boolean", key)
	}
	return n == 1
}

// dict is a map, empty when missing.
func (f *fields) dict(keys ...string) Value {
	v := f.get(keys...)
	m, ok := asMap(v)
	if !ok {
		f.fail("%s is %s, a map is wanted", keys[0], v.Kind().some())
	}
	return m
}

func (f *fields) oneOf(key, s string, words ...string) {
	if !slices.Contains(words, s) {
		f.fail("no such %s: %q", key, s)
	}
}

// object writes a map.
type object struct {
	b []byte
	n int
}

func newObject(dst []byte) *object { return &object{b: append(dst, '{')} }

func (o *object) key(k string) {
	if o.n > 0 {
		o.b = append(o.b, ',')
	}
	o.n++
	o.b = AppendString(o.b, k)
	o.b = append(o.b, ':')
}

// value writes v under each of the keys.
func (o *object) value(v Value, keys ...string) *object {
	for _, k := range keys {
		o.key(k)
		o.b = v.Append(o.b)
	}
	return o
}

//go:noinline // many call it, none in a hurry: each copy is size
func (o *object) text(s string, keys ...string) *object { return o.value(String(s), keys...) }

// opt is text that leaves "" out.
func (o *object) opt(s string, keys ...string) *object {
	if s == "" {
		return o
	}
	return o.text(s, keys...)
}

func (o *object) number(n int64, keys ...string) *object { return o.value(Int(n), keys...) }

func (o *object) flag(b bool, keys ...string) *object { return o.value(Bool(b), keys...) }

func (o *object) end() []byte { return append(o.b, '}') }
