package job

import "sync/atomic"

// Gate bounds how many executions run at once. A slot belongs to a process,
// not to a status: it is taken before the start and given back when nothing
// of the run is left.
type Gate struct {
	limit int64
	inUse atomic.Int64
}

// NewGate returns a gate of limit slots; below 1 counts as 1.
func NewGate(limit int) *Gate { return &Gate{limit: int64(max(limit, 1))} }

// TryAcquire takes a slot, or reports that there is none. The release gives
// it back, once however often it is called.
func (g *Gate) TryAcquire() (release func(), ok bool) {
	for {
		n := g.inUse.Load()
		if n >= g.limit {
			return nil, false
		}
		if g.inUse.CompareAndSwap(n, n+1) {
			break
		}
	}
	var done atomic.Bool
	return func() {
		if done.CompareAndSwap(false, true) {
			g.inUse.Add(-1)
		}
	}, true
}

// InUse is the number of slots that are taken.
func (g *Gate) InUse() int { return int(g.inUse.Load()) }

// Limit is the number of slots.
func (g *Gate) Limit() int { return int(g.limit) }
