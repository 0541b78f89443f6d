package provision

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"lander/lib/luaota"
	"lander/lib/luaota/record"
)

// The names of a tree's own files.
const (
	DefaultName  = "default.json" // for boards without a manifest of their own
	SettingsName = "lander.json"  // defaults of releases and groups
)

// manifestID is the board that a file name, ESP-<decimal id>.json, is the
// manifest of.
func manifestID(name string) (id int64, ok bool) {
	digits, esp := strings.CutPrefix(name, "ESP-")
	digits, json := strings.CutSuffix(digits, ".json")
	if !esp || !json {
		return 0, false
	}
	id, err := strconv.ParseInt(digits, 10, 64)
	return id, err == nil && 0 <= id && id <= luaota.MaxID && strconv.FormatInt(id, 10) == digits
}

// Manifest says what a board should have. The original's form, secret and a list
// of names, is one [formats: luaOTA tree].
type Manifest struct {
	Secret     string         // of the records, required
	OldSecrets []string       // taken too; such a board is given Secret
	Files      []ManifestFile //
	Delete     []string       // names on the flash
	Release    string         // name of the release, for people and rollout
	Groups     []string       //
	Collect    []string       // names on the flash to fetch
	Config     record.Object  // members to set in config.json; null drops one
	Strict     bool           // boards that speak plainly are not served
	Lua        string         // "5.1", or "5.3": sources are then not compiled here
	Plain      bool           // nothing in it that the original does not know
}

// ManifestFile is one entry of files.
type ManifestFile struct {
	Path string `json:"path"`
	Name string `json:"name"` // on the flash; "": Path
	Mode string `json:"mode"` // "": compiled for .lua, else raw
}

// UnmarshalJSON takes a bare name too.
func (f *ManifestFile) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, &f.Path)
	}
	type plain ManifestFile
	return json.Unmarshal(b, (*plain)(f))
}

// Settings are what lander.json says for the whole tree.
type Settings struct {
	Release      string              `json:"release"`       // of manifests that name none
	Groups       map[string][]string `json:"groups"`        // name -> decimal chip ids
	CommitWindow string              `json:"commit_window"` // duration; "": 10m
	Record       int                 `json:"record"`        // bytes of data in a record to an original client, 256 to 1360; 0: 1024
	Window       time.Duration       `json:"-"`
}

// errManifest is wrapped by the error about a manifest that is none.
var errManifest = errors.New("not a manifest")

// ParseManifest reads a manifest. Members that it does not know are ignored, as
// the original does.
func ParseManifest(b []byte) (Manifest, error) {
	var raw struct {
		Secret     *string         `json:"secret"`      // of this type, see secretOf
		OldSecrets []string        `json:"old_secrets"` // the same
		Files      []ManifestFile  `json:"files"`
		Delete     []string        `json:"delete"`
		Release    string          `json:"release"`
		Groups     []string        `json:"groups"`
		Collect    []string        `json:"collect"`
		Config     json.RawMessage `json:"config"`
		Strict     bool            `json:"strict"`
		Lua        string          `json:"lua"`
	}
	if err := json.Unmarshal(b, &raw); err != nil {
		return Manifest{}, fmt.Errorf("%w: %w", errManifest, inJSON(b, err))
	}
	secret := secretOf(b)
	if secret == "" {
		return Manifest{}, fmt.Errorf("%w: it has no secret", errManifest)
	}
	if raw.Files == nil {
		return Manifest{}, fmt.Errorf("%w: it has no files", errManifest)
	}
	m := Manifest{
		Secret: secret, Files: raw.Files, Delete: raw.Delete, Release: raw.Release,
		Groups: raw.Groups, Collect: raw.Collect, Strict: raw.Strict, Lua: raw.Lua,
	}
	var old struct {
		Secrets []json.RawMessage `json:"old_secrets"`
	}
	if err := json.Unmarshal(b, &old); err != nil {
		return Manifest{}, fmt.Errorf("%w: %w", errManifest, inJSON(b, err))
	}
	for _, v := range old.Secrets {
		text, _ := record.Value(v).Text()
		m.OldSecrets = append(m.OldSecrets, text)
	}
	if len(raw.Config) > 0 {
		o, err := record.ParseObject(raw.Config)
		if err != nil {
			return Manifest{}, fmt.Errorf("%w: config: %w", errManifest, err)
		}
		for _, k := range []string{"secret", "id", "a", "chk", "files", "sx"} {
			if o.Get(k) != "" {
				return Manifest{}, fmt.Errorf("%w: config may not set %s", errManifest, k)
			}
		}
		m.Config = o
	}
	if m.Lua != "" && m.Lua != "5.1" && m.Lua != "5.3" {
		return Manifest{}, fmt.Errorf("%w: lua is 5.1 or 5.3, not %q", errManifest, m.Lua)
	}
	m.Plain = len(m.OldSecrets)+len(m.Delete)+len(m.Collect)+len(m.Config) == 0 && !m.Strict
	for _, f := range m.Files {
		m.Plain = m.Plain && f.Name == "" && f.Mode == ""
	}
	return m, nil
}

// ParseSettings reads lander.json.
func ParseSettings(b []byte) (Settings, error) {
	s := Settings{Window: defaultWindow}
	if err := json.Unmarshal(b, &s); err != nil {
		return Settings{}, inJSON(b, err)
	}
	if s.Record != 0 && (s.Record < 256 || s.Record > 1360) {
		return Settings{}, fmt.Errorf("record %d is not between 256 and 1360", s.Record)
	}
	if s.CommitWindow != "" {
		d, err := time.ParseDuration(s.CommitWindow)
		if err != nil || d <= 0 {
			return Settings{}, fmt.Errorf("commit_window %q is no duration", s.CommitWindow)
		}
		s.Window = d
	}
	return s, nil
}

// inJSON says of a syntax fault in which line it is, and of a value of another type
// what it should be.
func inJSON(b []byte, err error) error {
	if se, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("line %d: %w", 1+strings.Count(string(b[:min(int(se.Offset), len(b))]), "\n"), err)
	}
	te, ok := errors.AsType[*json.UnmarshalTypeError](err)
	if !ok {
		return err
	}
	want := "an object"
	switch te.Type.Kind() {
	case reflect.String:
		want = "a text"
	case reflect.Slice:
		want = "a list"
	case reflect.Bool:
		want = "true or false"
	case reflect.Int:
		want = "a whole number"
	}
	what := cmp.Or(strings.TrimPrefix(te.Field, "."), "it")
	return fmt.Errorf("%s should be %s, not %s", what, want, te.Value)
}
