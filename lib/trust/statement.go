package trust

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"lander/lib/capability"
)

// MaxComment is the longest trusted comment in bytes that sign makes and
// Check takes for a lander bundle.
const MaxComment = 4000

// MaxSerial is the largest serial: JSON tools lose precision above it.
const MaxSerial = 1<<53 - 1

// The formats a Statement may name.
var formats = []string{"lua", "luac51", "sh", "bash", "python", "devs", "package", "tree", "keys", "data"}

// Formats returns the words that format= takes.
func Formats() []string { return slices.Clone(formats) }

// Statement is what a lander signature says beside the payload: the words of
// the trusted comment,
//
//	lander:1 name=... format=... size=N sha256=HEX target=T [target=T ...] serial=N
//	signed=RFC3339 not-before=RFC3339 expires=RFC3339|never [once=1] [cap=W,W] [args=allow]
//
// on one line, values percent-escaped. Unknown and repeated words are
// refused; target may be repeated.
type Statement struct {
	Name      string
	Format    string
	Size      int64  // bytes of the payload
	SHA256    string // of the payload, lower hex
	Targets   []string
	Serial    int64 // 0 to MaxSerial
	Signed    time.Time
	NotBefore time.Time // equal to Signed when the word is absent
	Expires   time.Time // zero: never
	Once      bool
	Cap       capability.Set // nil: no cap word; else what the script asks for
	ArgsAllow bool
}

// IsStatement reports whether a trusted comment claims to be one of ours.
func IsStatement(comment string) bool {
	return strings.HasPrefix(comment, "lander:")
}

// ParseStatement reads a trusted comment.
func ParseStatement(comment string) (Statement, error) {
	s, err := parseStatement(comment)
	if err != nil {
		return Statement{}, err
	}
	return s, nil
}

func parseStatement(comment string) (s Statement, err error) {
	if len(comment) > MaxComment {
		return s, invalidf("signed comment is %d bytes long, the limit is %d", len(comment), MaxComment)
	}
	words := strings.Split(comment, " ")
	if words[0] != "lander:1" {
		return s, invalidf("signed comment begins with %.40q, not with lander:1", words[0])
	}
	seen := map[string]bool{}
	for _, w := range words[1:] {
		key, raw, ok := strings.Cut(w, "=")
		if !ok {
			return s, invalidf("signed comment has the word %.60q, which is not key=value", w)
		}
		if seen[key] && key != "target" {
			return s, invalidf("signed comment has the word %s twice", key)
		}
		seen[key] = true
		if err := s.set(key, raw); err != nil {
			return s, invalidf("signed comment, word %s: %w", key, err)
		}
	}
	for _, key := range []string{"name", "format", "size", "sha256", "target", "serial", "signed", "expires"} {
		if !seen[key] {
			return s, invalidf("signed comment lacks the word %s", key)
		}
	}
	if s.NotBefore.IsZero() {
		s.NotBefore = s.Signed
	}
	return s, s.validate()
}

func (s *Statement) set(key, raw string) (err error) {
	value := ""
	if key != "cap" {
		if value, err = unescape(raw); err != nil {
			return err
		}
	}
	switch key {
	case "name":
		s.Name = value
	case "format":
		s.Format = value
	case "size":
		s.Size, err = parseInt(value)
	case "sha256":
		s.SHA256 = value
	case "target":
		s.Targets = append(s.Targets, value)
	case "serial":
		s.Serial, err = parseInt(value)
	case "signed":
		s.Signed, err = parseTime(value)
	case "not-before":
		s.NotBefore, err = parseTime(value)
	case "expires":
		if value != "never" {
			s.Expires, err = parseTime(value)
		}
	case "once":
		s.Once = true
		if value != "1" {
			err = fmt.Errorf("%.20q is not 1", value)
		}
	case "args":
		s.ArgsAllow = true
		if value != "allow" {
			err = fmt.Errorf("%.20q is not allow", value)
		}
	case "cap":
		s.Cap, err = parseCap(raw)
	default:
		err = fmt.Errorf("not known")
	}
	return err
}

// parseCap splits before it unescapes, so that a path may hold a comma.
func parseCap(raw string) (capability.Set, error) {
	words := []string{}
	if raw != "" {
		for _, p := range strings.Split(raw, ",") {
			w, err := unescape(p)
			if err != nil {
				return nil, err
			}
			words = append(words, w)
		}
	}
	return capability.Parse(words)
}

