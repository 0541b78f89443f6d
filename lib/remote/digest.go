package remote

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"lander/lib/job"
)

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func newID(now time.Time) string { return job.NewID(now, rand.Reader) }
