package luac51

import (
	"bytes"
	"fmt"
)

// token is a byte for itself, or one of the constants below.
type token int

const (
	tkEOF token = iota + 256
	tkAnd
	tkBreak
	tkDo
	tkElse
	tkElseif
	tkEnd
	tkFalse
	tkFor
	tkFunction
	tkIf
	tkIn
	tkLocal
	tkNil
	tkNot
	tkOr
	tkRepeat
	tkReturn
	tkThen
	tkTrue
	tkUntil
	tkWhile
	tkConcat
	tkDots
	tkEq
	tkGe
	tkLe
	tkNe
	tkNumber
	tkName
	tkString
)

var tokenText = [...]string{
	"<eof>", "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "if", "in", "local", "nil",
	"not", "or", "repeat", "return", "then", "true", "until", "while", "..", "...", "==", ">=", "<=", "~=",
	"<number>", "<name>", "<string>",
}

var reserved = func() map[string]token {
	m := make(map[string]token, tkWhile-tkAnd+1)
	for t := tkAnd; t <= tkWhile; t++ {
		m[tokenText[t-tkEOF]] = t
	}
	return m
}()

func (t token) String() string {
	switch {
	case t >= tkEOF:
		return tokenText[t-tkEOF]
	case t < ' ' || t == 0x7f:
		return fmt.Sprintf("char(%d)", int(t))
	}
	return string([]byte{byte(t)})
}

// SyntaxError is why a source does not compile. Error gives the whole
// message, with chunk and line.
type SyntaxError struct {
	Chunk string // as ChunkID gives it
	Line  int
	Text  string // with the token, if the fault is near one
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("%s:%d: %s", e.Chunk, e.Line, e.Text) }

// lexer reads tokens. Faults are raised as panics with a *SyntaxError, which
// Compile turns into an error.
type lexer struct {
	src      []byte
	pos      int
	start    int // of the token being read
	line     int
	lastLine int // of the token consumed last
	source   string

	tok       token
	str       string // value of a name or string
	num       float64
	tokStart  int // where tok begins and ends in src
	tokEnd    int
	ahead     bool // the next fields hold a token read in advance
	nextTok   token
	nextStr   string
	nextNum   float64
	nextStart int
	nextEnd   int

	interned map[string]string
	partial  []byte // of the last string with escapes
	ended    bool   // that string is complete
}

func (l *lexer) fail(near token, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	switch near {
	case 0:
	case tkName, tkString, tkNumber:
		raw := l.src[l.start:l.pos]
		if near == tkString && l.pos > l.start && l.src[l.start] != '[' {
			raw = l.spoken()
		}
		if i := bytes.IndexByte(raw, 0); i >= 0 {
			raw = raw[:i]
		}
		text += fmt.Sprintf(" near '%s'", normalNewlines(raw))
	default:
		text += fmt.Sprintf(" near '%s'", near)
	}
	panic(&SyntaxError{Chunk: chunkID(l.source, idSizeSyntax), Line: l.line, Text: text})
}

// spoken is the text of a quoted string so far, with its escapes read.
func (l *lexer) spoken() []byte {
	raw := l.src[l.start:l.pos]
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw
	}
	out := append([]byte{raw[0]}, l.partial...)
	if l.ended {
		out = append(out, raw[0])
	}
	return out
}

// failHere faults at the current token.
func (l *lexer) failHere(format string, args ...any) {
	if !l.ahead {
		l.start, l.pos = l.tokStart, l.tokEnd
	} else {
		l.start, l.pos = l.nextStart, l.nextEnd
	}
	l.fail(l.tok, format, args...)
}

// normalNewlines gives raw text the line ends that the reader sees.
func normalNewlines(raw []byte) []byte {
	if !bytes.ContainsRune(raw, '\r') {
		return raw
	}
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		if c == '\r' || c == '\n' {
			if i+1 < len(raw) && (raw[i+1] == '\r' || raw[i+1] == '\n') && raw[i+1] != c {
				i++
			}
			c = '\n'
		}
		out = append(out, c)
	}
	return out
}

