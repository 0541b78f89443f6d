package trust

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"lander/lib/capability"
)

// Roles of a key. Only a root key may sign a key list.
const (
	RoleSigner = "signer"
	RoleRoot   = "root"
)

// KeyPolicy is what one key may do. In policy.toml an absent field takes the
// value of [defaults]; absent there too, it does not limit. An empty list
// allows nothing.
type KeyPolicy struct {
	Role         string
	NotBefore    time.Time      // zero: no limit
	NotAfter     time.Time      // zero: no limit
	Revoked      bool           //
	Formats      []string       // nil: all
	Targets      []string       // globs that the signed target must match; nil: all
	Names        []string       // globs that the signed name must match; nil: all
	Capabilities capability.Set // never nil
	Plain        bool           // accept stock signatures without signed words
	Recheck      bool           // check the window at each use, not only at admission
}

// Signs says whether the key may sign payloads of a format.
func (p KeyPolicy) Signs(format string) bool {
	return p.Formats == nil || slices.Contains(p.Formats, format)
}

// Policy is the content of policy.toml. The zero Policy gives every key of
// the store the role signer and the default capabilities.
type Policy struct {
	defaults rawKey
	keys     map[string]rawKey
}

// rawKey keeps apart what is absent from what is empty.
type rawKey struct {
	ID           string    `toml:"id,omitempty"`
	Pub          string    `toml:"pub,omitempty"`
	Role         *string   `toml:"role"`
	NotBefore    any       `toml:"not_before"`
	NotAfter     any       `toml:"not_after"`
	Revoked      *bool     `toml:"revoked"`
	Formats      *[]string `toml:"formats"`
	Targets      *[]string `toml:"targets"`
	Names        *[]string `toml:"names"`
	Capabilities *[]string `toml:"capabilities"`
	Plain        *bool     `toml:"plain"`
	Recheck      *bool     `toml:"recheck"`
}

type rawPolicy struct {
	Defaults rawKey   `toml:"defaults"`
	Key      []rawKey `toml:"key"`
}

// ParsePolicy reads policy.toml. file names it in errors. Any unknown key is
// an error that names its line.
func ParsePolicy(file string, text []byte) (Policy, error) {
	p, keys, err := parsePolicy(file, text)
	if err != nil {
		return Policy{}, err
	}
	for _, k := range keys {
		if k.Pub != "" {
			return Policy{}, invalidf("%s: [[key]] %s has pub=, which belongs into a key list", file, k.ID)
		}
	}
	return p, nil
}

func parsePolicy(file string, text []byte) (Policy, []rawKey, error) {
	var raw rawPolicy
	md, err := toml.Decode(string(text), &raw)
	if err != nil {
		if pe, ok := errors.AsType[toml.ParseError](err); ok {
			return Policy{}, nil, invalidf("%s:%d: %s", file, pe.Position.Line, pe.Message)
		}
		return Policy{}, nil, invalidf("%s: %w", file, err)
	}
	if un := md.Undecoded(); len(un) > 0 {
		return Policy{}, nil, invalidf("%s:%d: unknown key %s", file, lineOf(text, un[0]), un[0])
	}
	if raw.Defaults.ID != "" || raw.Defaults.Pub != "" {
		return Policy{}, nil, invalidf("%s: [defaults] must not have id or pub", file)
	}
	p := Policy{defaults: raw.Defaults, keys: map[string]rawKey{}}
	if _, err := p.resolve(rawKey{}); err != nil {
		return Policy{}, nil, invalidf("%s: [defaults]: %w", file, err)
	}
	for i, k := range raw.Key {
		id := k.ID
		if k.Pub != "" {
			pub, err := ParsePublicKey([]byte(k.Pub))
			if err != nil {
				return Policy{}, nil, invalidf("%s: [[key]] number %d: %w", file, i+1, err)
			}
			if id == "" {
				id = pub.ID()
			}
			if !strings.EqualFold(id, pub.ID()) {
				return Policy{}, nil, invalidf("%s: [[key]] %s has the public key of %s", file, id, pub.ID())
			}
		}
		id, err := ParseID(id)
		if err != nil {
			return Policy{}, nil, invalidf("%s: [[key]] number %d: %w", file, i+1, err)
		}
		raw.Key[i].ID = id
		if _, dup := p.keys[id]; dup {
			return Policy{}, nil, invalidf("%s: two [[key]] entries for %s", file, id)
		}
		if _, err := p.resolve(k); err != nil {
			return Policy{}, nil, invalidf("%s: [[key]] %s: %w", file, id, err)
		}
		p.keys[id] = k
	}
	return p, raw.Key, nil
}

