package nodemcu

import "fmt"

// appendQuoted adds a byte as it stands in a Lua string literal that travels over
// the console: as itself, unless it would end the literal or the line or edit it
// [OTA 3]. high says that bytes from 128 on get through.
func appendQuoted(dst []byte, c byte, high bool) []byte {
	switch {
	case c == '\\' || c == '"':
		return append(dst, '\\', c)
	case c == '\n':
		return append(dst, '\\', 'n')
	case c == '\r':
		return append(dst, '\\', 'r')
	case c == 0 || c == 8 || c == 127 || c >= 128 && !high:
		return fmt.Appendf(dst, "\\%03d", c)
	}
	return append(dst, c)
}

// Quote is a Lua string literal of s in ASCII.
func Quote(s string) string {
	b := []byte{'"'}
	for i := range len(s) {
		b = appendQuoted(b, s[i], false)
	}
	return string(append(b, '"'))
}

// chunk is the literal of as many bytes of data as fit in a line of limit bytes
// with its frame: w(N,"...").
func chunk(data []byte, limit int, high bool) (line string, n int) {
	limit -= len(`w(999,"")`)
	var b []byte
	for n < len(data) && n < 999 {
		next := appendQuoted(b, data[n], high)
		if len(next) > limit {
			break
		}
		b = next
		n++
	}
	return fmt.Sprintf(`w(%d,"%s")`, n, b), n
}

// Wire is how many bytes the content takes on its way to the board: lines with
// their ends. It is what the least time is reckoned from.
func Wire(content []byte) int {
	total := 0
	for len(content) > 0 {
		line, n := chunk(content, MaxLine, true)
		total += len(line) + 1
		content = content[n:]
	}
	return total
}
