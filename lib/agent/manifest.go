package agent

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"lander/lib/emp/frame"
	"lander/lib/luatable"
)

// component is one part of an update package, or installed on the device.
type component struct {
	Name       string            `json:"name"` // begins with the asset
	Version    string            `json:"version,omitempty"`
	Location   string            `json:"location,omitempty"` // within the package, or absolute
	Parameters *frame.Value      `json:"parameters,omitempty"`
	Provides   map[string]string `json:"provides,omitempty"`
	Depends    map[string]string `json:"depends,omitempty"`
}

// manifest says what a package holds [EMP 4, 20].
type manifest struct {
	Version    string
	Force      bool // whatever the dependencies say
	Components []component
}

// maxManifest bounds the file in bytes.
const maxManifest = 1 << 20

var versionText = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z._+-]*$`) })

// parseManifest reads the file Manifest of a package.
func parseManifest(text []byte) (*manifest, error) {
	t, err := luatable.Parse(text)
	switch {
	case err == luatable.ErrNotTable:
		return nil, &updateError{updateNoTable, "the manifest is no table"}
	case err != nil:
		return nil, &updateError{updateNotLua, "the manifest: " + err.Error()}
	}
	m := &manifest{Version: fmt.Sprint(t.Fields["version"])}
	m.Force, _ = t.Fields["force"].(bool)
	list, _ := t.Fields["components"].(*luatable.Table)
	if list == nil || len(list.List) == 0 {
		return nil, badManifest("no components")
	}
	for _, e := range list.List {
		ct, ok := e.(*luatable.Table)
		if !ok {
			return nil, badManifest("a component is no table")
		}
		c, err := parseComponent(ct)
		if err != nil {
			return nil, err
		}
		m.Components = append(m.Components, c)
	}
	return m, nil
}

func badManifest(format string, args ...any) error {
	return &updateError{updateManifest, "the manifest: " + fmt.Sprintf(format, args...)}
}

func parseComponent(t *luatable.Table) (component, error) {
	c := component{Name: t.Text("name"), Version: t.Text("version"), Location: t.Text("location")}
	fail := func(format string, args ...any) (component, error) {
		return component{}, badManifest(format, args...)
	}
	asset, rest, dotted := strings.Cut(c.Name, ".")
	if asset == "" || dotted && rest == "" || strings.ContainsAny(c.Name, "\x00\n") {
		return fail("%.80q is no component name", c.Name)
	}
	if v := t.Fields["version"]; v != nil && (c.Version == "" || !versionText().MatchString(c.Version)) {
		return fail("component %s: %v is no version", c.Name, v)
	}
	var err error
	if c.Provides, err = texts(t.Fields["provides"]); err != nil {
		return fail("component %s: provides: %v", c.Name, err)
	}
	if c.Depends, err = texts(t.Fields["depends"]); err != nil {
		return fail("component %s: depends: %v", c.Name, err)
	}
	for _, d := range c.Depends {
		if _, err := satisfies(d, "0"); err != nil {
			return fail("component %s: depends: %v", c.Name, err)
		}
	}
	if p := t.Fields["parameters"]; p != nil {
		v, err := tableValue(p)
		if err != nil || v.Kind() == frame.KindList && v.Len() > 0 || v.Scalar() {
			return fail("component %s: the parameters are no map", c.Name)
		}
		if v.Kind() == frame.KindList {
			v = frame.Map()
		}
		c.Parameters = &v
	}
	switch {
	case c.Version == "" && (len(c.Provides) > 0 || len(c.Depends) > 0):
		return fail("component %s is to be removed, but depends or provides", c.Name)
	case c.Version != "" && (c.Location == "" || path.IsAbs(c.Location) || strings.ContainsAny(c.Location, "\x00\n\\")):
		return component{}, &updateError{updateBadPath, fmt.Sprintf("component %s has no location within the package", c.Name)}
	}
	return c, nil
}

// texts reads a map from names to strings.
func texts(v any) (map[string]string, error) {
	if v == nil {
		return nil, nil
	}
	t, ok := v.(*luatable.Table)
	if !ok || len(t.List) > 0 {
		return nil, fmt.Errorf("not a map")
	}
	out := map[string]string{}
	for k, v := range t.Fields {
		s, ok := v.(string)
		if !ok {
			return nil, fmt.Errorf("%s is no string", k)
		}
		out[k] = s
	}
	return out, nil
}

// tableValue makes JSON of Lua data; a table is a list or a map.
func tableValue(v any) (frame.Value, error) {
	t, ok := v.(*luatable.Table)
	if !ok {
		return frame.Of(v)
	}
	if len(t.List) > 0 && len(t.Fields) > 0 {
		return frame.Value{}, fmt.Errorf("a table is a list and a map")
	}
	if len(t.Fields) > 0 {
		m := map[string]any{}
		for k, e := range t.Fields {
			x, err := tableValue(e)
			if err != nil {
				return frame.Value{}, err
			}
			m[k] = x
		}
		return frame.Of(m)
	}
	var vs []frame.Value
	for _, e := range t.List {
		x, err := tableValue(e)
		if err != nil {
			return frame.Value{}, err
		}
		vs = append(vs, x)
	}
	return frame.List(vs...), nil
}

// checkDepends reports whether everything that is installed when the package
// has been has what it depends on: a component by its name, or a feature that
// one provides, in a version that will do.
func checkDepends(installed []component) error {
	has := map[string][]string{}
	for _, c := range installed {
		has[c.Name] = append(has[c.Name], c.Version)
		for f, v := range c.Provides {
			has[f] = append(has[f], v)
		}
	}
	for _, c := range installed {
		for feature, want := range c.Depends {
			ok := false
			for _, v := range has[feature] {
				fits, err := satisfies(want, v)
				ok = ok || fits && err == nil
			}
			if !ok {
				return &updateError{updateDepends, fmt.Sprintf("component %s depends on %s %s", c.Name, feature, want)}
			}
		}
	}
	return nil
}

// satisfies reports whether a version fulfils all the conditions of a text:
// `>=1.2 <2`, or `#1.0,1.1` for one of several. "" is fulfilled by any.
func satisfies(conditions, version string) (bool, error) {
	all := true
	for _, c := range strings.Fields(conditions) {
		if list, ok := strings.CutPrefix(c, "#"); ok {
			one := false
			for v := range strings.SplitSeq(list, ",") {
				if !versionText().MatchString(v) {
					return false, fmt.Errorf("%q is no version", v)
				}
				one = one || compareVersions(version, v) == 0
			}
			all = all && one
			continue
		}
		n := strings.IndexFunc(c, func(r rune) bool { return !strings.ContainsRune("=!<>", r) })
		if n < 0 || !versionText().MatchString(c[n:]) {
			return false, fmt.Errorf("%q is no condition", c)
		}
		d := compareVersions(version, c[n:])
		ok, known := map[string]bool{"=": d == 0, "!=": d != 0, ">": d > 0, "<": d < 0, ">=": d >= 0, "<=": d <= 0}[c[:n]]
		if !known {
			return false, fmt.Errorf("%q is no condition", c)
		}
		all = all && ok
	}
	return all, nil
}

// compareVersions compares part by part: numbers as numbers, the rest as
// text; a number is later than text, and more parts are later than fewer.
func compareVersions(a, b string) int {
	split := func(s string) []string {
		return strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune("._+-", r) })
	}
	x, y := split(a), split(b)
	for i := range min(len(x), len(y)) {
		m, errM := strconv.ParseUint(x[i], 10, 64)
		n, errN := strconv.ParseUint(y[i], 10, 64)
		var d int
		switch {
		case errM == nil && errN == nil:
			d = cmp.Compare(m, n)
		case errM == nil:
			d = 1
		case errN == nil:
			d = -1
		default:
			d = strings.Compare(x[i], y[i])
		}
		if d != 0 {
			return d
		}
	}
	return cmp.Compare(len(x), len(y))
}
