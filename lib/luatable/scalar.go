package luatable

import (
	"strconv"
	"strings"
)

// maxNumber bounds the text of a number.
const maxNumber = 64

// number reads an integer or a float, decimal or hexadecimal.
func (p *parser) number() (any, error) {
	end := p.at
	for end < len(p.s) && end-p.at <= maxNumber {
		c := p.s[end]
		exponent := end > p.at && (p.s[end-1]|0x20 == 'e') && !strings.ContainsAny(p.s[p.at:end], "xX")
		if !isLetter(c) && !isDigit(c) && c != '.' && !((c == '-' || c == '+') && (end == p.at && c == '-' || exponent)) {
			break
		}
		end++
	}
	text := p.s[p.at:end]
	if len(text) > maxNumber {
		return nil, bad("a number is too long")
	}
	if strings.Contains(text, "_") {
		return nil, bad("%.20q is no number", text)
	}
	if strings.ContainsAny(text, "xX") {
		n, err := strconv.ParseInt(text, 0, 64)
		if err != nil {
			return nil, bad("%.20q is no number", text)
		}
		p.at = end
		return n, nil
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		p.at = end
		return n, nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || !strings.ContainsAny(text, "0123456789") {
		return nil, bad("%.20q is no number", text)
	}
	p.at = end
	return f, nil
}

var escapes = map[byte]byte{'a': 7, 'b': 8, 'f': 12, 'n': 10, 'r': 13, 't': 9, 'v': 11, '\\': '\\', '"': '"', '\'': '\'', '\n': '\n'}

// quoted reads a string in quotes.
func (p *parser) quoted(quote byte) (string, error) {
	p.at++
	var b strings.Builder
	for p.at < len(p.s) {
		c := p.s[p.at]
		p.at++
		switch {
		case c == quote:
			return b.String(), nil
		case c == '\n':
			return "", bad("a string is not closed")
		case c != '\\':
			b.WriteByte(c)
			continue
		}
		if p.at >= len(p.s) {
			break
		}
		c = p.s[p.at]
		if e, ok := escapes[c]; ok {
			if c == '\n' {
				p.line++
			}
			b.WriteByte(e)
			p.at++
			continue
		}
		n, digits := 0, 0
		for digits < 3 && p.at < len(p.s) && isDigit(p.s[p.at]) {
			n = n*10 + int(p.s[p.at]-'0')
			p.at++
			digits++
		}
		if digits == 0 || n > 255 {
			return "", bad("no such escape")
		}
		b.WriteByte(byte(n))
	}
	return "", bad("a string is not closed")
}

// longLevel is the number of equal signs of the long bracket that begins
// here, -1 when none does.
func (p *parser) longLevel() int {
	if p.peek() != '[' {
		return -1
	}
	end := p.at + 1
	for end < len(p.s) && p.s[end] == '=' {
		end++
	}
	if end < len(p.s) && p.s[end] == '[' {
		return end - p.at - 1
	}
	return -1
}

// long reads a string or comment in long brackets; a line end right behind
// the bracket does not count.
func (p *parser) long(level int) (string, error) {
	text, _, ok := strings.Cut(p.s[p.at+level+2:], "]"+strings.Repeat("=", level)+"]")
	if !ok {
		return "", bad("a long bracket is not closed")
	}
	p.at += 2*(level+2) + len(text)
	p.line += strings.Count(text, "\n")
	return strings.TrimPrefix(text, "\n"), nil
}
