package provision

import (
	"context"
	"io"
	"sync"
)

// visits lets a board have one session at a time: the later one is the board's
// own doing, so the earlier one is dead.
type visits struct {
	mu   sync.Mutex
	open map[int64]*visit
}

type visit struct {
	conn io.Closer
	done chan struct{}
}

// enter waits until the board's earlier session, if there is one, has ended.
func (v *visits) enter(ctx context.Context, id int64, conn io.Closer) (leave func(), err error) {
	mine := &visit{conn: conn, done: make(chan struct{})}
	for {
		v.mu.Lock()
		before := v.open[id]
		if before == nil {
			v.open[id] = mine
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
