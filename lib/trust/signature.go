package trust

import (
	"bytes"
	"crypto/ed25519"
	"fmt"

	"aead.dev/minisign"
)

// Limits of a signature text. Stock minisign takes 1024 bytes of untrusted
// and 8192 bytes of trusted comment.
const (
	maxUntrusted = 1024
	maxTrusted   = 8192
	// MaxSignatureText is the size in bytes of the longest signature text.
	MaxSignatureText = 19 + maxUntrusted + 1 + 101 + 17 + maxTrusted + 1 + 89
)

// Signature is a parsed signature text: the four lines of a .minisig file.
type Signature struct {
	sig  minisign.Signature
	text []byte
}

// ParseSignature reads the four lines of a .minisig file, canonical only:
// strict base64, LF, nothing before or after, so that no altered byte passes.
// Legacy signatures are refused by name, with a *Refusal.
func ParseSignature(text []byte) (*Signature, error) {
	if len(text) > MaxSignatureText {
		return nil, invalidf("signature text is longer than %d bytes", MaxSignatureText)
	}
	var s Signature
	if err := s.sig.UnmarshalText(bytes.TrimSuffix(text, []byte("\n"))); err != nil {
		return nil, invalidf("signature text is malformed: it must be the four lines of a .minisig file")
	}
	if len(s.sig.UntrustedComment) > maxUntrusted || len(s.sig.TrustedComment) > maxTrusted {
		return nil, invalidf("signature text has a comment that is too long")
	}
	canon, err := s.sig.MarshalText()
	if err != nil || !bytes.Equal(canon, text) {
		return nil, invalidf("signature text is not canonical: strict base64, LF line ends and a final LF are required")
	}
	if s.sig.Algorithm == minisign.EdDSA {
		return nil, refuse(ReasonSignature, "sign again with a current minisign or with lander script sign",
			"legacy minisign signature (Ed): only prehashed signatures (ED) are accepted")
	}
	s.text = canon
	return &s, nil
}

// Text returns the four lines, as parsed.
func (s *Signature) Text() []byte { return s.text }

// KeyID is the id of the signing key as 16 upper-case hex digits. It is a
// hint until the signature has been checked.
func (s *Signature) KeyID() string { return formatID(s.sig.KeyID) }

// Comment is the trusted comment. It is signed, but not yet checked.
func (s *Signature) Comment() string { return s.sig.TrustedComment }

// commentGood checks the comment's own signature, which needs no payload.
func (s *Signature) commentGood(k PublicKey) bool {
	msg := make([]byte, 0, ed25519.SignatureSize+len(s.sig.TrustedComment))
	msg = append(msg, s.sig.Signature[:]...)
	msg = append(msg, s.sig.TrustedComment...)
	return s.sig.KeyID == k.key.ID() && ed25519.Verify(k.raw, msg, s.sig.CommentSignature[:])
}

//go:noinline // many call it, none in a hurry: each copy is size
func formatID(id uint64) string { return fmt.Sprintf("%016X", id) }
