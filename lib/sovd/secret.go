package sovd

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/crypto/argon2"
)

// The cost of new hashes of secrets, as RFC 9106 recommends it for services
// with little memory.
const (
	argonTime    = 3
	argonMemory  = 64 << 10 // KiB
	argonThreads = 1
	argonLength  = 32
)

// ErrSecretHash is wrapped when a text is no hash of a secret.
var ErrSecretHash = errors.New("not a hash of a secret")

// HashSecret makes the hash of a client's secret for the auth file, in the
// common form $argon2id$v=19$m=65536,t=3,p=1$SALT$HASH.
func HashSecret(secret []byte, random io.Reader) (string, error) {
	if len(secret) == 0 {
		return "", errors.New("hashing a secret: it is empty")
	}
	salt := make([]byte, 16)
	if _, err := io.ReadFull(random, salt); err != nil {
		return "", fmt.Errorf("hashing a secret: %w", err)
	}
	return secretHash{argonMemory, argonTime, argonThreads, salt, argon2.IDKey(secret, salt, argonTime, argonMemory, argonThreads, argonLength)}.String(), nil
}

type secretHash struct {
	memory, time uint32
	threads      uint8
	salt, sum    []byte
}

func (h secretHash) String() string {
	e := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.memory, h.time, h.threads, e(h.salt), e(h.sum))
}

// parseSecretHash reads a hash. Its costs are bounded: the file says them.
func parseSecretHash(s string) (secretHash, error) {
	bad := func(why string) (secretHash, error) { return secretHash{}, fmt.Errorf("%w: %s", ErrSecretHash, why) }
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return bad("it does not begin as $argon2id$v=19$")
	}
	var h secretHash
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.memory, &h.time, &h.threads); err != nil {
		return bad("its costs are malformed")
	}
	if h.memory < 8 || h.memory > 1<<20 || h.time < 1 || h.time > 64 || h.threads < 1 || h.threads > 16 || h.memory < 8*uint32(h.threads) {
		return bad("its costs are out of bounds")
	}
	var err1, err2 error
	h.salt, err1 = base64.RawStdEncoding.Strict().DecodeString(parts[4])
	h.sum, err2 = base64.RawStdEncoding.Strict().DecodeString(parts[5])
	if err1 != nil || err2 != nil || len(h.salt) < 8 || len(h.salt) > 64 || len(h.sum) < 16 || len(h.sum) > 64 {
		return bad("its salt or sum is malformed")
	}
	if h.String() != s {
		return bad("it is not in its common form")
	}
	return h, nil
}

// matches compares in constant time.
func (h secretHash) matches(secret []byte) bool {
	sum := argon2.IDKey(secret, h.salt, h.time, h.memory, h.threads, uint32(len(h.sum)))
	return subtle.ConstantTimeCompare(sum, h.sum) == 1
}
