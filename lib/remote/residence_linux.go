package remote

import (
	"bytes"
	"math"
	"os"
	"strconv"
)

// residence tells how much memory of its own this process has in use.
type residence struct {
	statm *os.File
	page  int64
	buf   [128]byte
}

func newResidence() *residence {
	f, err := os.Open("/proc/self/statm")
	if err != nil {
		f = nil
	}
	return &residence{statm: f, page: int64(os.Getpagesize())}
}

// bytes is the resident memory without the shared pages, or a very large
// number when the system does not say.
func (r *residence) bytes() int64 {
	if r.statm == nil {
		return math.MaxInt64
	}
	n, _ := r.statm.ReadAt(r.buf[:], 0)
	f := bytes.Fields(r.buf[:n])
	if len(f) < 3 {
		return math.MaxInt64
	}
	resident, err := strconv.ParseInt(string(f[1]), 10, 64)
	shared, err2 := strconv.ParseInt(string(f[2]), 10, 64)
	if err != nil || err2 != nil {
		return math.MaxInt64
	}
	return (resident - shared) * r.page
}
