package fleet

import (
	"errors"
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
	}
	return nil
}
