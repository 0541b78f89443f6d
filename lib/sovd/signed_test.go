package sovd_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lander/lib/bundle"
	"lander/lib/journal"
	"lander/lib/sovd"
	"lander/lib/trust"
)

// signer signs scripts for a gateway that takes only signed ones.
type signer struct {
	*rig
	key   trust.PrivateKey
	trust string
	now   *clock
}

func newSigner(t *testing.T, policy string) *signer {
	t.Helper()
	dir := t.TempDir()
	s := &signer{trust: filepath.Join(dir, "trust"), now: &clock{now: time.Now()}}
	var err error
	if s.key, err = trust.GenerateKey(); err != nil {
		t.Fatal(err)
	}
	if _, err := trust.Add(s.trust, s.key.Public().Text(), ""); err != nil {
		t.Fatal(err)
	}
	s.policy(t, policy)
	serials, err := trust.OpenSerials(filepath.Join(dir, "serials"))
	if err != nil {
		t.Fatal(err)
	}
	j, err := journal.Open(dir, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	s.rig = newRig(t, func(o *sovd.FilesOptions, c *sovd.Config) {
		o.Signed = &sovd.Signed{Trust: func() (*trust.Store, error) { return trust.OpenStore(s.trust) }, Serials: serials}
		o.Clock, c.Journal = s.now.time, j
	})
	return s
}

// policy writes what the key may do, beside running programs.
func (s *signer) policy(t *testing.T, more string) {
	t.Helper()
	text := fmt.Sprintf("[[key]]\nid = %q\ncapabilities = [\"base\", \"exec\"]\n%s", s.key.Public().ID(), more)
	if err := os.WriteFile(filepath.Join(s.trust, "policy.toml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (s *signer) bundle(payload string, change func(*trust.Statement)) string {
	s.t.Helper()
	p, err := bundle.Spool(strings.NewReader(payload), 1<<20, "")
	if err != nil {
		s.t.Fatal(err)
	}
	defer p.Close()
	now := s.now.time().Truncate(time.Second)
	st := trust.Statement{Name: "t.sh", Format: "sh", Size: p.Size, SHA256: p.SHA256, Targets: []string{"components/main-computer"}, Serial: 7, Signed: now, Expires: now.Add(time.Hour)}
	if change != nil {
		change(&st)
	}
	comment, err := st.Comment()
	if err != nil {
		s.t.Fatal(err)
	}
	var b bytes.Buffer
	if err := bundle.Pack(&b, p.Sign(s.key, comment, bundle.Comment), p.Reader()); err != nil {
		s.t.Fatal(err)
	}
	return b.String()
}

func TestSignedOnly(t *testing.T) {
	s := newSigner(t, "")
	good := s.bundle("echo signed\n", nil)
	tampered := strings.Replace(good, "echo signed", "echo altered", 1)
	other := &signer{rig: s.rig, now: s.now}
	var err error
	if other.key, err = trust.GenerateKey(); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"plain": "echo plain", "tampered": tampered, "same size": strings.Replace(good, "signed", "Signed", 1), "another key": other.bundle("echo x", nil),
		"another entity": s.bundle("echo x", func(st *trust.Statement) { st.Targets = []string{"components/camera"} }),
		"expired": s.bundle("echo x", func(st *trust.Statement) {
			st.Signed, st.Expires = st.Signed.Add(-2*time.Hour), st.Signed.Add(-time.Hour)
		}),
		"format": s.bundle("{}", func(st *trust.Statement) { st.Format = "data" }),
	} {
		if r := s.upload("x.sh", content); r.status != 403 || r.at("vendor_code") != "x-lander-signature-refused" || strings.Contains(r.text, s.trust) {
			t.Errorf("%s: %d %s", name, r.status, r.text)
		}
	}
	// On record is whose each was, and why in full, as far as it is a bundle.
	text, err := os.ReadFile(filepath.Join(filepath.Dir(s.trust), journal.FileName))
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]int{}
	for b := range bytes.Lines(text) {
		l, err := journal.ParseLine(b)
		if err != nil || l.Verdict != journal.Refused {
			t.Fatalf("%+v, %v", l, err)
		}
		if l.KeyID == s.key.Public().ID() && l.Serial != nil && *l.Serial == 7 && l.SHA256 != "" && l.Format != "" {
			said["known"]++
		} else if l.KeyID == other.key.Public().ID() && l.Serial == nil && strings.Contains(l.Reason, "is not in the trust store") {
			said["stranger"]++
		}
	}
	if said["known"] != 4 || said["stranger"] != 1 {
		t.Errorf("%v: %s", said, text)
	}
	up := s.upload("whatever.txt", good)
	if up.status != 201 {
		t.Fatalf("%d %s", up.status, up.text)
	}
	id := up.body["id"].(string)
	if r := s.do("GET", scripts+"/"+id, ""); r.at("x-lander.key_id") != s.key.Public().ID() || r.at("x-lander.serial") != 7.0 || r.at("x-lander.format") != "sh" {
		t.Errorf("%s", r.text)
	}
	r := s.run(id, "")
	if r.at("parameters.stdout") != "signed\n" || r.at("x-lander.key_id") != s.key.Public().ID() {
		t.Errorf("%s", r.text)
	}
	// Older than what was seen.
	if r := s.upload("x.sh", s.bundle("echo old", func(st *trust.Statement) { st.Serial = 6 })); r.status != 403 || r.at("parameters.reason") != "replayed" {
		t.Errorf("%d %s", r.status, r.text)
	}
	// What nobody signed does not run, whoever put it there.
	if r := s.do("POST", scripts+"/man_true/executions", `{"execution_type":"now"}`); r.status != 403 {
		t.Errorf("managed: %d %s", r.status, r.text)
	}
	// It is verified again before each run.
	file := filepath.Join(s.dir, "scripts", "main-computer", id, "script.sh")
	if err := os.WriteFile(file, []byte(tampered), 0o600); err != nil {
		t.Fatal(err)
	}
	start := func() reply { return s.do("POST", scripts+"/"+id+"/executions", `{"execution_type":"now"}`) }
	if r := start(); r.status != 403 {
		t.Errorf("altered on disk: %d %s", r.status, r.text)
	}
	if err := os.WriteFile(file, []byte(good), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := start(); r.status != 202 {
		t.Errorf("%d %s", r.status, r.text)
	}
	// The window counted when it came in, unless the key's policy says more.
	s.now.add(2 * time.Hour)
	if r := start(); r.status != 202 {
		t.Errorf("after its window: %d %s", r.status, r.text)
	}
	s.policy(t, "recheck = true\n")
	if r := start(); r.status != 403 || r.at("parameters.reason") != "expired" {
		t.Errorf("recheck: %d %s", r.status, r.text)
	}
	s.policy(t, "revoked = true\n")
	if r := start(); r.status != 403 {
		t.Errorf("revoked: %d %s", r.status, r.text)
	}
	s.policy(t, fmt.Sprintf("not_after = %s\n", s.now.time().Add(-time.Hour).UTC().Format(time.RFC3339)))
	if r := start(); r.status != 403 {
		t.Errorf("a key that is over: %d %s", r.status, r.text)
	}
	s.gw.Close()
	s.checkJournal()
}

// A gateway that takes any script does not take the lines of a signature for
// one: a bundle runs when its signature lets it.
func TestBundlesAmongOthers(t *testing.T) {
	s := newSigner(t, "")
	s.files0.Bundles, s.files0.Signed = s.files0.Signed, nil
	s.close()
	s.open()
	id := s.script("job.sh.signed", s.bundle("import sys; print('signed', len(sys.argv))\n", func(st *trust.Statement) { st.Format = "python" }))
	r := s.run(id, "")
	if r.at("parameters.stdout") != "signed 1\n" || r.at("x-lander.key_id") != s.key.Public().ID() || r.at("x-lander.format") != "python" {
		t.Errorf("%s", r.text)
	}
	start := func(content string) reply {
		return s.do("POST", "/api/v1"+runs+"/"+s.script("x.sh", content)+"/executions", `{"execution_type":"now"}`)
	}
	for reason, content := range map[string]string{
		"signature":           strings.Replace(s.bundle("echo good\n", func(st *trust.Statement) { st.Serial = 8 }), "echo good", "echo evil", 1),
		"not-for-this-device": s.bundle("echo x", func(st *trust.Statement) { st.Targets = []string{"components/camera"} }),
		"replayed":            s.bundle("echo old", func(st *trust.Statement) { st.Serial = 6 }),
	} {
		if r := start(content); r.status != 403 || r.at("parameters.reason") != reason {
			t.Errorf("%s: %d %s", reason, r.status, r.text)
		}
	}
	if r := s.run(s.script("x.sh", "echo plain\n"), ""); r.at("parameters.stdout") != "plain\n" {
		t.Errorf("%s", r.text)
	}
	// Its window counts at each run: nobody checked it when it came in.
	s.now.add(2 * time.Hour)
	if r := s.do("POST", "/api/v1"+runs+"/"+id+"/executions", `{"execution_type":"now"}`); r.status != 403 || r.at("parameters.reason") != "expired" {
		t.Errorf("%d %s", r.status, r.text)
	}
}

// What is good for one run has one, however often it is uploaded and started,
// also after a restart and at another gateway of the same store.
func TestOneRun(t *testing.T) {
	s := newSigner(t, "")
	once := s.bundle("echo once\n", func(st *trust.Statement) { st.Once = true })
	start := func(id string) reply {
		return s.do("POST", "/api/v1"+runs+"/"+id+"/executions", `{"execution_type":"now"}`)
	}
	first, second := s.script("x.sh", once), s.script("y.sh", once)
	if r := s.run(first, ""); r.at("parameters.stdout") != "once\n" {
		t.Errorf("%s", r.text)
	}
	refused := func(id string) {
		t.Helper()
		if r := start(id); r.status != 403 || r.at("parameters.reason") != "replayed" {
			t.Errorf("%d %s", r.status, r.text)
		}
	}
	refused(first)
	refused(second)
	s.close()
	s.open()
	refused(first)
	var err error
	if s.files0.Signed.Serials, err = trust.OpenSerials(filepath.Join(t.TempDir(), "serials")); err != nil {
		t.Fatal(err)
	}
	refused(first)
	if r := s.run(s.script("x.sh", s.bundle("echo once\n", func(st *trust.Statement) { st.Once, st.Serial = true, 8 })), ""); r.at("parameters.stdout") != "once\n" {
		t.Errorf("signed again: %s", r.text)
	}
}

// A script of the manifest comes in at each run: serial, window and all.
func TestManagedBundle(t *testing.T) {
	s := newSigner(t, "")
	put := func(content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(s.dir, "true.sh"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	old, good := s.bundle("echo old\n", func(st *trust.Statement) { st.Serial = 6 }), s.bundle("echo good\n", nil)
	refused := func(reason string) {
		t.Helper()
		if r := s.do("POST", scripts+"/man_true/executions", `{"execution_type":"now"}`); r.status != 403 || r.at("parameters.reason") != reason {
			t.Errorf("%d %s, want %s", r.status, r.text, reason)
		}
	}
	put(good)
	for range 2 {
		if r := s.run("man_true", ""); r.at("parameters.stdout") != "good\n" || r.at("x-lander.serial") != 7.0 {
			t.Errorf("%s", r.text)
		}
	}
	put(old)
	refused("replayed")
	put(good)
	s.now.add(2 * time.Hour)
	refused("expired")
}

// checkJournal looks for what was let in and what was refused.
func (s *signer) checkJournal() {
	s.t.Helper()
	b, err := os.ReadFile(filepath.Join(s.config.Journal.Dir(), journal.FileName))
	if err != nil {
		s.t.Fatal(err)
	}
	var seen []string
	for line := range strings.Lines(string(b)) {
		l, err := journal.ParseLine([]byte(line))
		if err != nil {
			s.t.Fatal(err)
		}
		if w := l.Action + " " + l.Verdict; !slices.Contains(seen, w) {
			seen = append(seen, w)
		}
		if l.Action == journal.ActionStart && l.Verdict == journal.Accepted && (l.KeyID != s.key.Public().ID() || l.SHA256 == "" || l.Execution == "") {
			s.t.Errorf("line %+v", l)
		}
	}
	slices.Sort(seen)
	if want := []string{"start accepted", "start refused", "upload accepted", "upload refused"}; !slices.Equal(seen, want) {
		s.t.Errorf("the journal has %q, want %q", seen, want)
	}
}

// A clock that has gone back is not set: it would bring back what is over.
func TestSignedOnlyClockBack(t *testing.T) {
	s := newSigner(t, "")
	old := s.script("old.sh", s.bundle("echo old\n", nil))
	s.now.add(3 * time.Hour)
	s.script("new.sh", s.bundle("echo new\n", func(st *trust.Statement) { st.Name = "new.sh" }))
	if r := s.run(old, ""); r.at("parameters.stdout") != "old\n" {
		t.Errorf("after its window: %s", r.text)
	}
	for _, back := range []time.Duration{-time.Hour, -90 * time.Minute} { // after its window, and in it
		s.now.add(back)
		if r := s.do("POST", scripts+"/"+old+"/executions", `{"execution_type":"now"}`); r.status != 403 || r.at("parameters.reason") != "expired" || !strings.Contains(r.text, "clock not set") {
			t.Errorf("%d %s", r.status, r.text)
		}
	}
}
