package fleet

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"time"

	"lander/lib/job"
	"lander/lib/trust"
)

// ticketNumber is the ticket of an execution for a device that is none of ours.
// What such a device cannot read as a number it takes for no ticket at all, and
// never answers. It follows from the id, so every gateway knows it.
func ticketNumber(id string) int64 {
	h := fnv.New32a()
	h.Write([]byte(id))
	return max(int64(h.Sum32()&math.MaxInt32), 1)
}

// foreignFault says why a signed script must not go to a device that is none of
// ours: such a device looks at the MD5 alone, so that for whom and when a script
// is good has to be seen to before. names are what the device answers to. nil: it
// may go.
func foreignFault(rec *record, names []string, now time.Time) *job.Error {
	if rec.MD5 == "" {
		return nil // nobody signed it
	}
	sig, err := trust.ParseSignature([]byte(rec.Signature))
	if err != nil {
		return job.Errorf(trust.ReasonSignature, "the signature is damaged: %v", err)
	}
	if !trust.IsStatement(sig.Comment()) {
		if rec.Args != "" {
			return job.Errorf(trust.ReasonBadArguments, "a stock signature does not allow arguments")
		}
		return nil
	}
	st, err := trust.ParseStatement(sig.Comment())
	if err != nil {
		return job.Errorf(trust.ReasonSignature, "the signature is damaged: %v", err)
	}
	err = st.Fits(names, now)
	switch r, ok := errors.AsType[*trust.Refusal](err); {
	case ok:
		return job.Errorf(r.Reason, "%s", r.Message)
	case err != nil:
		return job.Errorf(trust.ReasonSignature, "%v", err)
	case st.Format != job.FormatLua && st.Format != job.FormatLuac51:
		return job.Errorf(trust.ReasonFormat, "the device runs Lua, not %s", st.Format)
	case rec.Args != "" && !st.ArgsAllow:
		return job.Errorf(trust.ReasonBadArguments, "%s is signed without args=allow, and arguments were given", st.Name)
	}
	return nil
}

// vouched has the signature of such a script checked against the keys that are
// trusted here: the device would take it from anybody. fault is why it may not
// go, and err that this cannot be said now.
func (f *Fleet) vouched(rec *record, names []string) (spend func() error, fault *job.Error, err error) {
	if fault := foreignFault(rec, names, f.o.Clock()); fault != nil || rec.MD5 == "" || f.o.Vouch == nil {
		return func() error { return nil }, fault, nil
	}
	payload, err := f.o.Store.Get(f.ctx, payloadKey(rec.SHA256))
	if err != nil {
		return nil, nil, fmt.Errorf("reading the script: %w", err)
	}
	spend, err = f.o.Vouch(f.ctx, Recipient{Device: rec.Device, Names: names, Args: rec.Args != "", Managed: rec.Managed}, append([]byte(rec.Signature), payload.Value...))
	if fault := refused(err); fault != nil {
		return nil, fault, nil
	}
	return spend, nil, err
}

// refused words what ends an execution; nil when err is no refusal.
func refused(err error) *job.Error {
	if r, ok := errors.AsType[*trust.Refusal](err); ok {
		return job.Errorf(r.Reason, "%s", r.Message)
	}
	if errors.Is(err, trust.ErrInvalid) {
		return job.Errorf(trust.ReasonSignature, "%v", err)
	}
	return nil
}