// parseInt takes plain decimal digits without a leading zero or sign, so that
// a number has one form.
func parseInt(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > MaxSerial || strconv.FormatInt(n, 10) != s {
		return 0, fmt.Errorf("%.40q is not a whole number from 0 to %d", s, int64(MaxSerial))
	}
	return n, nil
}

func parseTime(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, s)
	t = t.UTC() // which may be of another year, and is what we write
	if err != nil || t.Year() < 1970 || t.Year() > 9999 {
		return time.Time{}, fmt.Errorf("%.40q is not an RFC 3339 time", s)
	}
	return t, nil
}

func (s *Statement) validate() error {
	if err := CheckName(s.Name); err != nil {
		return err
	}
	if !slices.Contains(formats, s.Format) {
		return invalidf("format %.40q is not known (known: %s)", s.Format, strings.Join(formats, ", "))
	}
	if b, err := hex.DecodeString(s.SHA256); err != nil || len(b) != 32 || strings.ToLower(s.SHA256) != s.SHA256 {
		return invalidf("sha256 is not 64 lower-case hex digits")
	}
	if len(s.Targets) == 0 {
		return invalidf("no target: name a device id, group:NAME or * for all")
	}
	for _, t := range s.Targets {
		if err := checkLabel("target", t); err != nil {
			return err
		}
	}
	if s.Size < 0 || s.Serial < 0 || s.Serial > MaxSerial {
		return invalidf("size or serial out of range")
	}
	if !s.Expires.IsZero() && !s.Expires.After(s.NotBefore) {
		return invalidf("expires before it becomes valid")
	}
	return nil
}

// CheckName says whether a script may have this name: 1 to 255 bytes of UTF-8
// without control characters.
func CheckName(name string) error { return checkLabel("name", name) }

func checkLabel(what, s string) error {
	switch {
	case s == "":
		return invalidf("empty %s", what)
	case len(s) > 255:
		return invalidf("%s is longer than 255 bytes", what)
	case !utf8.ValidString(s):
		return invalidf("%s is not UTF-8", what)
	}
	for _, r := range s {
		if r < ' ' || r == 0x7f {
			return invalidf("%s %q has a control character", what, s)
		}
	}
	return nil
}

// Comment renders the statement as a trusted comment, or says why it cannot
// be one.
func (s Statement) Comment() (string, error) {
	if s.NotBefore.IsZero() {
		s.NotBefore = s.Signed
	}
	if err := s.validate(); err != nil {
		return "", err
	}
	b := make([]byte, 0, 320)
	word := func(key, value string) { b = appendWord(b, key, value) }
	stamp := func(t time.Time) string { return t.UTC().Format(time.RFC3339) }
	b = append(b, "lander:1"...)
	word("name", s.Name)
	word("format", s.Format)
	word("size", strconv.FormatInt(s.Size, 10))
	word("sha256", s.SHA256)
	for _, t := range s.Targets {
		word("target", t)
	}
	word("serial", strconv.FormatInt(s.Serial, 10))
	word("signed", stamp(s.Signed))
	word("not-before", stamp(s.NotBefore))
	if s.Expires.IsZero() {
		word("expires", "never")
	} else {
		word("expires", stamp(s.Expires))
	}
	if s.Once {
		word("once", "1")
	}
	if s.Cap != nil {
		b = append(b, " cap="...)
		for i, w := range s.Cap {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendEscaped(b, w)
		}
	}
	if s.ArgsAllow {
		word("args", "allow")
	}
	if len(b) > MaxComment {
		return "", invalidf("the signed words come to %d bytes, the limit is %d: shorten name, targets or capabilities", len(b), MaxComment)
	}
	return string(b), nil
}

//go:noinline // many call it, none in a hurry: each copy is size
func appendWord(b []byte, key, value string) []byte {
	b = append(b, ' ')
	b = append(b, key...)
	return appendEscaped(append(b, '='), value)
}

const upperHex = "0123456789ABCDEF"

// appendEscaped leaves printable ASCII but for space, percent and comma:
// stock tools print the comment, and words are cut at spaces and commas.
func appendEscaped(dst []byte, s string) []byte {
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c >= 0x7f || c == '%' || c == ',' {
			dst = append(dst, '%', upperHex[c>>4], upperHex[c&15])
		} else {
			dst = append(dst, c)
		}
	}
	return dst
}

func unescape(s string) (string, error) {
	if !strings.Contains(s, "%") {
		return s, nil
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b = append(b, s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", fmt.Errorf("a percent sign without two hex digits")
		}
		v, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
		if err != nil {
			return "", fmt.Errorf("a percent sign without two hex digits")
		}
		b = append(b, byte(v))
		i += 2
	}
	return string(b), nil
}
