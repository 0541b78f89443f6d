package sovd

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"

	"lander/lib/job"
)

// The kinds of entities, as the paths of their collections.
const (
	Components = "components"
	Apps       = "apps"
	Areas      = "areas"
	Functions  = "functions"
)

// ErrManifest is wrapped by every fault of a manifest.
var ErrManifest = errors.New("manifest")

// Manifest is what entities there are and which managed scripts they have.
type Manifest struct {
	Entities map[string]*Entity // by id; ids are unique over all kinds
	Scripts  []ManagedScript    // sorted by id
	Warnings []string           // what was skipped
}

// Entity is one component, app, area or function.
type Entity struct {
	Kind        string `yaml:"-"` // a collection's path
	ID          string `yaml:"id"`
	Name        string `yaml:"name"`
	Description string `yaml:"description"`
	Type        string `yaml:"type"`
	Variant     string `yaml:"variant"`

	Area      string   `yaml:"area"`                // of a component
	ParentID  string   `yaml:"parent_component_id"` // of a component
	Within    string   `yaml:"parent_area"`         // of an area
	Namespace string   `yaml:"namespace"`
	LocatedOn string   `yaml:"is_located_on"` // of an app: a component
	DependsOn []string `yaml:"depends_on"`
	Tags      []string `yaml:"tags"`

	Online *bool          `yaml:"-"` // of an entity that comes and goes
	Source string         `yaml:"-"` // where it is known from; "": the manifest, or an agent when Online is known
	Detail map[string]any `yaml:"-"` // shown as x-lander
}

// ManagedScript is a script of the manifest. It cannot be deleted by clients.
type ManagedScript struct {
	ID          string            `yaml:"id"`
	Name        string            `yaml:"name"`
	Description string            `yaml:"description"`
	Path        string            `yaml:"path"`
	Format      string            `yaml:"format"`
	TimeoutSec  *int              `yaml:"timeout_sec"`
	Filter      []string          `yaml:"entity_filter"`
	Env         map[string]string `yaml:"env"`
	Args        []Argument        `yaml:"args"`
	Schema      any               `yaml:"parameters_schema"`
	// Proximity is the sha256 of the text that proves that the caller stands
	// at the machine, in lower hex; "" asks for no proof.
	Proximity string `yaml:"proximity_sha256"`

	schema json.RawMessage
}

// Argument is how one parameter becomes arguments of the program.
type Argument struct {
	Name string `yaml:"name"`
	Type string `yaml:"type"` // positional, named or flag
	Flag string `yaml:"flag"`
}

// manifestFile is the YAML as it stands.
type manifestFile struct {
	Version    string          `yaml:"manifest_version"`
	Areas      []Entity        `yaml:"areas"`
	Components []Entity        `yaml:"components"`
	Apps       []Entity        `yaml:"apps"`
	Functions  []Entity        `yaml:"functions"`
	Scripts    []ManagedScript `yaml:"scripts"`
}

// MaxManifest bounds a manifest, in bytes.
const MaxManifest = 4 << 20

// ParseManifest reads a manifest. Top-level keys that are not known are
// skipped with a warning.
func ParseManifest(text []byte) (*Manifest, error) {
	if len(text) > MaxManifest {
		return nil, fmt.Errorf("%w: %d bytes, at most %d are read", ErrManifest, len(text), MaxManifest)
	}
	var f manifestFile
	if err := yaml.Unmarshal(text, &f); err != nil {
		return nil, fmt.Errorf("%w: %s", ErrManifest, yamlFault(err))
	}
	if f.Version == "" {
		return nil, fmt.Errorf("%w: manifest_version is missing", ErrManifest)
	}
	m := &Manifest{Entities: map[string]*Entity{}, Scripts: f.Scripts}
	m.warnUnknown(text)
	for _, part := range []struct {
		kind string
		list []Entity
	}{{Areas, f.Areas}, {Components, f.Components}, {Apps, f.Apps}, {Functions, f.Functions}} {
		for i := range part.list {
			if err := m.add(part.kind, &part.list[i]); err != nil {
				return nil, err
			}
		}
	}
	if err := m.checkReferences(); err != nil {
		return nil, err
	}
	if err := m.checkScripts(); err != nil {
		return nil, err
	}
	return m, nil
}

// yamlFault words an error of the YAML library as one line.
func yamlFault(err error) string {
	if te, ok := errors.AsType[*yaml.TypeError](err); ok {
		return strings.Join(te.Errors, "; ")
	}
	return strings.TrimPrefix(err.Error(), "yaml: ")
}

