package emptest

import "lander/lib/emp/frame"

// Dialect is how one of the original's programs speaks. The clauses are those
// of the protocol's description.
type Dialect struct {
	Name string
	// IDs is how many request ids it uses, lowest free first [EMP 2.1].
	IDs int
	// NoPayload: what has nothing to say is sent as no payload at all, not as
	// null [EMP 2].
	NoPayload bool
	// ListForEmptyMap: an empty map is written `[]` [EMP 2.2].
	ListForEmptyMap bool
	// DropsNulls: trailing nulls of lists are not written [EMP 2.2].
	DropsNulls bool
	// BareStatus: responses are the two bytes of the status alone [EMP 3].
	BareStatus bool
	// AlwaysOK: whatever the handler says, the status is 0 [EMP 3].
	AlwaysOK bool
	// SilentUnhandled: a command without handler gets no response [EMP 3].
	SilentUnhandled bool
	// MatchesID: a response is recognised by its id alone, not by command and
	// id [EMP 2].
	MatchesID bool
}

// Lua is the Lua client library.
func Lua() Dialect {
	return Dialect{Name: "lua", IDs: 256, ListForEmptyMap: true, DropsNulls: true}
}

// C is the C client library as of 2014.
func C() Dialect {
	return Dialect{Name: "c", IDs: 64, NoPayload: true, BareStatus: true, AlwaysOK: true,
		SilentUnhandled: true, MatchesID: true}
}

// OriginalAgent is the original's agent.
func OriginalAgent() Dialect {
	return Dialect{Name: "agent", IDs: 256, ListForEmptyMap: true, DropsNulls: true}
}

// encode writes v as the dialect does.
func (d Dialect) encode(v frame.Value) []byte {
	if v.IsNull() && d.NoPayload {
		return nil
	}
	return d.shape(v).Append(nil)
}

func (d Dialect) shape(v frame.Value) frame.Value {
	switch v.Kind() {
	case frame.KindMap:
		if v.Len() == 0 && d.ListForEmptyMap {
			return frame.List()
		}
		ms := make([]frame.Member, 0, v.Len())
		for _, m := range v.Members() {
			ms = append(ms, frame.Member{Key: m.Key, Value: d.shape(m.Value)})
		}
		return frame.Map(ms...)
	case frame.KindList:
		vs := make([]frame.Value, 0, v.Len())
		for _, e := range v.Elems() {
			vs = append(vs, d.shape(e))
		}
		for d.DropsNulls && len(vs) > 0 && vs[len(vs)-1].IsNull() {
			vs = vs[:len(vs)-1]
		}
		return frame.List(vs...)
	}
	return v
}
