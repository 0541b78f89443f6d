package cmd

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
)

// digest hashes what it passes on.
type digest struct {
	w io.Writer
	h hash.Hash
}

func newDigest(w io.Writer) *digest { return &digest{w, sha256.New()} }

func (d *digest) Write(p []byte) (int, error) {
	n, err := d.w.Write(p)
	d.h.Write(p[:n])
	return n, err
}

func (d *digest) hex() string { return hex.EncodeToString(d.h.Sum(nil)) }
