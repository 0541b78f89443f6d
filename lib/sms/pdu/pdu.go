// Package pdu speaks the bytes of short messages as modems take and give them
// in PDU mode: SMS-SUBMIT and SMS-DELIVER with the service centre's address in
// front [TS 23.040, 9.2], and the codings of their text [TS 23.038].
//
// Append writes the canonical form of what Parse reads: without the service
// centre, status reports, and header elements but that of long messages.
package pdu

import (
	"errors"
	"fmt"
	"strings"
)

// ErrMalformed is wrapped by every error of the parsers.
var ErrMalformed = errors.New("malformed short message")

func bad(what string) error { return fmt.Errorf("%w: %s", ErrMalformed, what) }

// Part says which part of a long message this is.
type Part struct {
	Ref   uint8
	Total uint8 // 0: the message is no part
	N     uint8 // from 1
}

// Unit is the user data of one message.
type Unit struct {
	Coding Coding
	Part   Part
	Data   []byte // of GSM7 one septet a byte
}

// Text is the text of one message.
func (u Unit) Text() string { return Decode(u.Coding, u.Data) }

// room is how much data one message holds, alone or as a part.
func room(c Coding, part bool) int {
	switch {
	case c == GSM7 && part:
		return 153
	case c == GSM7:
		return 160
	case part:
		return 134
	}
	return 140
}

// MaxParts is how many messages a long one may take.
const MaxParts = 255

// Split divides user data into messages, numbered under ref when one does not
// hold it. Characters stay whole.
func Split(c Coding, data []byte, ref uint8) ([]Unit, error) {
	if len(data) <= room(c, false) {
		return []Unit{{Coding: c, Data: data}}, nil
	}
	var out []Unit
	for len(data) > 0 {
		n := min(len(data), room(c, true))
		if n < len(data) {
			switch {
			case c == GSM7 && data[n-1] == escape && (n < 2 || data[n-2] != escape):
				n--
			case c == UCS2 && data[n-2]&0xfc == 0xd8:
				n -= 2 // the first half of a surrogate pair
			}
		}
		out = append(out, Unit{Coding: c, Data: data[:n]})
		data = data[n:]
	}
	if len(out) > MaxParts {
		return nil, fmt.Errorf("the text takes %d messages, more than %d", len(out), MaxParts)
	}
	for i := range out {
		out[i].Part = Part{ref, uint8(len(out)), uint8(i + 1)}
	}
	return out, nil
}

// Submit is a message on its way out.
type Submit struct {
	To string // digits, * and #, with a + in front of an international number
	Unit
}

// Append adds the bytes, which begin with the empty address of the service
// centre; Length does not count that one.
func (m Submit) Append(dst []byte) ([]byte, error) {
	dst = append(dst, 0, 0x01|m.indicator(), 0)
	dst, err := appendNumber(dst, m.To)
	if err != nil {
		return nil, err
	}
	dst = append(dst, 0, byte(m.Coding))
	return m.append(dst), nil
}

// Length is what AT+CMGS announces for the bytes of Append.
func Length(pdu []byte) int { return len(pdu) - 1 }

// ParseSubmit reads what Append writes.
func ParseSubmit(b []byte) (Submit, error) {
	r := &reader{b: b}
	r.take(int(r.byte()))
	first := r.byte()
	if first&3 != 1 {
		return Submit{}, bad("not a SUBMIT")
	}
	r.byte() // reference
	to := r.number()
	r.byte() // protocol
	coding, err := codingOf(r.byte())
	if err != nil {
		return Submit{}, err
	}
	switch first >> 3 & 3 {
	case 2:
		r.take(1) // validity, relative
	case 1, 3:
		r.take(7)
	}
	u, err := r.unit(coding, first&0x40 != 0)
	if err != nil {
		return Submit{}, err
	}
	return Submit{to, u}, nil
}

// Deliver is a message that has come.
type Deliver struct {
	From string  // as Submit.To, or the letters of a named sender
	Time [7]byte // as it stands there: half octets, swapped
	Unit
}

// Append adds the bytes.
func (m Deliver) Append(dst []byte) ([]byte, error) {
	dst = append(dst, 0, 0x04|m.indicator())
	dst, err := appendNumber(dst, m.From)
	if err != nil {
		return nil, err
	}
	dst = append(dst, 0, byte(m.Coding))
	return m.append(append(dst, m.Time[:]...)), nil
}

// ParseDeliver reads a message that has come.
func ParseDeliver(b []byte) (Deliver, error) {
	r := &reader{b: b}
	r.take(int(r.byte()))
	first := r.byte()
	if first&3 != 0 {
		return Deliver{}, bad("not a DELIVER")
	}
	m := Deliver{From: r.number()}
	r.byte() // protocol
	coding, err := codingOf(r.byte())
	if err != nil {
		return Deliver{}, err
	}
	copy(m.Time[:], r.take(7))
	if m.Unit, err = r.unit(coding, first&0x40 != 0); err != nil {
		return Deliver{}, err
	}
	return m, nil
}

