package trust

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"
	"strings"
)

// M3DASlot names a key of M3DA by its owner: each side's MACs are under its
// own [M3DA 4].
type M3DASlot uint8

// The slots.
const (
	M3DADevice M3DASlot = iota // KD: what the device sends
	M3DAServer                 // KS: what the server sends
)

// M3DAModes are the words for what an M3DA session may be secured with; ""
// is nothing.
var (
	M3DAAuths   = []string{"", "hmac-md5", "hmac-sha1"}
	M3DACiphers = []string{"", "aes-cbc-128", "aes-cbc-256", "aes-ctr-128", "aes-ctr-256"}
)

// M3DAKeys are the keys of one device and one server, made of a shared
// password. MD5 and SHA-1, one K for both ways, keys and IVs from a public
// nonce, no forward secrecy: a legacy that keeps out the passer-by. What
// scripts may do never depends on it. Safe for concurrent use.
type M3DAKeys struct {
	k, kd, ks    [md5.Size]byte
	auth, cipher string
}

// M3DASecret is what a password is kept as: K = MD5(password).
type M3DASecret [md5.Size]byte

// NewM3DASecret makes the secret of a password.
func NewM3DASecret(password []byte) M3DASecret { return md5.Sum(password) }

// Keys makes the keys of a device and a server. The words are of M3DAAuths
// and M3DACiphers; a cipher without auth is refused.
func (k M3DASecret) Keys(server, device, auth, cipher string) (*M3DAKeys, error) {
	switch {
	case !slices.Contains(M3DAAuths, auth) || auth == "":
		return nil, invalidf("auth %q is none of %s", auth, strings.Join(M3DAAuths[1:], ", "))
	case !slices.Contains(M3DACiphers, cipher):
		return nil, invalidf("cipher %q is none of %s", cipher, strings.Join(M3DACiphers[1:], ", "))
	}
	return &M3DAKeys{k: k, ks: named(server, k), kd: named(device, k), auth: auth, cipher: cipher}, nil
}

func named(id string, k [md5.Size]byte) [md5.Size]byte {
	return md5.Sum(append([]byte(id), k[:]...))
}

// M3DASide is what one end does with the keys: its own slot is for what it
// sends, the other for what comes.
type M3DASide struct {
	*M3DAKeys
	own M3DASlot
}

// Side is the end that owns a slot.
func (k *M3DAKeys) Side(own M3DASlot) M3DASide { return M3DASide{k, own} }

// MAC is of what this end sends.
func (s M3DASide) MAC(payload, nonce string) string { return s.M3DAKeys.MAC(s.own, payload, nonce) }

// Verify is for what the other end sent.
func (s M3DASide) Verify(payload, nonce, mac string) bool {
	return s.M3DAKeys.Verify(1-s.own, payload, nonce, mac)
}

// Auth is the word of the MAC, which a challenge names.
func (k *M3DAKeys) Auth() string { return k.auth }

// Cipher is the word of the cipher, "" for none.
func (k *M3DAKeys) Cipher() string { return k.cipher }

// MAC is the footer's mac of a payload under a nonce.
func (k *M3DAKeys) MAC(slot M3DASlot, payload, nonce string) string {
	key := k.kd
	if slot == M3DAServer {
		key = k.ks
	}
	sum := md5.New
	if k.auth == "hmac-sha1" {
		sum = sha1.New
	}
	return tag(sum, key[:], payload, nonce)
}

func tag(sum func() hash.Hash, key []byte, parts ...string) string {
	h := hmac.New(sum, key)
	for _, p := range parts {
		writeString(h, p)
	}
	return string(h.Sum(nil))
}

// Verify compares in constant time.
func (k *M3DAKeys) Verify(slot M3DASlot, payload, nonce, mac string) bool {
	return subtle.ConstantTimeCompare([]byte(k.MAC(slot, payload, nonce)), []byte(mac)) == 1
}

// Nonce makes 16 random bytes.
func (k *M3DAKeys) Nonce() string {
	var b [16]byte
	rand.Read(b[:])
	return string(b[:])
}

// Seal enciphers; without a cipher it returns what it gets.
func (k *M3DAKeys) Seal(nonce, plain string) string {
	if k.cipher == "" {
		return plain
	}
	block, iv := k.block(nonce)
	b := []byte(plain)
	if strings.HasPrefix(k.cipher, "aes-ctr") {
		cipher.NewCTR(block, iv).XORKeyStream(b, b)
		return string(b)
	}
	pad := aes.BlockSize - len(b)%aes.BlockSize // PKCS5
	for range pad {
		b = append(b, byte(pad))
	}
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(b, b)
	return string(b)
}

// Open deciphers what was authenticated. The error wraps ErrInvalid.
func (k *M3DAKeys) Open(nonce, sealed string) (string, error) {
	if k.cipher == "" {
		return sealed, nil
	}
	block, iv := k.block(nonce)
	b := []byte(sealed)
	if strings.HasPrefix(k.cipher, "aes-ctr") {
		cipher.NewCTR(block, iv).XORKeyStream(b, b)
		return string(b), nil
	}
	if len(b) == 0 || len(b)%aes.BlockSize != 0 {
		return "", invalidf("enciphered payload of %d bytes", len(b))
	}
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(b, b)
	pad := int(b[len(b)-1])
	if pad < 1 || pad > aes.BlockSize {
		return "", invalidf("enciphered payload with wrong padding")
	}
	for _, c := range b[len(b)-pad:] {
		if int(c) != pad {
			return "", invalidf("enciphered payload with wrong padding")
		}
	}
	return string(b[:len(b)-pad]), nil
}

func (k *M3DAKeys) block(nonce string) (cipher.Block, []byte) {
	key := tag(md5.New, k.k[:], nonce)
	if strings.HasSuffix(k.cipher, "256") {
		key += tag(md5.New, k.k[:], nonce, nonce)
	}
	block, err := aes.NewCipher([]byte(key))
	if err != nil {
		panic(fmt.Sprintf("a key of %d bytes: %v", len(key), err))
	}
	iv := md5.Sum([]byte(nonce))
	return block, iv[:]
}

// LegacyMD5 is what the original agent takes for a script's signature: the
// MD5 of its text in hex, which anybody can make.
func LegacyMD5(payload []byte) string {
	sum := md5.Sum(payload)
	return hex.EncodeToString(sum[:])
}
