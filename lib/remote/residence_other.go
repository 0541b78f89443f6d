//go:build unix && !linux

package remote

import "math"

// residence tells how much memory of its own this process has in use: not
// known here without cost.
type residence struct{}

func newResidence() *residence { return &residence{} }

func (*residence) bytes() int64 { return math.MaxInt64 }
