package provision

import (
	"context"
	"errors"
	"io"
	"sync"
)

// errLate says that the board has connected anew since.
var errLate = errors.New("the board has connected anew since")

// visits lets a board have one session at a time: the one that was accepted last
// is the board's own doing, so the earlier ones are dead.
type visits struct {
	mu   sync.Mutex
	open map[int64]*visit
	last map[int64]uint64 // the latest that was let in
}

type visit struct {
	conn io.Closer
	done chan struct{}
}

// enter waits until the board's earlier session, if there is one, has ended. For
// a later one it gives way, with errLate.
func (v *visits) enter(ctx context.Context, id int64, seq uint64, conn io.Closer) (leave func(), err error) {
	mine := &visit{conn: conn, done: make(chan struct{})}
	for {
		v.mu.Lock()
		if v.last[id] > seq {
			v.mu.Unlock()
			return nil, errLate
		}
		before := v.open[id]
		if before == nil {
			v.open[id], v.last[id] = mine, seq
			v.mu.Unlock()
			return func() {
				v.mu.Lock()
				defer v.mu.Unlock()
				delete(v.open, id)
				close(mine.done)
			}, nil
		}
		v.mu.Unlock()
		before.conn.Close()
		select {
		case <-before.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
