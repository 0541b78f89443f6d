package trust

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"lander/lib/capability"
)

// maxAhead is how far in the future a signing time may lie: clocks differ a
// little, and the last seen signing time must not run away.
const maxAhead = 5 * time.Minute

// Subject is the one that is asked to take a signed payload: what it is, and
// what it allows beside the key's policy.
type Subject struct {
	Names []string // ids and "group:NAME" it answers to; nil: the target is not checked
	Now   time.Time
	// BuildTime is when this program was made; a clock before it is not set.
	// Zero: not checked.
	BuildTime time.Time
	// Limit, when not nil, is the process's own limit on capabilities.
	Limit capability.Set
	// Serials, when not nil, are checked (and recorded by Verdict.Record).
	Serials *Serials
	// AnySerial says that the serial was let in before: of Serials only the
	// latest signing time is compared with the clock.
	AnySerial bool
	// Formats, when not nil, are the formats that this door takes.
	Formats []string
	// Need tells the capabilities that a format cannot do without.
	Need func(format string) capability.Set
	// Report says that nothing is done with the payload. A stock signature of
	// any key is good then, and a format that lacks what it needs: why others
	// refuse them is Verdict.Elsewhere.
	Report bool
	// Args says that arguments were given.
	Args bool
}

// Step is one check and how it went, in the order of checking.
type Step struct {
	Check  string `json:"check"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
}

// Verdict is the result of Store.Check: who signed what, and what it may do.
// It is final only when the payload has been checked too, with Payload.
type Verdict struct {
	Key          PublicKey
	Policy       KeyPolicy
	Signature    *Signature
	Plain        bool           // a stock signature without signed words: Statement is zero
	Statement    Statement      //
	Capabilities capability.Set // what the script may do
	Steps        []Step
	Elsewhere    error // why it is good only for a report

	subject Subject
}

// Check goes through all that can be checked without the payload, in the
// order of the design: key known and valid now, the comment's own signature,
// target, window, serial, format, capabilities. On a refusal the Verdict
// still tells the steps made.
func (s *Store) Check(sig *Signature, sub Subject) (Verdict, error) {
	v := Verdict{Signature: sig, subject: sub}
	err := s.check(&v, sub)
	v.fail(cmp.Or(err, v.Elsewhere))
	return v, err
}

// fail notes at the last step why it went wrong, if it did.
func (v *Verdict) fail(err error) {
	if err != nil {
		last := &v.Steps[len(v.Steps)-1]
		last.OK, last.Detail = false, err.Error()
	}
}

func (v *Verdict) step(name, detail string, args ...any) {
	v.Steps = append(v.Steps, Step{Check: name, OK: true, Detail: fmt.Sprintf(detail, args...)})
}

func (s *Store) check(v *Verdict, sub Subject) error {
	id := v.Signature.KeyID()
	v.step("key", "key %s is in the trust store", id)
	if err := s.checkKey(v, id, sub.Now); err != nil {
		return err
	}
	v.step("comment", "the signed words are as the key's owner wrote them")
	if !v.Signature.commentGood(v.Key) {
		return refuse(ReasonSignature, "it was altered, or signed by another key with the same id", "the signature of the signed words does not verify with key %s", id)
	}
	if !IsStatement(v.Signature.Comment()) {
		v.step("words", "stock signature without lander:1: no target, no expiry")
		v.Plain = true
		return v.unlessReport(v.checkPlain())
	}
	v.step("words", "the signed words parse")
	st, err := ParseStatement(v.Signature.Comment())
	if err != nil {
		return err
	}
	v.Statement = st
	v.step("target", "signed for %s", strings.Join(st.Targets, ", "))
	if err := v.checkTarget(); err != nil {
		return err
	}
	v.step("window", "valid from %s until %s", stamp(st.NotBefore), stamp(st.Expires))
	if err := v.checkWindow(); err != nil {
		return err
	}
	v.step("serial", "serial %d of %s", st.Serial, st.Name)
	if sub.Serials != nil && !sub.AnySerial {
		if err := sub.Serials.Check(id, st); err != nil {
			return err
		}
	}
	v.step("format", "format %s, name %s", st.Format, st.Name)
	if err := v.checkFormat(); err != nil {
		return err
	}
	v.step("capabilities", "")
	if err := v.checkCapabilities(); err != nil {
		return err
	}
	v.Steps[len(v.Steps)-1].Detail = "may use: " + strings.Join(v.Capabilities, " ")
	return nil
}

// unlessReport keeps a refusal for Elsewhere where nothing is done with the
// payload.
func (v *Verdict) unlessReport(err error) error {
	if v.subject.Report {
		v.Elsewhere, err = err, nil
	}
	return err
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "ever"
	}
	return t.UTC().Format(time.RFC3339)
}

func (s *Store) checkKey(v *Verdict, id string, now time.Time) error {
	key, ok := s.keys[id]
	if !ok {
		if len(s.keys) == 0 {
			return refuse(ReasonSignature, "add the signer's public key: lander trust add FILE.pub", "key %s is not trusted: the trust store %s is empty", id, s.dir)
		}
		return refuse(ReasonSignature, "compare with lander trust list; if the signer is right, lander trust add FILE.pub", "key %s is not in the trust store %s", id, s.dir)
	}
	v.Key, v.Policy = key, s.policy.For(id)
	return v.keyGood(now)
}

func (v *Verdict) keyGood(now time.Time) error {
	id, p := v.Key.ID(), &v.Policy
	switch {
	case p.Revoked:
		return refuse(ReasonSignature, "sign it with a key that is not revoked", "key %s is revoked", id)
	case !p.NotBefore.IsZero() && now.Before(p.NotBefore):
		return refuse(ReasonSignature, "", "key %s is valid only from %s", id, stamp(p.NotBefore))
	case !p.NotAfter.IsZero() && !now.Before(p.NotAfter):
		return refuse(ReasonSignature, "sign it with a current key", "key %s was valid until %s", id, stamp(p.NotAfter))
	}
	return nil
}

// Fits looks, for a device that cannot, whether a script is signed for one that
// answers to names, and for now; else it says why not, as a *Refusal. That the
// signature is good is not looked at.
func (st Statement) Fits(names []string, now time.Time) error {
	v := Verdict{Statement: st, subject: Subject{Names: names, Now: now}}
	if err := v.checkTarget(); err != nil {
		return err
	}
	return v.checkWindow()
}

func (v *Verdict) checkTarget() error {
	st, sub := v.Statement, v.subject
	var mine []string
	for _, t := range st.Targets {
		if sub.Names == nil || t == "*" || slices.Contains(sub.Names, t) {
			mine = append(mine, t)
		}
	}
	if len(mine) == 0 {
		return refuse(ReasonTarget, "sign it with --target for this device, or say with --group what the device belongs to", "signed for %s; this device answers to %s", strings.Join(st.Targets, ", "), strings.Join(sub.Names, ", "))
	}
	if !slices.ContainsFunc(mine, func(t string) bool { return matchAny(v.Policy.Targets, t) }) {
		return refuse(ReasonTarget, "", "key %s may not sign for %s, only for %s", v.Key.ID(), strings.Join(mine, ", "), strings.Join(v.Policy.Targets, ", "))
	}
	return nil
}

// ClockSet refuses a clock that is not set: nothing that was signed for a time
// can be judged by it.
func (sub Subject) ClockSet() error {
	now := sub.Now
	if now.Before(sub.BuildTime) {
		return refuse(ReasonExpired, "set the clock", "clock not set: it says %s, before this program was built (%s)", stamp(now), stamp(sub.BuildTime))
	}
	if sub.Serials != nil {
		last, err := sub.Serials.LastSigned()
		if err != nil {
			return err
		}
		// Signing clocks may be ahead by as much as they are let to be.
		if now.Before(last.Add(-maxAhead)) {
			return refuse(ReasonExpired, "set the clock", "clock not set: it says %s, before the last signature seen (%s)", stamp(now), stamp(last))
		}
	}
	return nil
}

func (v *Verdict) checkWindow() error {
	st, now := v.Statement, v.subject.Now
	if err := v.subject.ClockSet(); err != nil {
		return err
	}
	switch {
	case st.Signed.After(now.Add(maxAhead)):
		return refuse(ReasonExpired, "compare the clocks of signer and device", "not yet valid: signed at %s, and it is %s", stamp(st.Signed), stamp(now))
	// A window that opens at the signing itself bears the same small clock
	// difference; one that was set on purpose is exact.
	case now.Before(st.NotBefore) && !st.NotBefore.Equal(st.Signed):
		return refuse(ReasonExpired, "", "not yet valid: valid from %s, and it is %s", stamp(st.NotBefore), stamp(now))
	case !st.Expires.IsZero() && !now.Before(st.Expires):
		return refuse(ReasonExpired, "sign it again", "expired at %s, and it is %s", stamp(st.Expires), stamp(now))
	}
	return nil
}

func (v *Verdict) checkFormat() error {
	st, sub := v.Statement, v.subject
	if sub.Formats != nil && !slices.Contains(sub.Formats, st.Format) {
		return refuse(ReasonFormat, "", "format %s is not taken here (taken: %s)", st.Format, strings.Join(sub.Formats, ", "))
	}
	if !v.Policy.Signs(st.Format) {
		return refuse(ReasonFormat, "", "key %s may not sign format %s, only %s", v.Key.ID(), st.Format, strings.Join(v.Policy.Formats, ", "))
	}
	if !matchAny(v.Policy.Names, st.Name) {
		return refuse(ReasonSignature, "", "key %s may not sign the name %s, only %s", v.Key.ID(), st.Name, strings.Join(v.Policy.Names, ", "))
	}
	if sub.Args && !st.ArgsAllow {
		return refuse(ReasonBadArguments, "sign it with --args-allowed, or give no arguments", "%s is signed without args=allow, and arguments were given", st.Name)
	}
	return nil
}

// checkCapabilities computes what key, process and bundle all grant; asking
// for more than key and process grant is refused.
func (v *Verdict) checkCapabilities() error {
	st, sub := v.Statement, v.subject
	granted, by := v.Policy.Capabilities, "key "+v.Key.ID()
	ask := func(want capability.Set, who string) error {
		if w := granted.Missing(want); w != "" {
			return refuse(ReasonCapability, "grant it in policy.toml (capabilities) and with --capability, or sign a script that does without", "capability %q not granted: %s asks for it, and %s does not give it", w, who, by)
		}
		return nil
	}
	if err := ask(st.Cap, "the bundle"); err != nil {
		return err
	}
	if sub.Limit != nil {
		granted, by = capability.Intersect(granted, sub.Limit), "the command line"
		if err := ask(st.Cap, "the bundle"); err != nil {
			return err
		}
	}
	if st.Cap != nil {
		granted = capability.Intersect(granted, st.Cap)
	}
	if sub.Need != nil {
		if sub.Limit == nil {
			by = "key " + v.Key.ID()
		}
		if st.Cap != nil {
			by = "the bundle's cap word"
		}
		if err := v.unlessReport(ask(sub.Need(st.Format), "format "+st.Format)); err != nil {
			return err
		}
	}
	v.Capabilities = granted
	return nil
}

// checkPlain is all that can be said of a stock signature before the payload
// is there. It names no format: that of the door must be one that the key may
// sign. Nor does it name a target or a name: where the policy limits those,
// the device must be one of the targets, and no name is among the names.
func (v *Verdict) checkPlain() error {
	sub, id := v.subject, v.Key.ID()
	v.Capabilities = v.Policy.Capabilities
	if sub.Limit != nil {
		v.Capabilities = capability.Intersect(v.Capabilities, sub.Limit)
	}
	if !v.Policy.Plain {
		return refuse(ReasonSignature, "sign it with lander script sign, or set plain = true for the key in policy.toml",
			"stock signature without lander:1, and the policy of key %s does not say plain = true", id)
	}
	if sub.Names != nil && !matchAny(v.Policy.Targets, "*") && !slices.ContainsFunc(sub.Names, func(name string) bool { return matchAny(v.Policy.Targets, name) }) {
		return refuse(ReasonTarget, "", "key %s may sign only for %s; this device answers to %s", id, strings.Join(v.Policy.Targets, ", "), strings.Join(sub.Names, ", "))
	}
	// The window of the key is all that it has of one.
	if err := sub.ClockSet(); err != nil {
		return err
	}
	if sub.Formats != nil && !slices.ContainsFunc(sub.Formats, v.Policy.Signs) {
		return refuse(ReasonFormat, "", "key %s may sign only format %s, and none of these is taken here (taken: %s)", id, strings.Join(v.Policy.Formats, ", "), strings.Join(sub.Formats, ", "))
	}
	if !matchAny(v.Policy.Names, "") {
		return refuse(ReasonSignature, "sign it with lander script sign", "key %s may sign only the names %s, and a stock signature has none", id, strings.Join(v.Policy.Names, ", "))
	}
	if sub.Args {
		return refuse(ReasonBadArguments, "sign it with lander script sign --args-allowed, or give no arguments", "a stock signature does not allow arguments")
	}
	return nil
}

// PlainFormat checks the format that the payload of a stock signature turned
// out to have.
func (v *Verdict) PlainFormat(format string) error {
	v.step("format", "format %s", format)
	var err error
	if !v.Policy.Signs(format) {
		err = refuse(ReasonFormat, "", "key %s may not sign format %s", v.Key.ID(), format)
	} else if w := v.Capabilities.Missing(v.subject.Need(format)); w != "" {
		err = refuse(ReasonCapability, "", "capability %q not granted: format %s needs it", w, format)
	}
	v.fail(err)
	return v.unlessReport(err)
}

// Payload checks what the signature says of the payload that h has read:
// the signature itself, size and SHA-256 (lower hex).
func (v *Verdict) Payload(h *Hash, size int64, sha256 string) error {
	v.step("payload", "%d bytes, sha256 %s", size, sha256)
	err := v.payload(h, size, sha256)
	v.fail(err)
	return err
}

func (v *Verdict) payload(h *Hash, size int64, sha256 string) error {
	if !h.Matches(v.Key, v.Signature) {
		return refuse(ReasonSignature, "it was altered after signing, or is not the file that was signed", "the payload's signature does not verify with key %s", v.Key.ID())
	}
	if v.Plain {
		return nil
	}
	if v.Statement.Size != size {
		return refuse(ReasonSignature, "", "the payload has %d bytes, the signature says %d", size, v.Statement.Size)
	}
	if v.Statement.SHA256 != sha256 {
		return refuse(ReasonSignature, "", "the payload's sha256 is not the one that was signed")
	}
	return nil
}

// Record records the serial durably. It is called after Payload and before
// the payload is used; from then on the serial is spent.
func (v *Verdict) Record() error {
	if v.Plain || v.subject.Serials == nil || v.subject.AnySerial {
		return nil
	}
	return v.subject.Serials.Record(v.Key.ID(), v.Statement, v.subject.Now)
}

// Recheck checks again at a later use: the window of the key, and that of the
// signature where the key's policy asks for it.
func (v *Verdict) Recheck(now time.Time) error {
	if err := v.keyGood(now); err != nil || !v.Policy.Recheck || v.Plain {
		return err
	}
	w := *v
	w.subject.Now = now
	return w.checkWindow()
}
