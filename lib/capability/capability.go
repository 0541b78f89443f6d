// Package capability speaks the words that say what a script may do.
//
// A word is one of the plain words below, or a scoped one:
//
//	base tree device monitoring log data exec
//	fs:PATH        files below PATH, read and write
//	fs:PATH:ro     files below PATH, read only
//	net:HOST:PORT  TCP to HOST and PORT; either may be "*"
//
// The package is pure: it parses, compares and intersects words and touches
// neither files nor sockets. Who enforces a word is the runner of the script.
package capability

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
)

// The plain words.
const (
	Base       = "base"       // the safe part of the Lua library, print and io on the script's own streams
	Tree       = "tree"       // the device's variable tree
	Device     = "device"     // device information
	Monitoring = "monitoring" // monitoring rules
	Log        = "log"        // the agent's log
	Data       = "data"       // sending data to the server
	Exec       = "exec"       // running programs; sh, bash and python scripts need it
)

var plain = []string{Base, Tree, Device, Monitoring, Log, Data, Exec}

// Default returns the words of a trusted key that no policy entry limits.
func Default() Set { return Set{Base, Tree, Device, Monitoring, Log, Data} }

// Set is a list of valid words without repetition, in the order given.
// A nil Set is the empty set: nothing is allowed.
type Set []string

// Parse checks each word and returns them as a Set. Repeated words are
// dropped; paths and hosts are brought to canonical form.
func Parse(words []string) (Set, error) {
	set := make(Set, 0, len(words))
	for _, w := range words {
		c, err := canonical(w)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(set, c) {
			set = append(set, c)
		}
	}
	return set, nil
}

func canonical(w string) (string, error) {
	if slices.Contains(plain, w) {
		return w, nil
	}
	scope, rest, ok := strings.Cut(w, ":")
	if !ok {
		return "", fmt.Errorf("capability %q is not known (known: %s, fs:PATH[:ro], net:HOST:PORT)", w, strings.Join(plain, ", "))
	}
	for _, r := range rest {
		if r < ' ' || r == 0x7f {
			return "", fmt.Errorf("capability %q has a control character", w)
		}
	}
	switch scope {
	case "fs":
		p, ro := strings.CutSuffix(rest, ":ro")
		if !path.IsAbs(p) {
			return "", fmt.Errorf("capability %q: the path is not absolute", w)
		}
		p = path.Clean(p)
		if strings.HasSuffix(p, ":ro") {
			// fs:/a:ro/ would come out as the word for reading /a.
			return "", fmt.Errorf("capability %q: the path ends in :ro", w)
		}
		if ro {
			p += ":ro"
		}
		return "fs:" + p, nil
	case "net":
		i := strings.LastIndexByte(rest, ':')
		if i <= 0 {
			return "", fmt.Errorf("capability %q is not net:HOST:PORT", w)
		}
		host, port := strings.ToLower(rest[:i]), rest[i+1:]
		if port != "*" {
			n, err := strconv.ParseUint(port, 10, 16)
			if err != nil || n == 0 {
				return "", fmt.Errorf("capability %q: the port is not 1 to 65535 or *", w)
			}
			port = strconv.FormatUint(n, 10)
		}
		return "net:" + host + ":" + port, nil
	}
	return "", fmt.Errorf("capability %q is not known", w)
}

// Covers reports whether granting the word big also grants small.
// Both must be canonical, as Parse returns them.
func Covers(big, small string) bool {
	if big == small {
		return true
	}
	switch {
	case strings.HasPrefix(big, "fs:") && strings.HasPrefix(small, "fs:"):
		bp, bro := strings.CutSuffix(big[3:], ":ro")
		sp, sro := strings.CutSuffix(small[3:], ":ro")
		if bro && !sro {
			return false
		}
		return bp == "/" || sp == bp || strings.HasPrefix(sp, bp+"/")
	case strings.HasPrefix(big, "net:") && strings.HasPrefix(small, "net:"):
		bh, bp := splitNet(big)
		sh, sp := splitNet(small)
		return (bh == "*" || bh == sh) && (bp == "*" || bp == sp)
	}
	return false
}

func splitNet(w string) (host, port string) {
	rest := w[4:]
	i := strings.LastIndexByte(rest, ':')
	return rest[:i], rest[i+1:]
}

// Allows reports whether the set grants the word w. A word that does not
// parse is never granted.
func (s Set) Allows(w string) bool {
	c, err := canonical(w)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(s, func(have string) bool { return Covers(have, c) })
}

// Intersect returns what both sets grant: of each pair where one word covers
// the other, the narrower one.
func Intersect(a, b Set) Set {
	out := Set{}
	add := func(w string) {
		if !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	for _, x := range a {
		for _, y := range b {
			switch {
			case Covers(x, y):
				add(y)
			case Covers(y, x):
				add(x)
			default:
				if w, ok := overlap(x, y); ok {
					add(w)
				}
			}
		}
	}
	return out
}

// overlap finds the common part of two scoped words of which neither covers
// the other: a writable subtree against a read-only one above it, or
// net:h:* against net:*:p.
func overlap(x, y string) (string, bool) {
	switch {
	case strings.HasPrefix(x, "fs:") && strings.HasPrefix(y, "fs:"):
		xp, _ := strings.CutSuffix(x[3:], ":ro")
		yp, _ := strings.CutSuffix(y[3:], ":ro")
		xr, yr := "fs:"+xp+":ro", "fs:"+yp+":ro"
		if Covers(xr, yr) {
			return yr, true
		}
		if Covers(yr, xr) {
			return xr, true
		}
	case strings.HasPrefix(x, "net:") && strings.HasPrefix(y, "net:"):
		xh, xp := splitNet(x)
		yh, yp := splitNet(y)
		host, ok1 := narrower(xh, yh)
		port, ok2 := narrower(xp, yp)
		if ok1 && ok2 {
			return "net:" + host + ":" + port, true
		}
	}
	return "", false
}

func narrower(a, b string) (string, bool) {
	switch {
	case a == b, b == "*":
		return a, true
	case a == "*":
		return b, true
	}
	return "", false
}

// Missing returns the first word of want that s does not grant, or "".
func (s Set) Missing(want Set) string {
	for _, w := range want {
		if !s.Allows(w) {
			return w
		}
	}
	return ""
}
