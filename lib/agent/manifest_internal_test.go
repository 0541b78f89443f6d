package agent

import "testing"

// FuzzManifest feeds manifests of strangers: none may bring the agent down,
// and what is taken has names, and versions that compare.
func FuzzManifest(f *testing.F) {
	for _, s := range []string{
		`{version="1",components={{name="a.x",version="1.2",location="one",provides={f="2.0"},depends={g=">=1 <2"},parameters={l={1,2}}}}}`,
		`return {components={{name="a.x"}}}`, `{force=true,components={{name="a",version="1",location="../x"}}}`,
		`{components={{name="a.b",version="1",location="x",depends={f="#1,2"}}}}`, `{`, `{components={}}`, "",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := parseManifest(text)
		if err != nil {
			if m != nil {
				t.Errorf("a manifest beside the error %v", err)
			}
			return
		}
		for _, c := range m.Components {
			if c.Name == "" || c.Version != "" && !versionText().MatchString(c.Version) {
				t.Errorf("component %+v", c)
			}
		}
		_ = checkDepends(m.Components)
	})
}

// FuzzVersions: the order of versions is one, and conditions agree with it.
func FuzzVersions(f *testing.F) {
	f.Add("1.2", "1.10", ">=1.2 <2")
	f.Add("1.0-rc1", "1.0", "#1.0,1.1")
	f.Add("", "a", "=")
	f.Fuzz(func(t *testing.T, a, b, conditions string) {
		if len(a)+len(b) > 200 {
			return
		}
		ab, ba := compareVersions(a, b), compareVersions(b, a)
		if ab != -ba || compareVersions(a, a) != 0 {
			t.Errorf("%q against %q: %d and %d", a, b, ab, ba)
		}
		if versionText().MatchString(a) && versionText().MatchString(b) {
			if ok, err := satisfies(">="+b, a); err != nil || ok != (ab >= 0) {
				t.Errorf("%q >= %q: %v, %v", a, b, ok, err)
			}
		}
		if ok, err := satisfies(conditions, a); ok && err != nil {
			t.Errorf("%q fulfilled, and %v", conditions, err)
		}
	})
}
