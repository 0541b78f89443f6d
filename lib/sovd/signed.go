package sovd

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"lander/lib/bundle"
	"lander/lib/capability"
	"lander/lib/job"
	"lander/lib/proc"
	"lander/lib/store"
	"lander/lib/trust"
)

// Signed says whose scripts are taken and run: only bundles that the trust
// store lets on that entity. A bundle is checked in full when it comes in,
// its serial is spent then, and it is verified again before each run.
type Signed struct {
	Trust     func() (*trust.Store, error) // read anew each time, so that a change holds at once
	Serials   *trust.Serials
	BuildTime time.Time
	Limit     capability.Set // the gateway's own limit; nil: none
	SpoolDir  string
	// Names are further names that an entity answers to as a target; nil: none.
	Names func(Ref) []string
	// Formats are further formats that an entity takes; nil: none.
	Formats func(Ref) []string
}

// subject is the gateway as one of its entities: it answers to components/ID
// or apps/ID.
func (s *Signed) subject(e Ref, now time.Time) trust.Subject {
	names := []string{e.Path()}
	if s.Names != nil {
		names = append(names, s.Names(e)...)
	}
	formats := []string{job.FormatLua, job.FormatLuac51, job.FormatSh, job.FormatBash, job.FormatPython}
	if s.Formats != nil {
		formats = append(formats, s.Formats(e)...)
	}
	return trust.Subject{Names: names, Now: now, BuildTime: s.BuildTime, Limit: s.Limit, Need: proc.Need, Formats: formats}
}

// refusal words a bundle that is not let in, without a path.
func (f *Files) refusal(e Ref, b *bundle.Bundle, err error) error {
	if r, ok := errors.AsType[*trust.Refusal](err); ok {
		f.o.Log.Warn("a script was refused", "entity", e.Path(), "reason", r.Reason, "error", err)
		said := "its signature or key is not accepted here"
		if r.Reason != trust.ReasonSignature {
			said = r.Message
		}
		out := Errorf(KindRefused, "Script refused: %s", said).with(map[string]any{"reason": string(r.Reason)})
		if b != nil {
			out.refused = &refused{r.Message, detailOf(b)}
		}
		return out
	}
	if errors.Is(err, trust.ErrInvalid) {
		return Errorf(KindRefused, "Script refused: it is not a signed bundle").with(map[string]any{"reason": "bad-arguments"})
	}
	return err
}

// admit checks an uploaded file and records its serial. One that is good for a
// single run is recorded when it runs.
func (s *Signed) admit(f *Files, e Ref, path string) (*ScriptDetail, string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, "", fmt.Errorf("checking an upload: %w", err)
	}
	defer file.Close()
	sub := s.subject(e, f.o.Clock())
	sub.Serials = s.Serials
	b, err := s.check(sub, file)
	if err != nil {
		return nil, "", f.refusal(e, b, err)
	}
	defer b.Payload.Close()
	if !b.Statement.Once {
		if err := b.Record(); err != nil {
			return nil, "", f.refusal(e, b, err)
		}
	}
	return detailOf(b), b.Statement.Format, nil
}

// check opens a bundle. With a refusal comes what is known of it.
func (s *Signed) check(sub trust.Subject, r io.Reader) (*bundle.Bundle, error) {
	store, err := s.Trust()
	if err != nil {
		return nil, err
	}
	b, err := bundle.Open(r, store, sub, s.SpoolDir)
	if err != nil {
		return b, err
	}
	if b.Plain {
		// Without the signed words nothing says for which entity it is.
		b.Payload.Close()
		return b, &trust.Refusal{Reason: trust.ReasonTarget, Message: "a stock signature says no entity", Hint: "sign it with lander script sign"}
	}
	return b, nil
}

func detailOf(b *bundle.Bundle) *ScriptDetail {
	st := b.Statement
	d := &ScriptDetail{Format: st.Format, SHA256: st.SHA256, KeyID: b.Signature.KeyID()}
	if st.Name != "" {
		d.Serial = &st.Serial
	}
	if !st.Expires.IsZero() {
		d.Expires = job.Time{Time: st.Expires}.String()
	}
	return d
}

// verify checks a bundle of the library again. Its window held when it came
// in, and counts again only where the key's policy says so; the key itself
// must be good now.
func (s *Signed) verify(e Ref, r io.Reader, now time.Time) (*bundle.Bundle, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	sub := s.subject(e, now)
	sub.Serials, sub.AnySerial = s.Serials, true
	b, err := s.check(sub, bytes.NewReader(text))
	if rf, ok := errors.AsType[*trust.Refusal](err); ok && rf.Reason == trust.ReasonExpired {
		return s.verifyExpired(sub, text, b, err)
	}
	return b, err
}

// verifyExpired lets a bundle whose window has closed since it came in run,
// unless its key's policy says that the window counts at each use.
func (s *Signed) verifyExpired(sub trust.Subject, text []byte, first *bundle.Bundle, expired error) (*bundle.Bundle, error) {
	now, st := sub.Now, &first.Statement
	if sub.ClockSet() != nil || st.Expires.IsZero() || now.Before(st.Expires) {
		return first, expired // too early
	}
	sub.Now, sub.BuildTime, sub.Serials = st.Signed, time.Time{}, nil
	b, err := s.check(sub, bytes.NewReader(text))
	if err != nil {
		return first, expired
	}
	if b.Recheck(now) != nil {
		b.Payload.Close()
		return first, expired
	}
	return b, nil
}