func (m *Manifest) warnUnknown(text []byte) {
	var top map[string]any
	if yaml.Unmarshal(text, &top) != nil {
		return
	}
	for _, k := range slices.Sorted(maps.Keys(top)) {
		if !slices.Contains([]string{"manifest_version", Areas, Components, Apps, Functions, "scripts", "metadata"}, k) {
			m.Warnings = append(m.Warnings, fmt.Sprintf("unknown key %s is skipped", k))
		}
	}
}

func (m *Manifest) add(kind string, e *Entity) error {
	if bad := badID(e.ID, "Entity"); bad != "" {
		return fmt.Errorf("%w: %s: %s", ErrManifest, kind, bad)
	}
	if old := m.Entities[e.ID]; old != nil {
		return fmt.Errorf("%w: the id %s is used twice, in %s and in %s", ErrManifest, e.ID, old.Kind, kind)
	}
	e.Kind = kind
	if e.Name == "" {
		e.Name = e.ID
	}
	m.Entities[e.ID] = e
	return nil
}

// checkReferences makes sure that links between entities lead somewhere.
func (m *Manifest) checkReferences() error {
	check := func(from *Entity, what, to, kind string) error {
		if to == "" || m.Entities[to] != nil && m.Entities[to].Kind == kind {
			return nil
		}
		return fmt.Errorf("%w: %s %s: %s %q is not one of %s", ErrManifest, from.Kind, from.ID, what, to, kind)
	}
	for _, id := range slices.Sorted(maps.Keys(m.Entities)) {
		e := m.Entities[id]
		if err := errors.Join(check(e, "area", e.Area, Areas), check(e, "parent_area", e.Within, Areas), check(e, "parent_component_id", e.ParentID, Components), check(e, "is_located_on", e.LocatedOn, Components)); err != nil {
			return err
		}
	}
	return nil
}

func (m *Manifest) checkScripts() error {
	sort.SliceStable(m.Scripts, func(i, j int) bool { return m.Scripts[i].ID < m.Scripts[j].ID })
	for i := range m.Scripts {
		s := &m.Scripts[i]
		if bad := badID(s.ID, "Script"); bad != "" {
			return fmt.Errorf("%w: scripts: %s", ErrManifest, bad)
		}
		switch {
		case i > 0 && m.Scripts[i-1].ID == s.ID:
			return fmt.Errorf("%w: R012: duplicate script id %s", ErrManifest, s.ID)
		case s.Path == "":
			return fmt.Errorf("%w: script %s: path is missing", ErrManifest, s.ID)
		case !slices.Contains([]string{job.FormatSh, job.FormatBash, job.FormatPython, job.FormatLua}, s.Format):
			return fmt.Errorf("%w: script %s: format %q is not sh, bash, python or lua", ErrManifest, s.ID, s.Format)
		case s.TimeoutSec != nil && *s.TimeoutSec < 0:
			return fmt.Errorf("%w: script %s: timeout_sec %d is below 0", ErrManifest, s.ID, *s.TimeoutSec)
		case s.Proximity != "" && !isDigest(s.Proximity):
			return fmt.Errorf("%w: script %s: proximity_sha256 is not 64 lower hex digits", ErrManifest, s.ID)
		}
		if s.Name == "" {
			s.Name = s.ID
		}
		if err := m.checkScript(s); err != nil {
			return err
		}
	}
	return nil
}

// checkScript prepares what is costly to find out at a start.
func (m *Manifest) checkScript(s *ManagedScript) error {
	for _, pattern := range s.Filter {
		if err := checkGlob(pattern); err != nil {
			return fmt.Errorf("%w: script %s: entity_filter %q: %w", ErrManifest, s.ID, pattern, err)
		}
	}
	for _, a := range s.Args {
		if a.Type != argPositional && a.Type != argNamed && a.Type != argFlag {
			what := "it is left out"
			if a.Flag != "" {
				what = "it is taken as named"
			}
			m.Warnings = append(m.Warnings, fmt.Sprintf("script %s: argument %s has the unknown type %q: %s", s.ID, a.Name, a.Type, what))
		}
	}
	if s.Schema == nil {
		return nil
	}
	b, err := json.Marshal(s.Schema)
	if err != nil {
		return fmt.Errorf("%w: script %s: parameters_schema: %w", ErrManifest, s.ID, err)
	}
	s.schema = b
	if _, err := compileSchema(b); err != nil {
		return fmt.Errorf("%w: script %s: parameters_schema: %w", ErrManifest, s.ID, err)
	}
	return nil
}

func isDigest(s string) bool {
	if len(s) != 64 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