// lineOf finds the line on which the last part of a key is set. The TOML
// library does not keep positions of keys that nobody asked for.
func lineOf(text []byte, key toml.Key) int {
	last := key[len(key)-1]
	for i, line := range strings.Split(string(text), "\n") {
		l := strings.TrimLeft(strings.TrimSpace(line), "[\"' ")
		if rest, ok := strings.CutPrefix(l, last); ok {
			rest = strings.TrimLeft(rest, "\"' ")
			if rest == "" || strings.ContainsAny(rest[:1], "=.]") {
				return i + 1
			}
		}
		if strings.HasSuffix(strings.TrimRight(l, "] "), "."+last) {
			return i + 1
		}
	}
	return 1
}

// For returns the policy of the key with this id.
func (p Policy) For(id string) KeyPolicy {
	kp, _ := p.resolve(p.keys[id]) // checked when it was parsed
	return kp
}

func (p Policy) resolve(k rawKey) (KeyPolicy, error) {
	d := p.defaults
	out := KeyPolicy{
		Role:    deref(RoleSigner, k.Role, d.Role),
		Revoked: deref(false, k.Revoked, d.Revoked),
		Plain:   deref(false, k.Plain, d.Plain),
		Recheck: deref(false, k.Recheck, d.Recheck),
		Formats: deref(nil, k.Formats, d.Formats),
		Targets: deref(nil, k.Targets, d.Targets),
		Names:   deref(nil, k.Names, d.Names),
	}
	if out.Role != RoleSigner && out.Role != RoleRoot {
		return out, fmt.Errorf("role %q is neither root nor signer", out.Role)
	}
	for _, f := range out.Formats {
		if !slices.Contains(formats, f) {
			return out, fmt.Errorf("format %q is not known", f)
		}
	}
	out.Capabilities = capability.Default()
	if words := deref(nil, k.Capabilities, d.Capabilities); words != nil {
		set, err := capability.Parse(words)
		if err != nil {
			return out, err
		}
		out.Capabilities = set
	}
	var err error
	if out.NotBefore, err = policyTime(k.NotBefore, d.NotBefore); err != nil {
		return out, fmt.Errorf("not_before: %w", err)
	}
	if out.NotAfter, err = policyTime(k.NotAfter, d.NotAfter); err != nil {
		return out, fmt.Errorf("not_after: %w", err)
	}
	return out, nil
}

func deref[T any](def T, candidates ...*T) T {
	for _, c := range candidates {
		if c != nil {
			return *c
		}
	}
	return def
}

// policyTime takes a TOML date-time, or the same as a string.
func policyTime(candidates ...any) (time.Time, error) {
	for _, c := range candidates {
		switch v := c.(type) {
		case nil:
		case time.Time:
			return v.UTC(), nil
		case string:
			return parseTime(v)
		default:
			return time.Time{}, fmt.Errorf("not a time")
		}
	}
	return time.Time{}, nil
}

// matchGlob matches a pattern in which * stands for any text and ? for one
// byte. Going back only to the last star keeps it quadratic at worst.
func matchGlob(pattern, s string) bool {
	p, i, star, mark := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

func matchAny(globs []string, s string) bool {
	return globs == nil || slices.ContainsFunc(globs, func(g string) bool { return matchGlob(g, s) })
}
