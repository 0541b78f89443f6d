package bundle

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"

	"lander/lib/trust"
)

// inMemory is the largest payload that is kept in memory.
const inMemory = 1 << 20

// SizeError says that a payload is larger than its limit.
type SizeError struct {
	Limit  int64
	Format string // "" when it is not the format's cap that was passed
}

func (e *SizeError) Error() string {
	if e.Format == "" {
		return fmt.Sprintf("payload is larger than %d bytes", e.Limit)
	}
	return fmt.Sprintf("payload is larger than %d bytes, the limit for format %s", e.Limit, e.Format)
}

// Is makes a SizeError a malformed input.
func (e *SizeError) Is(target error) bool { return target == trust.ErrInvalid }

// Payload is a payload that was read to its end and digested. It lies in
// memory or in an unlinked temporary file.
type Payload struct {
	Size   int64
	SHA256 string // lower hex

	hash *trust.Hash
	mem  []byte
	file *os.File
}

// Spool reads r to its end, at most limit bytes. More than 1 MiB goes to a
// temporary file in dir ("" for the system's), removed before the first byte
// is written where the system allows it.
func Spool(r io.Reader, limit int64, dir string) (*Payload, error) {
	sum := sha256.New()
	p := &Payload{}
	p.hash = trust.NewHash(io.TeeReader(io.LimitReader(r, limit+1), sum))
	// Most payloads are a few KB: room for them and for the read that finds
	// the end.
	buf := *bytes.NewBuffer(make([]byte, 0, 4<<10))
	n, err := io.Copy(&buf, io.LimitReader(p.hash, inMemory+1))
	if err == nil && n > inMemory {
		var more int64
		more, err = p.spill(&buf, dir)
		n += more
	}
	if err != nil {
		p.Close()
		return nil, fmt.Errorf("reading the payload: %w", err)
	}
	if n > limit {
		p.Close()
		return nil, &SizeError{Limit: limit}
	}
	if p.file == nil {
		p.mem = buf.Bytes()
	}
	p.Size = n
	p.SHA256 = hex.EncodeToString(sum.Sum(nil))
	return p, nil
}

func (p *Payload) spill(head *bytes.Buffer, dir string) (int64, error) {
	f, err := os.CreateTemp(dir, "lander-spool-")
	if err != nil {
		return 0, err
	}
	p.file = f
	os.Remove(f.Name()) // fails on Windows, where Close removes it
	if _, err := head.WriteTo(f); err != nil {
		return 0, err
	}
	return io.Copy(f, p.hash)
}

// Sign signs the payload and returns the four lines of a .minisig file.
func (p *Payload) Sign(k trust.PrivateKey, trusted, untrusted string) []byte {
	return p.hash.Sign(k, trusted, untrusted)
}

// Source reads a payload, from the start or at any place.
type Source interface {
	io.ReadSeeker
	io.ReaderAt
}

// Reader returns a reader of the whole payload. Several may be used at once.
func (p *Payload) Reader() Source {
	if p.file != nil {
		return io.NewSectionReader(p.file, 0, p.Size)
	}
	return bytes.NewReader(p.mem)
}

// Bytes returns the payload, for formats whose cap is small.
func (p *Payload) Bytes() ([]byte, error) {
	if p.file == nil {
		return p.mem, nil
	}
	b := make([]byte, p.Size)
	if _, err := p.file.ReadAt(b, 0); err != nil {
		return nil, fmt.Errorf("reading the spooled payload: %w", err)
	}
	return b, nil
}

// Close gives the memory or the temporary file back.
func (p *Payload) Close() error {
	p.mem = nil
	if p.file == nil {
		return nil
	}
	err := p.file.Close()
	os.Remove(p.file.Name())
	p.file = nil
	return err
}
