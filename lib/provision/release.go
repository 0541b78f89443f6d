package provision

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"lander/lib/luaota/record"
)

// Release is what one manifest says a board should have, made ready to send.
// It does not change.
type Release struct {
	Manifest   string // file name, "ESP-7.json" or "default.json"
	Name       string // of the manifest or the settings, else the fingerprint
	Chk        string // fingerprint of names, contents, modes, deletions and configuration
	Items      []*Item
	Delete     []string // names on the flash that should not be there
	Collect    []string
	Groups     []string
	Config     record.Object
	Strict     bool
	Broken     bool // must not reach a board
	LegacyChk  string
	Plain      bool
	secret     string
	oldSecrets []string
}

// chkLen is the length of our fingerprints; the original's are 32 hex digits.
const chkLen = 16

// fingerprint sets Chk, and Name where it has none.
func (r *Release) fingerprint() {
	h := sha256.New()
	items := slices.Clone(r.Items)
	slices.SortFunc(items, func(a, b *Item) int { return strings.Compare(a.Name, b.Name) })
	for _, it := range items {
		fmt.Fprintf(h, "file %q %s %s\n", it.Name, it.Mode, it.SHA256)
	}
	for _, name := range slices.Sorted(slices.Values(r.Delete)) {
		fmt.Fprintf(h, "delete %q\n", name)
	}
	if len(r.Config) > 0 {
		fmt.Fprintf(h, "config %s\n", r.Config.Value())
	}
	r.Chk = hex.EncodeToString(h.Sum(nil))[:chkLen]
	if r.Name == "" {
		r.Name = r.Chk
	}
}

// Bytes is what all files hold together.
func (r *Release) Bytes() (n int64) {
	for _, it := range r.Items {
		n += int64(len(it.Content))
	}
	return n
}

// tokens are what the flash holds when the release is on it.
func (r *Release) tokens() map[string]string {
	m := make(map[string]string, len(r.Items))
	for _, it := range r.Items {
		m[it.Name] = it.token()
	}
	return m
}

// item finds the item of a flash name.
func (r *Release) item(name string) *Item {
	for _, it := range r.Items {
		if it.Name == name {
			return it
		}
	}
	return nil
}

// How long a record takes a real board, from its receipt to the next one.
const recordTime = 11 * time.Millisecond

// pieceSize is how much data one record carries to the original client.
const pieceSize = 1024

// records is how many records a content takes.
func records(size int) int { return max(1, (size+pieceSize-1)/pieceSize) }

// Estimate is how long a board without any of the files is busy.
func (r *Release) Estimate() time.Duration {
	n := 2
	for _, it := range r.Items {
		n += records(len(it.Content)) + 1
	}
	return time.Duration(n) * recordTime
}