// next makes the next token current.
func (l *lexer) next() {
	l.lastLine = l.line
	if l.ahead {
		l.ahead = false
		l.tok, l.str, l.num, l.tokStart, l.tokEnd = l.nextTok, l.nextStr, l.nextNum, l.nextStart, l.nextEnd
		return
	}
	l.tok = l.scan()
	l.tokStart, l.tokEnd = l.start, l.pos
}

// peek returns the token after the current one.
func (l *lexer) peek() token {
	tok, str, num := l.tok, l.str, l.num
	l.nextTok = l.scan()
	l.nextStr, l.nextNum, l.nextStart, l.nextEnd = l.str, l.num, l.start, l.pos
	l.tok, l.str, l.num = tok, str, num
	l.ahead = true
	return l.nextTok
}

// at returns the byte at the reading position plus n, or -1 at the end.
func (l *lexer) at(n int) int {
	if l.pos+n < len(l.src) {
		return int(l.src[l.pos+n])
	}
	return -1
}

func (l *lexer) accept(c byte) bool {
	if l.pos < len(l.src) && l.src[l.pos] == c {
		l.pos++
		return true
	}
	return false
}

// newline skips one line end of any form.
func (l *lexer) newline() {
	c := l.src[l.pos]
	l.pos++
	if d := l.at(0); (d == '\n' || d == '\r') && d != int(c) {
		l.pos++
	}
	l.line++
}

func (l *lexer) scan() token {
	for l.pos < len(l.src) {
		l.start = l.pos
		c := l.src[l.pos]
		switch c {
		case '\n', '\r':
			l.newline()
		case ' ', '\t', '\v', '\f':
			l.pos++
		case '-':
			if l.at(1) != '-' {
				l.pos++
				return '-'
			}
			l.pos += 2
			l.comment()
		case '[':
			if n := l.longOpen(); n >= 0 {
				l.str = l.longString(n, false)
				return tkString
			} else if n == -1 {
				l.pos++
				return '['
			}
			l.fail(tkString, "invalid long string delimiter")
		case '=':
			return l.either(tkEq)
		case '<':
			return l.either(tkLe)
		case '>':
			return l.either(tkGe)
		case '~':
			return l.either(tkNe)
		case '"', '\'':
			l.quoted(c)
			return tkString
		case '.':
			if d := l.at(1); d >= 0 && isDigit(byte(d)) {
				return l.numeral()
			}
			l.pos++
			if !l.accept('.') {
				return '.'
			}
			if l.accept('.') {
				return tkDots
			}
			return tkConcat
		default:
			switch {
			case isDigit(c):
				return l.numeral()
			case isLetter(c):
				return l.name()
			}
			l.pos++
			return token(c)
		}
	}
	l.start = l.pos
	return tkEOF
}

// either reads an operator that may be followed by =.
func (l *lexer) either(with token) token {
	c := l.src[l.pos]
	l.pos++
	if l.accept('=') {
		return with
	}
	return token(c)
}

func (l *lexer) name() token {
	i := l.pos
	for i < len(l.src) && (isLetter(l.src[i]) || isDigit(l.src[i])) {
		i++
	}
	word := l.src[l.pos:i]
	l.pos = i
	if t, ok := reserved[string(word)]; ok {
		return t
	}
	l.str = l.intern(word)
	return tkName
}

// intern keeps one copy of each spelling.
func (l *lexer) intern(b []byte) string {
	if s, ok := l.interned[string(b)]; ok {
		return s
	}
	s := string(b)
	l.interned[s] = s
	return s
}

func (l *lexer) numeral() token {
	for l.pos < len(l.src) && (isDigit(l.src[l.pos]) || l.src[l.pos] == '.') {
		l.pos++
	}
	if l.accept('e') || l.accept('E') {
		if !l.accept('+') {
			l.accept('-')
		}
	}
	for l.pos < len(l.src) && (isLetter(l.src[l.pos]) || isDigit(l.src[l.pos])) {
		l.pos++
	}
	n, ok := ParseNumber(string(l.src[l.start:l.pos]))
	if !ok {
		l.fail(tkNumber, "malformed number")
	}
	l.num = n
	return tkNumber
}

