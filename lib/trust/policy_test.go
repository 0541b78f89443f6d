package trust_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lander/lib/capability"
	"lander/lib/trust"
)

const aKey = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3" // its id is E7620F1842B4E81F

func TestPolicy(t *testing.T) {
	p, err := trust.ParsePolicy("policy.toml", []byte(`
[defaults]
formats = ["lua", "sh"]
names = []
not_after = 2027-01-01T00:00:00+01:00
capabilities = ["base"]
plain = true
[[key]]
id = "e7620f1842b4e81f"
role = "root"
not_before = "2026-01-01T00:00:00Z"
revoked = true
formats = ["keys"]
targets = ["group:*"]
recheck = true
plain = false
`))
	if err != nil {
		t.Fatal(err)
	}
	until := time.Date(2026, 12, 31, 23, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		policy trust.Policy
		id     string
		want   trust.KeyPolicy
	}{
		{trust.Policy{}, "E7620F1842B4E81F", trust.KeyPolicy{Role: trust.RoleSigner, Capabilities: capability.Default()}},
		{p, "0000000000000000", trust.KeyPolicy{Role: trust.RoleSigner, NotAfter: until, Formats: []string{"lua", "sh"}, Names: []string{}, Capabilities: capability.Set{"base"}, Plain: true}},
		{p, "E7620F1842B4E81F", trust.KeyPolicy{
			Role: trust.RoleRoot, NotBefore: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: until, Revoked: true,
			Formats: []string{"keys"}, Targets: []string{"group:*"}, Names: []string{}, Capabilities: capability.Set{"base"}, Recheck: true,
		}},
	} {
		if diff := cmp.Diff(tt.want, tt.policy.For(tt.id)); diff != "" {
			t.Errorf("%s: %s", tt.id, diff)
		}
	}
}

// What a policy and a key list may not be: half of one is not used.
func TestPolicyErrors(t *testing.T) {
	key := "[[key]]\nid='E7620F1842B4E81F'\n"
	list := "[[key]]\nrole='root'\npub='" + aKey + "'\n"
	for _, tt := range []struct{ text, policy, list string }{ // "" for good
		{"", "", "no root key"},
		{key, "", "has no pub="},
		{list, "has pub=", ""},
		{list + "revoked=true", "has pub=", "no root key"},
		{list + "id='e7620f1842b4e81f'", "has pub=", ""},
		{list + "id='E7620F1842B4E81E'", "has the public key of E7620F1842B4E81F", "has the public key of E7620F1842B4E81F"},
		{list + list, "two [[key]] entries", "two [[key]] entries"},
		{"[[key]]\npub='RWQ='", "number 1: public key is malformed", "number 1: public key is malformed"},
		{key + key, "two [[key]] entries for E7620F1842B4E81F", "two"},
		{"[[key]]\nid='E7620F1842B4E81'", "number 1: key id", "number 1: key id"},
		{"[[key]]\nid='E7620F1842B4E81G'", "is not 16 hex digits", "is not 16 hex digits"},
		{key + "role='boss'", `role "boss"`, `role "boss"`},
		{key + "formats=['exe']", `format "exe"`, `format "exe"`},
		{key + "capabilities=['root']", `capability "root"`, `capability "root"`},
		{key + "not_before='soon'", "not_before: ", "not_before: "},
		{key + "not_after=2027", "not_after: not a time", "not_after: not a time"},
		{key + "\n\ncolour='red'", "f:5: unknown key key.colour", "unknown"},
		{key + " \"colour\" = 'red'", "f:3: unknown key key.colour", "unknown"},
		{key + "[key.colour]\nred=1", "f:3: unknown key key.colour", "unknown"},
		{key + "colours=1\ncolour=1", "f:3: unknown key key.colours", "unknown"},
		{"[[key\n", "f:2: ", "key list:2: "},
		{"[defaults]\nrole='boss'", "[defaults]: role", "[defaults]: role"},
		{"[defaults]\nid='E7620F1842B4E81F'", "must not have id or pub", "must not have id or pub"},
	} {
		_, err := trust.ParsePolicy("f", []byte(tt.text))
		_, lerr := trust.ParseKeyList([]byte(tt.text))
		for _, got := range []struct {
			err  error
			want string
		}{{err, tt.policy}, {lerr, tt.list}} {
			if (got.err == nil) != (got.want == "") || got.err != nil && (!errors.Is(got.err, trust.ErrInvalid) || !strings.Contains(got.err.Error(), got.want)) {
				t.Errorf("%q: %v, want %q", tt.text, got.err, got.want)
			}
		}
	}
}

// A store with a file that cannot be used is not used at all, and a key does
// not take the place of another that has its id.
func TestStoreIsWhole(t *testing.T) {
	raw, err := base64.StdEncoding.DecodeString(aKey)
	if err != nil {
		t.Fatal(err)
	}
	raw[41] ^= 1
	twin := []byte(base64.StdEncoding.EncodeToString(raw) + "\n")
	for what, put := range map[string]func(dir string) error{
		"another key with the id": func(dir string) error { return os.WriteFile(filepath.Join(dir, "b.pub"), twin, 0o600) },
		"no key":                  func(dir string) error { return os.WriteFile(filepath.Join(dir, "b.pub"), nil, 0o600) },
		"a directory":             func(dir string) error { return os.Mkdir(filepath.Join(dir, "b.pub"), 0o700) },
		"a policy that is none":   func(dir string) error { return os.Mkdir(filepath.Join(dir, "policy.toml"), 0o700) },
		"a policy without end": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "policy.toml"), bytes.Repeat([]byte("#"), 1<<20+1), 0o600)
		},
	} {
		dir := t.TempDir()
		for range 2 {
			if id, err := trust.Add(dir, []byte(aKey), ""); err != nil || id != "E7620F1842B4E81F" {
				t.Fatal(id, err)
			}
		}
		if _, err := trust.Add(dir, twin, ""); err == nil || !strings.Contains(err.Error(), "another key with the id") {
			t.Errorf("adding a twin: %v", err)
		}
		if err := put(dir); err != nil {
			t.Fatal(err)
		}
		if s, err := trust.OpenStore(dir); err == nil || s != nil {
			t.Errorf("%s: %v, %v", what, s, err)
		}
	}
}
