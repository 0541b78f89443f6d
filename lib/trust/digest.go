package trust

import (
	"crypto/md5"
	"crypto/sha1"
	"hash"
)

// MD5 and SHA1 are for comparing with devices that have nothing better, against
// accidents alone: neither stands against anybody who means harm.

// MD5 is the digest of b.
func MD5(b []byte) []byte {
	s := md5.Sum(b)
	return s[:]
}

// NewMD5 makes the digest of what is written to it.
func NewMD5() hash.Hash { return md5.New() }

// SHA1 is the digest of b.
func SHA1(b []byte) []byte {
	s := sha1.Sum(b)
	return s[:]
}
