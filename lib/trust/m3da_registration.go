package trust

import (
	"crypto/ecdh"
	"crypto/md5"
	"crypto/rand"
	"crypto/subtle"
	"fmt"
)

// M3DARegistration is one side of the exchange that gives a device its
// password, secured by a registration password that many devices may share
// [M3DA 4.1].
type M3DARegistration struct {
	ks, kd [md5.Size]byte
	slot   M3DASlot
	own    *ecdh.PrivateKey
}

// NewM3DARegistration begins an exchange of a device and a server, at the end
// that owns a slot.
func NewM3DARegistration(slot M3DASlot, password []byte, server, device string) (*M3DARegistration, error) {
	k := md5.Sum(password)
	own, err := ecdh.P521().GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a key for the registration: %w", err)
	}
	return &M3DARegistration{ks: named(server, k), kd: named(device, k), slot: slot, own: own}, nil
}

// Salt makes 16 random bytes.
func (r *M3DARegistration) Salt() string { return (*M3DAKeys)(nil).Nonce() }

// MAC is HMAC-MD5 of a payload that this end sends and the other's salt.
func (r *M3DARegistration) MAC(payload, salt string) string { return r.mac(r.slot, payload, salt) }

func (r *M3DARegistration) mac(slot M3DASlot, payload, salt string) string {
	key := r.kd
	if slot == M3DAServer {
		key = r.ks
	}
	return tag(md5.New, key[:], payload, salt)
}

// Verify is for what the other end sent under our salt; it compares in
// constant time.
func (r *M3DARegistration) Verify(payload, salt, mac string) bool {
	return subtle.ConstantTimeCompare([]byte(r.mac(1-r.slot, payload, salt)), []byte(mac)) == 1
}

// PublicKey is this side's point on P-521, uncompressed: 133 bytes.
func (r *M3DARegistration) PublicKey() string { return string(r.own.PublicKey().Bytes()) }

// Mask turns K into the text that is sent, and that text into K again: it is
// MD5 of the secret that both sides share, laid over it. peer is the other
// side's point; the error wraps ErrInvalid.
func (r *M3DARegistration) Mask(peer, text string) (string, error) {
	if len(text) != md5.Size {
		return "", invalidf("a password of %d bytes", len(text))
	}
	point, err := ecdh.P521().NewPublicKey([]byte(peer))
	if err != nil {
		return "", invalidf("the public key of the other side: %v", err)
	}
	secret, err := r.own.ECDH(point)
	if err != nil {
		return "", invalidf("the public key of the other side: %v", err)
	}
	mask := md5.Sum(secret)
	subtle.XORBytes(mask[:], mask[:], []byte(text))
	return string(mask[:]), nil
}