// comment skips what follows --.
func (l *lexer) comment() {
	if l.at(0) == '[' {
		if n := l.longOpen(); n >= 0 {
			l.longString(n, true)
			return
		}
	}
	for l.pos < len(l.src) && l.src[l.pos] != '\n' && l.src[l.pos] != '\r' {
		l.pos++
	}
}

// longOpen returns the level of the long bracket that opens here, and skips
// to its second bracket; -1 if there is none, -2 if it is broken off.
func (l *lexer) longOpen() int {
	n := 0
	for l.at(1+n) == '=' {
		n++
	}
	if l.at(1+n) == '[' {
		l.pos += n + 1
		return n
	}
	if n == 0 {
		return -1
	}
	l.pos += n + 1
	return -2
}

// longString reads from the second opening bracket to the closing ones.
func (l *lexer) longString(level int, comment bool) string {
	l.pos++
	if c := l.at(0); c == '\n' || c == '\r' {
		l.newline()
	}
	begin, plain := l.pos, true
	for l.pos < len(l.src) {
		switch c := l.src[l.pos]; c {
		case '[':
			if level == 0 && l.at(1) == '[' {
				l.pos += 2
				l.fail('[', "nesting of [[...]] is deprecated")
			}
			l.pos++
		case ']':
			n := 0
			for l.at(1+n) == '=' {
				n++
			}
			if n == level && l.at(1+n) == ']' {
				body := l.src[begin:l.pos]
				l.pos += n + 2
				switch {
				case comment:
					return ""
				case !plain:
					body = normalNewlines(body)
				}
				return l.intern(body)
			}
			l.pos += n + 1
		case '\n', '\r':
			plain = plain && c == '\n' && l.at(1) != '\r'
			l.newline()
		default:
			l.pos++
		}
	}
	if comment {
		l.fail(tkEOF, "unfinished long comment")
	}
	l.fail(tkEOF, "unfinished long string")
	return ""
}

var escapes = map[byte]byte{'a': '\a', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v'}

func (l *lexer) quoted(q byte) {
	l.pos++
	begin := l.pos
	for l.pos < len(l.src) && l.src[l.pos] != q && l.src[l.pos] != '\\' && l.src[l.pos] != '\n' && l.src[l.pos] != '\r' {
		l.pos++
	}
	if l.at(0) == int(q) {
		l.str = l.intern(l.src[begin:l.pos])
		l.pos++
		return
	}
	buf := append([]byte(nil), l.src[begin:l.pos]...)
	l.ended = false
	for {
		l.partial = buf
		switch c := l.at(0); {
		case c < 0:
			l.fail(tkEOF, "unfinished string")
		case c == '\n' || c == '\r':
			l.fail(tkString, "unfinished string")
		case c == int(q):
			l.pos++
			l.str = l.intern(buf)
			l.ended = true
			return
		case c == '\\':
			buf = l.escape(buf)
		default:
			buf = append(buf, byte(c))
			l.pos++
		}
	}
}

func (l *lexer) escape(buf []byte) []byte {
	l.pos++
	c := l.at(0)
	switch {
	case c < 0: // reported by the loop
		return buf
	case c == '\n' || c == '\r':
		l.newline()
		return append(buf, '\n')
	case isDigit(byte(c)):
		v := 0
		for i := 0; i < 3 && l.at(0) >= 0 && isDigit(l.src[l.pos]); i++ {
			v = v*10 + int(l.src[l.pos]-'0')
			l.pos++
		}
		if v > 255 {
			l.fail(tkString, "escape sequence too large")
		}
		return append(buf, byte(v))
	}
	l.pos++
	if e, ok := escapes[byte(c)]; ok {
		return append(buf, e)
	}
	return append(buf, byte(c))
}
