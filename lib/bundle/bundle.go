// Package bundle is the signed script on its way: the four lines of a
// .minisig file directly followed by the payload.
//
// `head -n 4` and `tail -n +5` give back exactly what stock minisign
// verifies. The first line is always FirstLine, and only canonical text is
// taken, so that no altered byte passes. A payload is spooled while it is
// hashed; no parser sees a byte of it before its signature is good.
package bundle

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"lander/lib/trust"
)

// FirstLine is the first line of a bundle, without the line end.
const FirstLine = "untrusted comment: lander bundle"

// Comment is the untrusted comment that makes FirstLine.
const Comment = "lander bundle"

// Is reports whether the start of a file is that of a bundle. It needs
// len(FirstLine)+1 bytes, or the whole file when that is shorter.
func Is(start []byte) bool { return bytes.HasPrefix(start, []byte(FirstLine+"\n")) }

// ErrNotBundle says that an input does not begin as a bundle does.
var ErrNotBundle error = &headerError{fmt.Sprintf("not a lander bundle: the first line is not %q", FirstLine)}

// ReadHeader reads the four lines at the start of a bundle; r stands at the
// payload afterwards. It reads at most trust.MaxSignatureText bytes before it
// gives up.
func ReadHeader(r *bufio.Reader) (*trust.Signature, error) {
	start, err := r.Peek(len(FirstLine) + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading the bundle: %w", err)
	}
	if !Is(start) {
		return nil, ErrNotBundle
	}
	text := make([]byte, 0, 1024)
	for line := 1; line <= 4; line++ {
		for {
			frag, err := r.ReadSlice('\n')
			text = append(text, frag...)
			if len(text) > trust.MaxSignatureText {
				return nil, &headerError{"the signature lines of the bundle are too long"}
			}
			if err == nil {
				break
			}
			if errors.Is(err, io.EOF) {
				return nil, &headerError{fmt.Sprintf("the bundle ends in line %d of its signature", line)}
			}
			if !errors.Is(err, bufio.ErrBufferFull) {
				return nil, fmt.Errorf("reading the bundle: %w", err)
			}
		}
	}
	return trust.ParseSignature(text)
}

type headerError struct{ msg string }

func (e *headerError) Error() string        { return e.msg }
func (e *headerError) Is(target error) bool { return target == trust.ErrInvalid }

// Cap is the largest payload in bytes for a format word.
func Cap(format string) int64 {
	switch format {
	case "devs":
		return 256 << 10
	case "package", "tree", "data":
		return 1 << 30
	}
	return 1 << 20
}

// Bundle is an opened bundle: its verdict and its payload, both checked.
type Bundle struct {
	trust.Verdict
	*Payload
}

// Open reads a bundle and checks it against the store, in the order of the
// design: everything that needs no payload first, then the payload, within
// the cap of its format. It does not record the serial: the caller does, with
// Record, when the payload is about to be used. On a refusal the returned
// Bundle holds the verdict so far, without a payload.
func Open(r io.Reader, store *trust.Store, sub trust.Subject, dir string) (*Bundle, error) {
	br := bufio.NewReaderSize(r, 64<<10)
	sig, err := ReadHeader(br)
	if err != nil {
		return nil, err
	}
	return open(sig, func(trust.Verdict) (io.ReadCloser, error) { return io.NopCloser(br), nil }, store, sub, dir)
}

// OpenDetached checks a detached signature and then, only when nothing is
// wrong so far, gets the payload from fetch, which may download it.
func OpenDetached(sig *trust.Signature, fetch func(trust.Verdict) (io.ReadCloser, error), store *trust.Store, sub trust.Subject, dir string) (*Bundle, error) {
	return open(sig, fetch, store, sub, dir)
}

func open(sig *trust.Signature, fetch func(trust.Verdict) (io.ReadCloser, error), store *trust.Store, sub trust.Subject, dir string) (*Bundle, error) {
	v, err := store.Check(sig, sub)
	b := &Bundle{Verdict: v}
	if err != nil {
		return b, err
	}
	limit := Cap(v.Statement.Format)
	// A size beyond the cap was signed by mistake: say so before downloading.
	if v.Statement.Size > limit {
		return b, &SizeError{Limit: limit, Format: v.Statement.Format}
	}
	if !v.Plain {
		limit = v.Statement.Size
	} else {
		limit = plainCap(v, sub.Formats)
	}
	src, err := fetch(v)
	if err != nil {
		return b, err
	}
	defer src.Close()
	p, err := Spool(src, limit, dir)
	if se, ok := errors.AsType[*SizeError](err); ok && !v.Plain {
		return b, &trust.Refusal{Reason: trust.ReasonSignature, Message: fmt.Sprintf("the payload is longer than the %d bytes that were signed", se.Limit), Hint: "it was altered after signing"}
	}
	if err != nil {
		return b, err
	}
	if err := b.Verdict.Payload(p.hash, p.Size, p.SHA256); err != nil {
		p.Close()
		return b, err
	}
	b.Payload = p
	return b, nil
}

// plainCap is the cap of what a stock signature, which names no format, may
// be: the largest of the formats that the door takes and the key may sign.
func plainCap(v trust.Verdict, taken []string) (limit int64) {
	if taken == nil {
		taken = trust.Formats()
	}
	for _, f := range taken {
		if v.Policy.Signs(f) {
			limit = max(limit, Cap(f))
		}
	}
	return limit
}

// Pack writes a bundle: the signature text and the payload.
func Pack(w io.Writer, signature []byte, payload io.Reader) error {
	if !Is(signature) {
		return ErrNotBundle
	}
	if _, err := w.Write(signature); err != nil {
		return fmt.Errorf("writing the bundle: %w", err)
	}
	if _, err := io.Copy(w, payload); err != nil {
		return fmt.Errorf("writing the bundle: %w", err)
	}
	return nil
}
