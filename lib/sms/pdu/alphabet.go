package pdu

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Coding is how the user data of a message is coded [TS 23.038, 4].
type Coding uint8

// The codings, by the number in the data coding scheme.
const (
	GSM7   Coding = 0 // septets of the default alphabet
	Octets Coding = 4
	UCS2   Coding = 8
)

// basic is the GSM default alphabet; escape stands at its own place.
var basic = []rune("@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà")

const escape = 0x1b

// extension is what follows an escape.
var extension = map[byte]rune{0x0a: '\f', 0x14: '^', 0x28: '{', 0x29: '}', 0x2f: '\\', 0x3c: '[', 0x3d: '~', 0x3e: ']', 0x40: '|', 0x65: '€'}

// Encode makes user data of text: one septet a byte for GSM7. The error names
// the first character that has no place in the coding.
func Encode(c Coding, text string) ([]byte, error) {
	switch c {
	case Octets:
		return []byte(text), nil
	case UCS2:
		if !utf8.ValidString(text) {
			return nil, errors.New("the text is not UTF-8")
		}
		out := make([]byte, 0, 2*len(text))
		for _, u := range utf16.Encode([]rune(text)) {
			out = append(out, byte(u>>8), byte(u))
		}
		return out, nil
	case GSM7:
		out := make([]byte, 0, len(text))
		for _, r := range text {
			septets := septetsOf(r)
			if septets == nil {
				return nil, fmt.Errorf("the 7 bit alphabet has no %q", r)
			}
			out = append(out, septets...)
		}
		return out, nil
	}
	return nil, fmt.Errorf("no such coding: %d", c)
}

func septetsOf(r rune) []byte {
	for i, b := range basic {
		if b == r && i != escape {
			return []byte{byte(i)}
		}
	}
	for b, e := range extension {
		if e == r {
			return []byte{escape, b}
		}
	}
	return nil
}

// Decode makes text of user data. Octets that are not UTF-8 become the
// characters of their numbers; what no character stands for becomes U+FFFD.
func Decode(c Coding, data []byte) string {
	var b strings.Builder
	switch c {
	case UCS2:
		units := make([]uint16, len(data)/2)
		for i := range units {
			units[i] = uint16(data[2*i])<<8 | uint16(data[2*i+1])
		}
		return string(utf16.Decode(units))
	case Octets:
		if utf8.Valid(data) {
			return string(data)
		}
		for _, o := range data {
			b.WriteRune(rune(o))
		}
	default:
		for i := 0; i < len(data); i++ {
			switch s := data[i] & 0x7f; {
			case s != escape:
				b.WriteRune(basic[s])
			case i+1 < len(data):
				i++
				r, ok := extension[data[i]&0x7f]
				if !ok {
					r = basic[data[i]&0x7f] // what a phone without it shows
				}
				b.WriteRune(r)
			}
		}
	}
	return b.String()
}

// pack puts septets into octets, behind a number of fill bits.
func pack(septets []byte, fill int) []byte {
	out := make([]byte, (len(septets)*7+fill+7)/8)
	at := fill
	for _, s := range septets {
		out[at/8] |= s << (at % 8)
		if at%8 > 1 {
			out[at/8+1] |= s >> (8 - at%8)
		}
		at += 7
	}
	return out
}

// unpack takes n septets out of octets; false when there are not so many.
func unpack(octets []byte, fill, n int) ([]byte, bool) {
	if len(octets) != (n*7+fill+7)/8 {
		return nil, false
	}
	out := make([]byte, n)
	at := fill
	for i := range out {
		s := octets[at/8] >> (at % 8)
		if at%8 > 1 {
			s |= octets[at/8+1] << (8 - at%8)
		}
		out[i] = s & 0x7f
		at += 7
	}
	return out, true
}
