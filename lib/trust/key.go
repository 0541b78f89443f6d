package trust

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"aead.dev/minisign"
	"golang.org/x/crypto/blake2b"
	"golang.org/x/crypto/scrypt"
)

// PublicKey is a minisign public key.
type PublicKey struct {
	key minisign.PublicKey
	raw ed25519.PublicKey
}

// ParsePublicKey reads the text of a .pub file, or its base64 line alone
// ("RW..."). Only canonical base64 is taken.
func ParsePublicKey(text []byte) (PublicKey, error) {
	line := text
	if bytes.HasPrefix(text, []byte("untrusted comment:")) {
		_, rest, ok := bytes.Cut(text, []byte("\n"))
		if !ok {
			return PublicKey{}, invalidf("public key: there is no second line")
		}
		line = rest
	}
	s := strings.TrimRight(string(line), "\r\n")
	var k PublicKey
	if err := k.key.UnmarshalText([]byte(s)); err != nil || k.key.String() != s {
		return PublicKey{}, invalidf("public key is malformed: expected one line of base64 that begins with RW")
	}
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return PublicKey{}, invalidf("public key is malformed: %w", err)
	}
	k.raw = ed25519.PublicKey(b[10:])
	return k, nil
}

// ID is the key id as 16 upper-case hex digits.
func (k PublicKey) ID() string { return formatID(k.key.ID()) }

// Line is the base64 line of the .pub file.
func (k PublicKey) Line() string { return k.key.String() }

// Text is the .pub file.
func (k PublicKey) Text() []byte {
	return fmt.Appendf(nil, "untrusted comment: minisign public key %s\n%s\n", k.ID(), k.Line())
}

// ParseID checks a key id: 16 hex digits, of either case.
func ParseID(s string) (string, error) {
	if _, err := strconv.ParseUint(s, 16, 64); err != nil || len(s) != 16 {
		return "", invalidf("key id %.40q is not 16 hex digits", s)
	}
	return strings.ToUpper(s), nil
}

// PrivateKey signs. It is safe for concurrent use.
type PrivateKey struct{ key minisign.PrivateKey }

// GenerateKey makes a key pair.
func GenerateKey() (PrivateKey, error) {
	_, priv, err := minisign.GenerateKey(rand.Reader)
	if err != nil {
		return PrivateKey{}, fmt.Errorf("making a key pair: %w", err)
	}
	return PrivateKey{priv}, nil
}

// Public returns the public half.
func (k PrivateKey) Public() PublicKey {
	pub := k.key.Public().(minisign.PublicKey)
	b, _ := base64.StdEncoding.DecodeString(pub.String())
	return PublicKey{pub, ed25519.PublicKey(b[10:])}
}

// Encrypted reports whether the key file needs a passphrase.
func Encrypted(file []byte) bool { return minisign.IsEncrypted(file) }

// ErrPassphrase says that a key file did not open with the passphrase given.
var ErrPassphrase = &Refusal{
	Reason:  ReasonSignature,
	Message: "wrong passphrase for the key file",
	Hint:    "give the passphrase on a terminal or with --passphrase-fd",
}

// ParsePrivateKey reads a key file of minisign or of script keygen. The
// passphrase is only used when the file is encrypted. An encrypted stock key
// needs 1 GiB of memory and some seconds.
func ParsePrivateKey(file []byte, passphrase string) (PrivateKey, error) {
	if !Encrypted(file) {
		var k PrivateKey
		if err := k.key.UnmarshalText(file); err != nil {
			return PrivateKey{}, invalidf("key file is malformed: it must be a minisign secret key")
		}
		return k, nil
	}
	if err := affordable(file); err != nil {
		return PrivateKey{}, err
	}
	k, err := minisign.DecryptKey(passphrase, file)
	if err != nil {
		return PrivateKey{}, ErrPassphrase
	}
	return PrivateKey{k}, nil
}

