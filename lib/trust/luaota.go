package trust

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"hash"
)

// LuaOTATag returns the tag function of luaOTA's records for one secret: the
// last 3 bytes of HMAC-MD5 over the JSON text [OTA 2]. It is a legacy of 24
// bits that any sender of enough records guesses. The function keeps its state
// between calls and is for one goroutine.
func LuaOTATag(secret []byte) func(text []byte) [3]byte {
	h := hmac.New(md5.New, secret)
	var sum [md5.Size]byte
	return func(text []byte) [3]byte {
		h.Reset()
		h.Write(text)
		s := h.Sum(sum[:0])
		return [3]byte(s[md5.Size-3:])
	}
}

// LuaOTASession returns the MAC function of luaOTA's stronger mode: HMAC-SHA256
// under a key of this session, which is itself HMAC-SHA256 of the secret over
// transcript. Transcript holds a nonce of both ends, so no session's records
// fit another. The function is for one goroutine.
func LuaOTASession(secret, transcript []byte) func(parts ...[]byte) [sha256.Size]byte {
	k := hmac.New(sha256.New, secret)
	k.Write(transcript)
	h := hmac.New(sha256.New, k.Sum(nil))
	return func(parts ...[]byte) (sum [sha256.Size]byte) {
		h.Reset()
		for _, p := range parts {
			h.Write(p)
		}
		h.Sum(sum[:0])
		return sum
	}
}

// LuaOTAFingerprint is the fingerprint of the original provisioning server:
// MD5, in lower hex, of its "name:mtime" items joined by colons [OTA 5].
func LuaOTAFingerprint(items []string) string {
	h := md5.New()
	for i, it := range items {
		if i > 0 {
			writeString(h, ":")
		}
		writeString(h, it)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func writeString(h hash.Hash, s string) { h.Write([]byte(s)) }