// readable says whether a script may be given to what runs it elsewhere, and
// what is to be spent when that checks nothing itself.
func (s *Signed) readable(f *Files, e Ref, text []byte) (spend func(context.Context) error, err error) {
	b, err := s.verify(e, bytes.NewReader(text), f.o.Clock())
	if err != nil {
		return nil, f.refusal(e, b, err)
	}
	if err := b.Payload.Close(); err != nil || !b.Statement.Once {
		return nil, err
	}
	return func(ctx context.Context) error {
		if err := s.spend(ctx, f, b); err != nil {
			return f.refusal(e, b, err)
		}
		return nil
	}, nil
}

// open gives the payload of a bundle that was checked when it came in, for a
// run here.
func (s *Signed) open(ctx context.Context, f *Files, e Ref, sc found, text []byte) (loaded, error) {
	b, err := s.verify(e, bytes.NewReader(text), f.o.Clock())
	if err != nil {
		return loaded{}, f.refusal(e, b, err)
	}
	defer b.Payload.Close()
	if b.Statement.Once {
		if err := s.spend(ctx, f, b); err != nil {
			return loaded{}, f.refusal(e, b, err)
		}
	}
	return loadBundle(sc, b)
}

// openNow gives the payload of a bundle that nobody has checked when it came
// in: a signature that is there is never ignored, and all that it says counts
// at each run.
func (s *Signed) openNow(ctx context.Context, f *Files, e Ref, sc found, text []byte) (loaded, error) {
	sub := s.subject(e, f.o.Clock())
	sub.Serials = s.Serials
	b, err := s.check(sub, bytes.NewReader(text))
	if err != nil {
		return loaded{}, f.refusal(e, b, err)
	}
	defer b.Payload.Close()
	if err := s.spend(ctx, f, b); err != nil {
		return loaded{}, f.refusal(e, b, err)
	}
	return loadBundle(sc, b)
}

// spend records the serial of what is to run here. What is good for one run
// has it once, whichever of the gateways that share the store is asked.
func (s *Signed) spend(ctx context.Context, f *Files, b *bundle.Bundle) error {
	now := f.o.Clock()
	if s.Serials != nil {
		if err := s.Serials.Record(b.Key.ID(), b.Statement, now); err != nil {
			return err
		}
	}
	if !b.Statement.Once {
		return nil
	}
	return SpendOnce(ctx, f.o.Store, "", b, now)
}

// spentPrefix is where the store has the bundles that were good for one run,
// and had it.
const spentPrefix = "spent"

// SpendOnce records in st the only run of a bundle that says once=1: the one on
// a device, or where device is "" the one at all. A second is refused with a
// trust.Refusal.
func SpendOnce(ctx context.Context, st store.Store, device string, b *bundle.Bundle, now time.Time) error {
	id, s, where := b.Key.ID(), b.Statement, ""
	text := fmt.Appendf(nil, "%s %d %s", id, s.Serial, s.Name)
	if device != "" {
		text = fmt.Appendf(nil, "%q %s", device, text)
		where = " on " + device
	}
	sum := sha256.Sum256(text)
	value, err := json.Marshal(map[string]any{"key_id": id, "name": s.Name, "serial": s.Serial, "device": device, "time": job.Time{Time: now}})
	if err == nil {
		_, err = st.Put(ctx, spentPrefix+"/"+hex.EncodeToString(sum[:16]), value, 0)
	}
	if errors.Is(err, store.ErrConflict) {
		return &trust.Refusal{Reason: trust.ReasonReplayed, Message: fmt.Sprintf("replayed: serial %d of %s may run only once%s, and did", s.Serial, s.Name, where), Hint: "sign it again for another run"}
	}
	if err != nil {
		return fmt.Errorf("recording a run: %w", err)
	}
	return nil
}

// Ledger is what gateways that share a store know of serials: a trust.Ledger.
type Ledger struct {
	Context context.Context // of the gateway
	Store   store.Store
}

// Edit implements trust.Ledger.
func (l Ledger) Edit(key string, edit func(old []byte) ([]byte, error)) error {
	for key = "serials/" + key; ; {
		e, err := l.Store.Get(l.Context, key)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("reading a serial: %w", err)
		}
		text, err := edit(e.Value)
		if err != nil || text == nil {
			return err
		}
		_, err = l.Store.Put(l.Context, key, text, e.Rev)
		if errors.Is(err, store.ErrConflict) {
			continue // another was faster
		}
		if err != nil {
			return fmt.Errorf("recording a serial: %w", err)
		}
		return nil
	}
}

func loadBundle(sc found, b *bundle.Bundle) (loaded, error) {
	payload, err := b.Payload.Bytes()
	if err != nil {
		return loaded{}, fmt.Errorf("reading the script %s: %w", sc.ID, err)
	}
	d := detailOf(b)
	return loaded{payload: payload, format: d.Format, sha256: d.SHA256, keyID: d.KeyID, serial: d.Serial, task: job.Task{Capabilities: b.Capabilities}}, nil
}

// describe fills in what the bundle of a script says.
func (s *Signed) describe(ctx context.Context, f *Files, e Ref, sc *found) error {
	b, _, err := f.bytes(ctx, *sc)
	if err != nil {
		return err
	}
	v, err := s.verify(e, bytes.NewReader(b), f.o.Clock())
	if err != nil {
		return err
	}
	sc.Detail = detailOf(v)
	return v.Payload.Close()
}