// What a key file of stock minisign costs in work and in memory, and the most
// that any may cost: the file says itself how much that is.
const (
	stockOps = 1 << 25
	stockMem = 1 << 30
)

// ErrMemory is an encrypted key file that this process may not open: running
// out of memory would end it without a word.
var ErrMemory = errors.New("not enough memory to open the key file")

// affordable checks that there is the memory that an encrypted key file costs.
func affordable(file []byte) error {
	_, line, _ := bytes.Cut(file, []byte("\n"))
	line, _, _ = bytes.Cut(line, []byte("\n"))
	b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(line)))
	if err != nil || len(b) != 158 {
		return invalidf("key file is malformed: it must be a minisign secret key")
	}
	ops, need := binary.LittleEndian.Uint64(b[38:]), binary.LittleEndian.Uint64(b[46:])
	if ops > stockOps || need > stockMem {
		return invalidf("key file is malformed: it costs more than any of minisign")
	}
	if !allocatable(int(need) + stockMem/16) {
		return fmt.Errorf("%w: it takes %d MiB, and this process may not have them", ErrMemory, need>>20)
	}
	return nil
}

// The cost of the key files that we encrypt: 64 MiB and about 0.2 s, where
// stock minisign takes stockMem. In scrypt's own terms N=65536, r=8, p=1.
const (
	scryptOps = 2097152
	scryptMem = 67108864
	scryptN   = 65536
	scryptR   = 8
	scryptP   = 1
)

// KeyFile renders the private key as a minisign secret key file, encrypted
// when the passphrase is not empty. Stock minisign reads both forms.
func (k PrivateKey) KeyFile(passphrase string) ([]byte, error) {
	plain, err := k.key.MarshalText()
	if err != nil {
		return nil, fmt.Errorf("rendering the key: %w", err)
	}
	_, line, _ := bytes.Cut(plain, []byte("\n"))
	b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(line)))
	if err != nil {
		return nil, fmt.Errorf("rendering the key: %w", err)
	}
	// b: alg 2, kdf 2, checksum alg 2, salt 32, ops 8, mem 8, id 8, key 64, checksum 32.
	sum := blake2b.Sum256(append(append([]byte{}, b[:2]...), b[54:126]...))
	copy(b[126:], sum[:])
	if passphrase != "" {
		copy(b[2:4], "Sc")
		if _, err := io.ReadFull(rand.Reader, b[6:38]); err != nil {
			return nil, fmt.Errorf("encrypting the key: %w", err)
		}
		binary.LittleEndian.PutUint64(b[38:], scryptOps)
		binary.LittleEndian.PutUint64(b[46:], scryptMem)
		stream, err := scrypt.Key([]byte(passphrase), b[6:38], scryptN, scryptR, scryptP, 104)
		if err != nil {
			return nil, fmt.Errorf("encrypting the key: %w", err)
		}
		for i, s := range stream {
			b[54+i] ^= s
		}
	}
	return fmt.Appendf(nil, "untrusted comment: minisign encrypted secret key\n%s\n", base64.StdEncoding.EncodeToString(b)), nil
}

// Hash digests a payload for signing and for checking, while it is read.
type Hash struct{ r *minisign.Reader }

// NewHash returns a Hash that reads from r.
func NewHash(r io.Reader) *Hash { return &Hash{minisign.NewReader(r)} }

// Read reads on and digests what it read.
func (h *Hash) Read(p []byte) (int, error) { return h.r.Read(p) }

// Sign signs what was read so far with both comments and returns the four
// lines of the .minisig file.
func (h *Hash) Sign(k PrivateKey, trusted, untrusted string) []byte {
	return h.r.SignWithComments(k.key, trusted, untrusted)
}

// Matches reports whether s is k's signature over what was read so far.
func (h *Hash) Matches(k PublicKey, s *Signature) bool {
	return h.r.Verify(k.key, s.text)
}
