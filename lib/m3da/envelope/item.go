package envelope

import "lander/lib/m3da/bysant"

// Item is one part of a payload: a Message, a Response or, under security, an
// inner Envelope.
type Item interface {
	Append(dst []byte) []byte
}

// Message is data or a command: what is below Path.
type Message struct {
	Path   string
	Ticket bysant.Value // null or 0: nobody waits for a Response
	Body   bysant.Value // a map, a list, or null
}

// Response ends a Message that had a ticket. Status 0 is success.
type Response struct {
	Ticket bysant.Value
	Status int64
	Data   bysant.Value // a text, mostly
}

// Append writes a message. A body that is neither list nor map is written as
// a list of one.
func (m Message) Append(dst []byte) []byte {
	body := m.Body
	if !bysant.Fits(bysant.Listmap, body) {
		body = bysant.OfList(body)
	}
	return bysant.Append(dst, bysant.OfObject(bysant.Message, bysant.OfString(m.Path), m.Ticket, body))
}

// Append writes a response.
func (r Response) Append(dst []byte) []byte {
	return bysant.Append(dst, bysant.OfObject(bysant.Response, r.Ticket, bysant.OfInt(r.Status), r.Data))
}

// ParseItems reads a whole payload. The strings of the items are parts of it.
func ParseItems(payload string) (items []Item, err error) {
	for payload != "" {
		v, rest, err := bysant.ParseString(bysant.Global, payload)
		if err != nil {
			return nil, err
		}
		item, err := itemOf(v)
		if err != nil {
			return nil, err
		}
		items, payload = append(items, item), rest
	}
	return items, nil
}

func itemOf(v bysant.Value) (Item, error) {
	class, f, ok := v.Object()
	if !ok {
		return nil, malformed("a payload with a %s in it", v.Kind())
	}
	switch class {
	case bysant.Envelope:
		return of(v)
	case bysant.Message:
		path, ok := f[0].Str()
		if !ok {
			if n, isInt := f[0].Int(); isInt {
				return nil, malformed("the path is %d", n)
			}
		}
		return Message{Path: path, Ticket: f[1], Body: f[2]}, nil
	case bysant.Response:
		status, ok := f[1].Int()
		if !ok && !f[1].IsNull() {
			return nil, malformed("a status that is no integer")
		}
		return Response{Ticket: f[0], Status: status, Data: f[2]}, nil
	}
	return nil, malformed("a payload with a vector in it")
}
