package trust_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lander/lib/capability"
	"lander/lib/trust"
)

var now = time.Date(2026, 1, 2, 3, 30, 0, 0, time.UTC)

// signer is a key and a store that trusts it.
type signer struct {
	t     *testing.T
	key   trust.PrivateKey
	store *trust.Store
	dir   string
}

func newSigner(t *testing.T, policy string) signer {
	t.Helper()
	key, err := trust.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if _, err := trust.Add(dir, key.Public().Text(), ""); err != nil {
		t.Fatal(err)
	}
	if policy != "" {
		if err := os.WriteFile(filepath.Join(dir, "policy.toml"), []byte(policy), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	store, err := trust.OpenStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	return signer{t, key, store, dir}
}

// sign signs payload under the statement and returns the parsed signature
// and the hash of the payload.
func (s signer) sign(st trust.Statement, payload string) (*trust.Signature, *trust.Hash) {
	s.t.Helper()
	comment, err := st.Comment()
	if err != nil {
		s.t.Fatal(err)
	}
	return s.signText(comment, payload)
}

// signText signs under any trusted comment.
func (s signer) signText(comment, payload string) (*trust.Signature, *trust.Hash) {
	s.t.Helper()
	h := trust.NewHash(strings.NewReader(payload))
	if _, err := io.Copy(io.Discard, h); err != nil {
		s.t.Fatal(err)
	}
	sig, err := trust.ParseSignature(h.Sign(s.key, comment, "lander bundle"))
	if err != nil {
		s.t.Fatal(err)
	}
	return sig, h
}

func statement() trust.Statement {
	return trust.Statement{
		Name: "job.lua", Format: "lua", Size: 3, SHA256: sum, Targets: []string{"gw-1"}, Serial: 5,
		Signed: now.Add(-time.Hour), Expires: now.Add(time.Hour),
	}
}

func TestCheck(t *testing.T) {
	sub := trust.Subject{Names: []string{"gw-1", "group:a"}, Now: now}
	tests := []struct {
		name   string
		policy string
		change func(*trust.Statement, *trust.Subject)
		reason string // "" for accepted
		say    string
	}{
		{name: "good", change: func(*trust.Statement, *trust.Subject) {}},
		{name: "star", change: func(st *trust.Statement, _ *trust.Subject) { st.Targets = []string{"*"} }},
		{name: "group", change: func(st *trust.Statement, _ *trust.Subject) { st.Targets = []string{"x", "group:a"} }},
		{name: "other target", change: func(st *trust.Statement, _ *trust.Subject) { st.Targets = []string{"gw-2"} }, reason: trust.ReasonTarget, say: "signed for gw-2"},
		{name: "target not checked", change: func(st *trust.Statement, s *trust.Subject) { st.Targets, s.Names = []string{"gw-2"}, nil }},
		{name: "expired", change: func(_ *trust.Statement, s *trust.Subject) { s.Now = now.Add(time.Hour) }, reason: trust.ReasonExpired, say: "expired at"},
		{name: "last second", change: func(_ *trust.Statement, s *trust.Subject) { s.Now = now.Add(time.Hour - 1) }},
		{name: "not yet", change: func(st *trust.Statement, _ *trust.Subject) { st.NotBefore = now.Add(time.Second) }, reason: trust.ReasonExpired, say: "not yet valid"},
		{name: "signed a little ahead", change: func(st *trust.Statement, _ *trust.Subject) { st.Signed = now.Add(4 * time.Minute) }},
		{name: "signed far ahead", change: func(st *trust.Statement, _ *trust.Subject) { st.Signed = now.Add(6 * time.Minute) }, reason: trust.ReasonExpired, say: "not yet valid: signed at"},
		{name: "never expires", change: func(st *trust.Statement, s *trust.Subject) {
			st.Expires = time.Time{}
			s.Now = now.AddDate(50, 0, 0)
		}},
		{name: "signed as far ahead as clocks may differ", change: func(st *trust.Statement, _ *trust.Subject) { st.Signed = now.Add(5 * time.Minute) }},
		{name: "signed a second farther", change: func(st *trust.Statement, _ *trust.Subject) { st.Signed = now.Add(5*time.Minute + time.Second) }, reason: trust.ReasonExpired, say: "not yet valid: signed at"},
		{name: "from now on", change: func(st *trust.Statement, _ *trust.Subject) { st.NotBefore = now }},
		{name: "revoked", policy: "[defaults]\nrevoked=true", change: func(*trust.Statement, *trust.Subject) {}, reason: trust.ReasonSignature, say: "is revoked"},
		{name: "key from now on", policy: "[defaults]\nnot_before=2026-01-02T03:30:00Z", change: func(*trust.Statement, *trust.Subject) {}},
		{name: "key not yet", policy: "[defaults]\nnot_before=2026-01-02T03:30:01Z", change: func(*trust.Statement, *trust.Subject) {}, reason: trust.ReasonSignature, say: "is valid only from"},
		{name: "key until now", policy: "[defaults]\nnot_after=2026-01-02T03:30:00Z", change: func(*trust.Statement, *trust.Subject) {}, reason: trust.ReasonSignature, say: "was valid until"},
		{name: "key for a second more", policy: "[defaults]\nnot_after='2026-01-02T03:30:01Z'", change: func(*trust.Statement, *trust.Subject) {}},
		{name: "built just now", change: func(_ *trust.Statement, s *trust.Subject) { s.BuildTime = now }},
		{name: "before the build", change: func(_ *trust.Statement, s *trust.Subject) { s.BuildTime = now.Add(1) }, reason: trust.ReasonExpired, say: "clock not set"},
		{name: "format here", change: func(_ *trust.Statement, s *trust.Subject) { s.Formats = []string{"sh"} }, reason: trust.ReasonFormat, say: "not taken here"},
		{name: "format of the key", policy: "[defaults]\nformats=['sh']", change: func(*trust.Statement, *trust.Subject) {}, reason: trust.ReasonFormat, say: "may not sign format"},
		{name: "name of the key", policy: "[defaults]\nnames=['x/*']", change: func(*trust.Statement, *trust.Subject) {}, reason: trust.ReasonSignature, say: "may not sign the name"},
		{name: "name glob", policy: "[defaults]\nnames=['j*.l?a']", change: func(*trust.Statement, *trust.Subject) {}},
		{name: "target of the key", policy: "[defaults]\ntargets=['group:*']", change: func(*trust.Statement, *trust.Subject) {}, reason: trust.ReasonTarget, say: "may not sign for"},
		{name: "empty list", policy: "[defaults]\ntargets=[]", change: func(*trust.Statement, *trust.Subject) {}, reason: trust.ReasonTarget, say: "may not sign for"},
		{name: "arguments", change: func(_ *trust.Statement, s *trust.Subject) { s.Args = true }, reason: trust.ReasonBadArguments, say: "args=allow"},
		{name: "arguments allowed", change: func(st *trust.Statement, s *trust.Subject) { st.ArgsAllow, s.Args = true, true }},
		{name: "asks for exec", change: func(st *trust.Statement, _ *trust.Subject) { st.Cap = capability.Set{"exec"} }, reason: trust.ReasonCapability, say: `"exec" not granted: the bundle`},
		{name: "process without", change: func(st *trust.Statement, s *trust.Subject) {
			st.Cap, s.Limit = capability.Set{"tree"}, capability.Set{"base"}
		}, reason: trust.ReasonCapability, say: "the command line does not"},
		{name: "needs exec", change: func(_ *trust.Statement, s *trust.Subject) {
			s.Need = func(string) capability.Set { return capability.Set{"exec"} }
		}, reason: trust.ReasonCapability, say: "format lua asks"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSigner(t, tt.policy)
			st, sub := statement(), sub
			tt.change(&st, &sub)
			sig, _ := s.sign(st, "abc")
			v, err := s.store.Check(sig, sub)
			if tt.reason == "" {
				if err != nil {
					t.Fatalf("refused: %v", err)
				}
				return
			}
			r, ok := errors.AsType[*trust.Refusal](err)
			if !ok || r.Reason != tt.reason || !strings.Contains(r.Message, tt.say) {
				t.Fatalf("error %v, want %s: %s", err, tt.reason, tt.say)
			}
			if last := v.Steps[len(v.Steps)-1]; last.OK || last.Detail != r.Message {
				t.Errorf("last step %+v", last)
			}
		})
	}
}

func TestCapabilitiesIntersect(t *testing.T) {
	s := newSigner(t, "[defaults]\ncapabilities=['base','fs:/data','net:*:443']")
	st := statement()
	st.Cap = capability.Set{"base", "fs:/data/in:ro"}
	sig, _ := s.sign(st, "abc")
	v, err := s.store.Check(sig, trust.Subject{Now: now, Limit: capability.Set{"base", "fs:/data", "log"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(v.Capabilities, " "); got != "base fs:/data/in:ro" {
		t.Errorf("capabilities %q", got)
	}
}

func TestPayload(t *testing.T) {
	s := newSigner(t, "")
	st := statement()
	sig, h := s.sign(st, "abc")
	v, err := s.store.Check(sig, trust.Subject{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Payload(h, 3, sum); err != nil {
		t.Errorf("the signed payload: %v", err)
	}
	other := trust.NewHash(strings.NewReader("abd"))
	io.Copy(io.Discard, other)
	for name, err := range map[string]error{"other bytes": v.Payload(other, 3, sum), "size": v.Payload(h, 4, sum), "sum": v.Payload(h, 3, strings.Repeat("0", 64))} {
		if r, ok := errors.AsType[*trust.Refusal](err); !ok || r.Reason != trust.ReasonSignature {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A stock signature, without our words, is for keys whose policy says so, and
// within what else it says.
func TestStockSignature(t *testing.T) {
	for _, tt := range []struct {
		policy  string
		any     bool
		formats []string
		sub     trust.Subject
		say     string // "" for accepted
	}{
		{policy: "plain=true"},
		{policy: "plain=true", formats: []string{"tree"}},
		{policy: "plain=true\nformats=['lua','sh']", formats: []string{"tree", "sh"}},
		{policy: "plain=true\nformats=['lua']", formats: []string{"tree"}, say: "may sign only format lua"},
		{policy: "", say: "does not say plain = true"},
		{policy: "", any: true},
		{policy: "plain=true\nrevoked=true", any: true, say: "is revoked"},
		// It names no target, no name, no time and no arguments.
		{policy: "plain=true\ntargets=['group:lab-*']", say: "may sign only for group:lab-*; this device answers to gw-1, group:lab"},
		{policy: "plain=true\ntargets=['x', 'group:la?']"},
		{policy: "plain=true\ntargets=['*']"},
		{policy: "plain=true\ntargets=[]", say: "may sign only for"},
		{policy: "plain=true\ntargets=[]", any: true},
		{policy: "plain=true\nnames=['report*']", say: "a stock signature has none"},
		{policy: "plain=true\nnames=['*']"},
		{policy: "plain=true", sub: trust.Subject{Args: true}, say: "does not allow arguments"},
		{policy: "plain=true", sub: trust.Subject{BuildTime: now.Add(1)}, say: "clock not set"},
	} {
		s := newSigner(t, "[defaults]\ncapabilities=['base','log']\n"+tt.policy)
		sig, h := s.signText("just a comment", "abc")
		serials, err := trust.OpenSerials(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		sub := tt.sub
		sub.Names, sub.Now, sub.Formats, sub.Report, sub.Limit, sub.Serials = []string{"gw-1", "group:lab"}, now, tt.formats, tt.any, capability.Set{"base"}, serials
		v, err := s.store.Check(sig, sub)
		if tt.say != "" {
			if r, ok := errors.AsType[*trust.Refusal](err); !ok || !strings.Contains(r.Message, tt.say) {
				t.Errorf("%+v: %v", tt, err)
			}
			continue
		}
		if err != nil || !v.Plain || strings.Join(v.Capabilities, " ") != "base" {
			t.Errorf("%+v: plain %v, capabilities %v, %v", tt, v.Plain, v.Capabilities, err)
			continue
		}
		if (v.Elsewhere != nil) != tt.any {
			t.Errorf("%+v: elsewhere %v", tt, v.Elsewhere)
		}
		other := trust.NewHash(strings.NewReader("abd"))
		io.Copy(io.Discard, other)
		if v.Payload(other, 3, "") == nil || v.Payload(h, 3, "") != nil {
			t.Errorf("%+v: the payload is not what decides", tt)
		}
		if err := errors.Join(v.Record(), v.Recheck(now.AddDate(50, 0, 0))); err != nil {
			t.Errorf("%+v: it has no serial and no window: %v", tt, err)
		}
	}
}

// The signed words count only as the key's owner wrote them, and only those
// that are known.
func TestCommentIsChecked(t *testing.T) {
	s := newSigner(t, "[defaults]\nplain=true")
	sig, _ := s.sign(statement(), "abc")
	for _, change := range [][2]string{{"serial=5", "serial=6"}, {"lander:1 ", "Lander:1 "}} {
		altered, err := trust.ParseSignature(bytes.Replace(sig.Text(), []byte(change[0]), []byte(change[1]), 1))
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.store.Check(altered, trust.Subject{Now: now})
		if r, ok := errors.AsType[*trust.Refusal](err); !ok || !strings.Contains(r.Message, "the signature of the signed words") {
			t.Errorf("%q: %v", change, err)
		}
	}
	for _, comment := range []string{"lander:2", sig.Comment() + " color=red"} {
		odd, _ := s.signText(comment, "abc")
		if _, err := s.store.Check(odd, trust.Subject{Now: now}); !errors.Is(err, trust.ErrInvalid) {
			t.Errorf("%s: %v", comment, err)
		}
	}
}

func TestUnknownKey(t *testing.T) {
	s, other := newSigner(t, ""), newSigner(t, "")
	sig, _ := s.sign(statement(), "abc")
	empty, err := trust.OpenStore(filepath.Join(s.dir, "none"))
	if err != nil {
		t.Fatal(err)
	}
	for say, store := range map[string]*trust.Store{"is not in the trust store": other.store, "is empty": empty} {
		v, err := store.Check(sig, trust.Subject{Now: now})
		if r, ok := errors.AsType[*trust.Refusal](err); !ok || !strings.Contains(r.Message, say) || len(v.Steps) != 1 || v.Steps[0].OK {
			t.Errorf("%v, steps %+v, want %q", err, v.Steps, say)
		}
	}
}

func TestGlobs(t *testing.T) {
	s := newSigner(t, "")
	for _, tt := range []struct {
		glob, name string
		match      bool
	}{
		{"*", "anything/at all", true}, {"**", "a", true}, {"a", "a", true}, {"a", "A", false}, {"a", "ab", false}, {"ab", "a", false},
		{"a*", "a", true}, {"a*", "ba", false}, {"*a", "ba", true}, {"*a", "ab", false}, {"*a*", "bab", true}, {"*ab*ab", "abxab", true}, {"*ab*ab", "ab", false},
		{"*aab", "aaab", true}, {"a?c", "abc", true}, {"a?c", "ac", false}, {"?", "ab", false}, {"a?", "a", false}, {"a*?", "a", false}, {"a*?", "ab", true},
		{"lib/*.lua", "lib/x/y.lua", true}, {"lib/*.lua", "lib/y.lua.sh", false}, {"[ab]", "a", false}, {"", "a", false},
	} {
		policy, err := trust.ParsePolicy("f", []byte("[defaults]\nnames=['"+tt.glob+"']"))
		if err != nil {
			t.Fatal(err)
		}
		st := statement()
		st.Name = tt.name
		sig, _ := s.sign(st, "abc")
		if _, err := s.store.WithPolicy(policy).Check(sig, trust.Subject{Now: now}); (err == nil) != tt.match {
			t.Errorf("%q and %q: %v", tt.glob, tt.name, err)
		}
	}
}

func TestRecheck(t *testing.T) {
	for policy, want := range map[string]bool{"": true, "[defaults]\nrecheck=true": false} {
		s := newSigner(t, policy)
		sig, _ := s.sign(statement(), "abc")
		v, err := s.store.Check(sig, trust.Subject{Now: now})
		if err != nil {
			t.Fatal(err)
		}
		if err := v.Recheck(now.Add(time.Hour - 1)); err != nil {
			t.Errorf("%q, within the window: %v", policy, err)
		}
		if err := v.Recheck(now.Add(time.Hour)); (err == nil) != want {
			t.Errorf("%q, after it: %v", policy, err)
		}
	}
}

func TestSignatureTextIsStrict(t *testing.T) {
	s := newSigner(t, "")
	sig, _ := s.sign(statement(), "abc")
	text := string(sig.Text())
	lines := strings.SplitAfter(text, "\n")
	loose := lines[1][:len(lines[1])-3] + string(lines[1][len(lines[1])-3]+1) + lines[1][len(lines[1])-2:] // unused bits of the last digit
	for name, bad := range map[string]string{
		"empty": "", "no last newline": strings.TrimSuffix(text, "\n"), "crlf": strings.ReplaceAll(text, "\n", "\r\n"),
		"more behind": text + "x", "another line": text + "\n", "blank in base64": lines[0] + " " + lines[1] + lines[2] + lines[3],
		"loose base64": lines[0] + loose + lines[2] + lines[3], "no prefix": strings.Replace(text, "trusted comment: ", "trusted comment:", 2),
		"long": strings.Replace(text, "lander bundle", strings.Repeat("x", 1025), 1),
	} {
		if sig, err := trust.ParseSignature([]byte(bad)); !errors.Is(err, trust.ErrInvalid) || sig != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The longest text that stock minisign takes.
	h := trust.NewHash(strings.NewReader(""))
	longest := h.Sign(s.key, strings.Repeat("t", 8192), strings.Repeat("u", 1024))
	if sig, err := trust.ParseSignature(longest); err != nil || len(sig.Text()) != trust.MaxSignatureText {
		t.Errorf("a text of %d bytes: %v", len(longest), err)
	}
	if _, err := trust.ParseSignature(h.Sign(s.key, strings.Repeat("t", 8193), "u")); !errors.Is(err, trust.ErrInvalid) {
		t.Errorf("a trusted comment of 8193 bytes: %v", err)
	}
}

func TestSerialsSurviveAndRefuse(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "serials")
	s := newSigner(t, "")
	try := func(serial int64, sha string, once bool, clock time.Time) error {
		serials, err := trust.OpenSerials(dir) // anew each time, as after a restart
		if err != nil {
			t.Fatal(err)
		}
		st := statement()
		st.Serial, st.SHA256, st.Once = serial, sha, once
		sig, _ := s.sign(st, "abc")
		v, err := s.store.Check(sig, trust.Subject{Now: clock, Serials: serials})
		if err != nil {
			return err
		}
		return v.Record()
	}
	other := strings.Repeat("0", 64)
	for _, step := range []struct {
		serial int64
		sha    string
		once   bool
		clock  time.Time
		want   string
	}{
		{5, sum, false, now, ""},
		{5, sum, false, now, ""},
		{5, other, false, now, trust.ReasonReplayed},
		{4, sum, false, now, trust.ReasonReplayed},
		{6, sum, true, now, ""},
		{6, sum, true, now, trust.ReasonReplayed},
		{7, sum, false, now.Add(-2 * time.Hour), trust.ReasonExpired}, // before the last signature seen
		{7, sum, false, now, ""},
	} {
		got := ""
		if err := try(step.serial, step.sha, step.once, step.clock); err != nil {
			r, ok := errors.AsType[*trust.Refusal](err)
			if !ok {
				t.Fatal(err)
			}
			got = r.Reason
		}
		if got != step.want {
			t.Errorf("%+v: %q", step, got)
		}
	}
}

// ledger has one record per key, as a store that machines share.
type ledger map[string][]byte

func (l ledger) Edit(key string, edit func(old []byte) ([]byte, error)) error {
	text, err := edit(l[key])
	if err == nil && text != nil {
		l[key] = text
	}
	return err
}

// What one machine has let in counts at the others that share its ledger.
func TestSerialsOfSeveralMachines(t *testing.T) {
	s := newSigner(t, "")
	common := ledger{}
	machine := func() *trust.Serials {
		serials, err := trust.OpenSerials(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		serials.Share(common)
		return serials
	}
	check := func(serials *trust.Serials, serial int64, once bool) (trust.Verdict, error) {
		st := statement()
		st.Serial, st.Once = serial, once
		sig, _ := s.sign(st, "abc")
		return s.store.Check(sig, trust.Subject{Now: now, Serials: serials})
	}
	replayed := func(what string, err error) {
		t.Helper()
		if r, ok := errors.AsType[*trust.Refusal](err); !ok || r.Reason != trust.ReasonReplayed {
			t.Errorf("%s: %v", what, err)
		}
	}
	a, b := machine(), machine()
	early, err := check(b, 4, false)
	five, err5 := check(a, 5, false)
	if err := errors.Join(err, err5, five.Record()); err != nil {
		t.Fatal(err)
	}
	replayed("let in before", early.Record())
	_, err = check(b, 4, false)
	replayed("lower", err)
	again, err := check(b, 5, false)
	if err := errors.Join(err, again.Record()); err != nil {
		t.Errorf("the same: %v", err)
	}
	first, err := check(a, 6, true)
	second, err2 := check(b, 6, true)
	if err := errors.Join(err, err2, first.Record()); err != nil {
		t.Fatal(err)
	}
	replayed("once", second.Record())
	for key := range common {
		common[key] = []byte("{")
	}
	if _, err := check(machine(), 9, false); err == nil {
		t.Error("a record that cannot be read opens the door")
	}
}

// Two that were let in before either ran: the record decides.
func TestOnceRunsOnce(t *testing.T) {
	s := newSigner(t, "")
	serials, err := trust.OpenSerials(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	st := statement()
	st.Once = true
	sig, _ := s.sign(st, "abc")
	sub := trust.Subject{Now: now, Serials: serials}
	first, err := s.store.Check(sig, sub)
	second, err2 := s.store.Check(sig, sub)
	if err := errors.Join(err, err2, first.Record()); err != nil {
		t.Fatal(err)
	}
	if r, ok := errors.AsType[*trust.Refusal](second.Record()); !ok || r.Reason != trust.ReasonReplayed {
		t.Errorf("the second: %v", r)
	}
}

// The latest signing time that was seen is the earliest that it can be, but
// for what clocks differ; it does not go back.
func TestLastSigned(t *testing.T) {
	s := newSigner(t, "")
	dir := t.TempDir()
	serials, err := trust.OpenSerials(dir)
	if err != nil {
		t.Fatal(err)
	}
	check := func(name string, signed, clock time.Time) error {
		st := statement()
		st.Name, st.Signed = name, signed
		sig, _ := s.sign(st, "abc")
		v, err := s.store.Check(sig, trust.Subject{Now: clock, Serials: serials})
		if err != nil {
			return err
		}
		return v.Record()
	}
	last, early := now.Add(-time.Hour), now.Add(-2*time.Hour)
	if err := errors.Join(check("a", last, now), check("b", early, now), check("c", early, last.Add(-5*time.Minute))); err != nil {
		t.Fatal(err)
	}
	if got, err := serials.LastSigned(); !got.Equal(last) || err != nil {
		t.Errorf("last signed %s, %v", got, err)
	}
	if err := check("d", early, last.Add(-5*time.Minute-1)); err == nil || !strings.Contains(err.Error(), "before the last signature seen") {
		t.Errorf("a clock that is not set: %v", err)
	}
	// What cannot be read does not open the door.
	records, err := filepath.Glob(filepath.Join(dir, "*", "*.json"))
	if err != nil || len(records) != 3 {
		t.Fatalf("records %q, %v", records, err)
	}
	for _, r := range records {
		if err := os.WriteFile(r, []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := check("a", last, now); err == nil {
		t.Error("a serial that cannot be read lets in")
	}
	if err := os.WriteFile(filepath.Join(dir, "last-signed"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := check("e", last, now); err == nil {
		t.Error("a last signing time that cannot be read lets in")
	}
}

func TestKeyFiles(t *testing.T) {
	key, err := trust.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	for _, pass := range []string{"", "secret"} {
		text, err := key.KeyFile(pass)
		if err != nil {
			t.Fatal(err)
		}
		if trust.Encrypted(text) != (pass != "") {
			t.Errorf("passphrase %q: encrypted is %v", pass, trust.Encrypted(text))
		}
		back, err := trust.ParsePrivateKey(text, pass)
		if err != nil || back.Public().Line() != key.Public().Line() {
			t.Errorf("passphrase %q: read back %v", pass, err)
		}
	}
	text, _ := key.KeyFile("secret")
	if _, err := trust.ParsePrivateKey(text, "wrong"); !errors.Is(err, trust.ErrPassphrase) {
		t.Errorf("wrong passphrase: %v", err)
	}
	// A file says what it costs to open: more than stock minisign asks for is refused.
	lines := strings.Split(string(text), "\n")
	for _, at := range []int{38 + 4, 46 + 4} {
		raw, err := base64.StdEncoding.DecodeString(lines[1])
		if err != nil {
			t.Fatal(err)
		}
		raw[at] = 1
		costly := lines[0] + "\n" + base64.StdEncoding.EncodeToString(raw) + "\n"
		if _, err := trust.ParsePrivateKey([]byte(costly), "secret"); !errors.Is(err, trust.ErrInvalid) {
			t.Errorf("byte %d: %v", at, err)
		}
	}
	for cut := range len(lines[1]) {
		if _, err := trust.ParsePrivateKey([]byte(lines[0]+"\n"+lines[1][:cut]+"\n"), "secret"); !errors.Is(err, trust.ErrInvalid) {
			t.Fatalf("cut after %d digits: %v", cut, err)
		}
	}
	if _, err := trust.ParsePrivateKey([]byte("nonsense"), ""); !errors.Is(err, trust.ErrInvalid) {
		t.Errorf("nonsense: %v", err)
	}
}

func FuzzSignature(f *testing.F) {
	f.Add([]byte("untrusted comment: x\nRUQ=\ntrusted comment: y\nAA==\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		sig, err := trust.ParseSignature(text)
		if (err == nil) == (sig == nil) {
			t.Fatalf("signature %v, error %v", sig, err)
		}
		if err == nil && !bytes.Equal(sig.Text(), text) {
			t.Fatalf("%q becomes %q", text, sig.Text())
		}
	})
}

func FuzzPolicy(f *testing.F) {
	f.Add([]byte("[defaults]\nplain=true\n[[key]]\nid='0123456789abcdef'\nrole='root'\nnot_after=2027-01-01T00:00:00Z\ncapabilities=['base','fs:/x']\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := trust.ParsePolicy("policy.toml", text)
		if err != nil && !errors.Is(err, trust.ErrInvalid) {
			t.Fatalf("error %v does not say that the input is invalid", err)
		}
		p.For("0123456789ABCDEF")
		trust.ParseKeyList(text)
	})
}

func FuzzPublicKey(f *testing.F) {
	f.Add([]byte("untrusted comment: minisign public key X\nRWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		k, err := trust.ParsePublicKey(text)
		if err != nil {
			return
		}
		again, err := trust.ParsePublicKey(k.Text())
		if err != nil || again.Line() != k.Line() || !bytes.Contains(text, []byte(k.Line())) {
			t.Fatalf("%q becomes %q, %v", text, k.Text(), err)
		}
	})
}
