package provision

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"lander/lib/luaota"
	"lander/lib/luaota/record"
)

// errConfig says that a board's configuration cannot be written.
var errConfig = errors.New("the configuration cannot be given back to the board")

// notKept are the members of a HI that are no configuration.
var notKept = []string{"a", "id", "sx"}

// keptConfig is the configuration that a HI shows, without what belongs to the HI.
func keptConfig(h luaota.Hello) record.Object {
	return slices.DeleteFunc(slices.Clone(h.Fields), func(m record.Member) bool { return slices.Contains(notKept, m.Key) })
}

// configure makes the configuration that a board has after the release: what it
// has, what the release sets, and the fingerprint. The tokens of the files go in
// while they fit.
func configure(h luaota.Hello, r *Release, have map[string]string, secret string, strong bool) (record.Object, error) {
	o := keptConfig(h)
	for _, m := range r.Config {
		v := m.Value
		if v == "null" {
			v = ""
		}
		o = o.With(m.Key, v)
	}
	o = o.With("chk", record.String(r.Chk)).With("files", "")
	var files record.Object
	for _, name := range slices.Sorted(maps.Keys(have)) {
		files = append(files, record.Member{Key: name, Value: record.String(have[name])})
	}
	with := o.With("files", files.Value())
	if fits(with, secret, strong) == nil {
		o = with
	}
	return o, fits(o, secret, strong)
}

// fits says with errConfig why a board would not survive this configuration.
func fits(o record.Object, secret string, strong bool) error {
	for _, m := range o {
		if backslash(string(m.Value)) || strings.Contains(m.Key, `\`) {
			return fmt.Errorf("%w: %s holds a backslash, which the board does not write back correctly", errConfig, m.Key)
		}
	}
	if n := luaota.RestartSize(o, strong); n > record.MaxRecord {
		return fmt.Errorf("%w: the record has %d bytes, and a board takes %d", errConfig, n, record.MaxRecord)
	}
	size := len(o.With("secret", record.String(secret)).Value()) + 1
	for _, m := range o {
		size += widening(string(m.Value))
	}
	if size > MaxConfig {
		return fmt.Errorf("%w: config.json would have %d bytes, and a board reads %d", errConfig, size, MaxConfig)
	}
	return nil
}

// backslash says whether a text in canonical JSON stands for one that holds a
// backslash: sjson escapes quotes and control characters, but writes a backslash
// as it is and cannot read that again [OTA 2].
func backslash(canonical string) bool {
	for i := 0; i+1 < len(canonical); i++ {
		if canonical[i] == '\\' {
			if canonical[i+1] == '\\' {
				return true
			}
			i++
		}
	}
	return false
}

// widening is how much longer a canonical text may become when a board writes it
// back: a number that is not whole has "%.19g" then, however deep it is.
func widening(canonical string) (n int) {
	const widest = 26
	for i := 0; i < len(canonical); i++ {
		switch c := canonical[i]; {
		case c == '"':
			for i++; i < len(canonical) && canonical[i] != '"'; i++ {
				if canonical[i] == '\\' {
					i++
				}
			}
		case c == '-' || c >= '0' && c <= '9':
			from := i
			for i+1 < len(canonical) && strings.IndexByte("+-.eE0123456789", canonical[i+1]) >= 0 {
				i++
			}
			if _, whole := record.Value(canonical[from : i+1]).Int(); !whole {
				n += max(0, widest-(i+1-from))
			}
		}
	}
	return n
}