// codingOf reads a data coding scheme [TS 23.038, 4].
func codingOf(dcs byte) (Coding, error) {
	switch {
	case dcs&0xc0 == 0 && dcs&0x20 != 0:
		return 0, bad("compressed text")
	case dcs&0xc0 == 0 && dcs&0x0c != 0x0c:
		return Coding(dcs & 0x0c), nil
	case dcs&0xf0 == 0xf0:
		return Coding(dcs & 0x04), nil
	case dcs&0xf0 == 0xc0, dcs&0xf0 == 0xd0:
		return GSM7, nil
	case dcs&0xf0 == 0xe0:
		return UCS2, nil
	}
	return 0, bad("unknown coding")
}

func (u Unit) indicator() byte {
	if u.Part.Total > 0 {
		return 0x40
	}
	return 0
}

// append writes length, header and data.
func (u Unit) append(dst []byte) []byte {
	var header []byte
	if u.Part.Total > 0 {
		header = []byte{5, 0, 3, u.Part.Ref, u.Part.Total, u.Part.N}
	}
	if u.Coding != GSM7 {
		dst = append(dst, byte(len(header)+len(u.Data)))
		return append(append(dst, header...), u.Data...)
	}
	taken := (len(header)*8 + 6) / 7 // septets of the header, filled up
	dst = append(dst, byte(taken+len(u.Data)))
	dst = append(dst, header...)
	return append(dst, pack(u.Data, taken*7-len(header)*8)...)
}

// reader takes bytes off the front; what is not there is zero and makes it
// short.
type reader struct {
	b     []byte
	short bool
}

func (r *reader) take(n int) []byte {
	if n > len(r.b) {
		r.short, r.b = true, nil
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) unit(c Coding, headed bool) (Unit, error) {
	u := Unit{Coding: c}
	n := int(r.byte())
	body := r.b
	var header []byte
	if headed {
		header = append([]byte{}, r.take(1)...)
		if len(header) > 0 {
			header = append(header, r.take(int(header[0]))...)
		}
		if !r.short {
			u.Part = partOf(header[1:])
		}
	}
	if r.short {
		return Unit{}, bad("it ends too early")
	}
	if c != GSM7 {
		if n != len(body) {
			return Unit{}, bad("its length is wrong")
		}
		u.Data = append([]byte{}, r.b...)
		if len(u.Data) > room(c, u.Part.Total > 0) || c == UCS2 && len(u.Data)%2 != 0 {
			return Unit{}, bad("its length is wrong")
		}
		return u, nil
	}
	taken := (len(header)*8 + 6) / 7
	data, ok := unpack(r.b, taken*7-len(header)*8, max(n-taken, 0))
	if !ok || n < taken || len(data) > room(c, u.Part.Total > 0) {
		return Unit{}, bad("its length is wrong")
	}
	u.Data = data
	return u, nil
}

// partOf looks for the element of long messages in a header.
func partOf(h []byte) Part {
	for len(h) >= 2 && len(h) >= 2+int(h[1]) {
		id, e := h[0], h[2:2+h[1]]
		h = h[2+h[1]:]
		p := Part{}
		switch {
		case id == 0 && len(e) == 3:
			p = Part{e[0], e[1], e[2]}
		case id == 8 && len(e) == 4:
			p = Part{e[1], e[2], e[3]}
		}
		if p.N >= 1 && p.N <= p.Total {
			return p
		}
	}
	return Part{}
}

const digits = "0123456789*#abc"

// CheckNumber refuses what is no telephone number.
func CheckNumber(s string) error {
	number := strings.TrimPrefix(s, "+")
	if number == "" || len(number) > 20 || strings.Trim(number, "0123456789*#") != "" {
		return fmt.Errorf("%.40q is no telephone number", s)
	}
	return nil
}

// appendNumber writes length, type and swapped half octets; anything that is
// no number is a named sender.
func appendNumber(dst []byte, s string) ([]byte, error) {
	if CheckNumber(s) != nil {
		name, err := Encode(GSM7, s)
		if err != nil || len(name) == 0 || len(name) > 11 {
			return nil, fmt.Errorf("%.40q is no telephone number", s)
		}
		packed := pack(name, 0)
		return append(append(dst, byte((len(name)*7+3)/4), 0xd0), packed...), nil
	}
	kind := byte(0x81)
	number := s
	if number[0] == '+' {
		kind, number = 0x91, number[1:]
	}
	dst = append(dst, byte(len(number)), kind)
	for i := 0; i < len(number); i += 2 {
		b := byte(strings.IndexByte(digits, number[i])) | 0xf0
		if i+1 < len(number) {
			b = b&0x0f | byte(strings.IndexByte(digits, number[i+1]))<<4
		}
		dst = append(dst, b)
	}
	return dst, nil
}

func (r *reader) number() string {
	n := int(r.byte())
	kind := r.byte()
	octets := r.take((n + 1) / 2)
	if r.short {
		return ""
	}
	if kind&0x70 == 0x50 {
		name, ok := unpack(octets, 0, n*4/7)
		if !ok {
			name = nil
		}
		return Decode(GSM7, name)
	}
	var b strings.Builder
	if kind&0x70 == 0x10 {
		b.WriteByte('+')
	}
	for i := range n {
		d := octets[i/2] >> (i % 2 * 4) & 0x0f
		if int(d) < len(digits) {
			b.WriteByte(digits[d])
		}
	}
	return b.String()
}
