package provision

import "bytes"

// trimTag asks for a source to be trimmed.
const trimTag = "--SAFETRIM"

// wantsTrim reports whether a Lua source carries the tag as a comment on a line,
// whatever ends the line.
func wantsTrim(src []byte) bool {
	for rest := src; ; {
		i := bytes.Index(rest, []byte(trimTag))
		if i < 0 {
			return false
		}
		rest = rest[i+len(trimTag):]
		if len(rest) == 0 || rest[0] == '\n' || rest[0] == '\r' {
			return true
		}
	}
}

// Trim drops comments, and blanks at the begin and end of lines, from a Lua
// source. It works on tokens, so that strings and long brackets stay as they
// are, and it keeps every line feed outside of them: line numbers hold.
// What a comment stood between stays apart. Lines that end otherwise end with a
// line feed then, in strings too, where Lua reads it as one anyway.
func Trim(src []byte) []byte {
	src = unixLines(firstLine(src))
	out := make([]byte, 0, len(src))
	i := 0
	mark := 0 // bytes of out before it are tokens: never trimmed
	for i < len(src) {
		c := src[i]
		switch {
		case bytes.HasPrefix(src[i:], []byte("--")):
			end := commentEnd(src, i+2)
			lines := bytes.Count(src[i:end], []byte{'\n'})
			if lines > 0 {
				out = rstrip(out, mark)
			}
			for range lines {
				out = append(out, '\n')
			}
			// What the comment stood between stays apart.
			if lines == 0 && len(out) > 0 && out[len(out)-1] != '\n' {
				out = append(out, ' ')
			}
			i = end
			continue
		case c == '"' || c == '\'':
			end := quotedEnd(src, i)
			out = append(out, src[i:end]...)
			i, mark = end, len(out)
			continue
		case c == '[' && longEnd(src, i) > 0:
			end := longEnd(src, i)
			out = append(out, src[i:end]...)
			i, mark = end, len(out)
			continue
		case c == '\n':
			out = append(rstrip(out, mark), '\n')
		case c == ' ' || c == '\t' || c == '\v' || c == '\f':
			if len(out) > 0 && out[len(out)-1] != '\n' {
				out = append(out, c)
			}
		default:
			out = append(out, c)
		}
		i++
	}
	return rstrip(out, mark)
}

// firstLine drops a first line that begins with #, which Lua skips in files, but
// not its line feed.
func firstLine(src []byte) []byte {
	if !bytes.HasPrefix(src, []byte("#")) {
		return src
	}
	if i := bytes.IndexByte(src, '\n'); i >= 0 {
		return src[i:]
	}
	return nil
}

// unixLines makes a line feed of each of Lua's line ends: CR, LF, and either
// behind the other.
func unixLines(src []byte) []byte {
	if bytes.IndexByte(src, '\r') < 0 {
		return src
	}
	out := make([]byte, 0, len(src))
	for i := 0; i < len(src); i++ {
		c := src[i]
		if c != '\r' && c != '\n' {
			out = append(out, c)
			continue
		}
		out = append(out, '\n')
		if i+1 < len(src) && src[i+1] != c && (src[i+1] == '\r' || src[i+1] == '\n') {
			i++
		}
	}
	return out
}

// rstrip drops blanks at the end, but none of the first mark bytes.
func rstrip(out []byte, mark int) []byte {
	for len(out) > mark {
		switch out[len(out)-1] {
		case ' ', '\t', '\v', '\f':
			out = out[:len(out)-1]
			continue
		}
		break
	}
	return out
}

// commentEnd is where the comment ends whose text begins at i: before the line
// feed, or behind the long bracket.
func commentEnd(src []byte, i int) int {
	if i < len(src) && src[i] == '[' {
		if end := longEnd(src, i); end > 0 {
			return end
		}
	}
	if n := bytes.IndexByte(src[i:], '\n'); n >= 0 {
		return i + n
	}
	return len(src)
}

// quotedEnd is the end of the quoted string at i; an unfinished one ends before
// the line feed.
func quotedEnd(src []byte, i int) int {
	for j := i + 1; j < len(src); j++ {
		switch src[j] {
		case '\\':
			if j++; j < len(src) && src[j] == 'z' { // Lua 5.3 skips blanks and line ends behind it
				for j+1 < len(src) && bytes.IndexByte([]byte(" \t\n\v\f"), src[j+1]) >= 0 {
					j++
				}
			}
		case src[i]:
			return j + 1
		case '\n':
			return j
		}
	}
	return len(src)
}

// longEnd is the end of the long bracket at i, 0 when none begins there. An
// unfinished one runs to the end.
func longEnd(src []byte, i int) int {
	j := i + 1
	for j < len(src) && src[j] == '=' {
		j++
	}
	if j >= len(src) || src[j] != '[' {
		return 0
	}
	closing := append(append([]byte{']'}, src[i+1:j]...), ']')
	if n := bytes.Index(src[j+1:], closing); n >= 0 {
		return j + 1 + n + len(closing)
	}
	return len(src)
}
