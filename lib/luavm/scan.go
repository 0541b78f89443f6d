package luavm

import "errors"

// maxLevels is the nesting that a chunk may have, as in PUC Lua.
const maxLevels = 200

var errLevels = errors.New("chunk has too many syntax levels")

// scanNesting walks the tokens of source and refuses more than maxLevels
// nested brackets, blocks, functions, or chained operators that a parser
// recurses for. It understands just enough of Lua not to be misled by
// strings and comments.
func scanNesting(src []byte) error {
	depth, chain := 0, 0
	for i := 0; i < len(src); {
		c := src[i]
		switch {
		case c == '-' && i+1 < len(src) && src[i+1] == '-':
			i = skipComment(src, i+2)
			continue
		case c == '"' || c == '\'':
			i = skipQuoted(src, i)
			chain = 0
			continue
		case c == '[' && longLevel(src, i) >= 0:
			i = skipLong(src, i)
			chain = 0
			continue
		case c == '(' || c == '{' || c == '[':
			depth++
		case c == ')' || c == '}' || c == ']':
			depth--
		case c == '#' || c == '-' || c == '^':
			chain++
		case c == '.' && i+1 < len(src) && src[i+1] == '.':
			chain++
			i++
		case c == ';' || c == ',':
			chain = 0
		case isWordStart(c):
			j := i
			for j < len(src) && (isWordStart(src[j]) || src[j] >= '0' && src[j] <= '9') {
				j++
			}
			switch string(src[i:j]) {
			case "function", "do", "then", "repeat", "elseif":
				depth++
			case "end", "until":
				depth--
			case "not":
				chain++
			case "local", "return", "if", "while", "for", "and", "or":
				chain = 0
			}
			i = j
			if depth < 0 {
				depth = 0
			}
			if depth+chain > maxLevels {
				return errLevels
			}
			continue
		}
		if depth < 0 {
			depth = 0
		}
		if depth+chain > maxLevels {
			return errLevels
		}
		i++
	}
	return nil
}

func isWordStart(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func skipQuoted(src []byte, i int) int {
	q := src[i]
	for i++; i < len(src) && src[i] != q && src[i] != '\n'; i++ {
		if src[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// longLevel returns the number of = in a long bracket that opens at i, or -1.
func longLevel(src []byte, i int) int {
	j := i + 1
	for j < len(src) && src[j] == '=' {
		j++
	}
	if j < len(src) && src[j] == '[' {
		return j - i - 1
	}
	return -1
}

func skipLong(src []byte, i int) int {
	n := longLevel(src, i)
	for i += n + 2; i < len(src); i++ {
		if src[i] != ']' {
			continue
		}
		j := i + 1
		for j < len(src) && src[j] == '=' {
			j++
		}
		if j < len(src) && src[j] == ']' && j-i-1 == n {
			return j + 1
		}
	}
	return i
}

func skipComment(src []byte, i int) int {
	if i < len(src) && src[i] == '[' && longLevel(src, i) >= 0 {
		return skipLong(src, i)
	}
	for i < len(src) && src[i] != '\n' {
		i++
	}
	return i
}
