package store

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// natsMark is the message that says that a key is deleted: those who watch
// need it for a while. It is taken away then, by whoever deleted, or by one
// who comes across it later.
type natsMark struct {
	key string
	seq uint64
	at  time.Time
}

// mark has a mark taken away; when there are too many it stays until somebody
// comes across it.
func (s *NATS) mark(m natsMark) {
	select {
	case s.marks <- m:
	default:
	}
}

// sweep takes marks away that have done their work.
func (s *NATS) sweep() {
	for {
		var m natsMark
		select {
		case m = <-s.marks:
		case <-s.life.Done():
			return
		}
		if wait := time.Until(m.at.Add(natsMarks)); wait > 0 {
			t := time.NewTimer(wait)
			select {
			case <-t.C:
			case <-s.life.Done():
				t.Stop()
				return
			}
		}
		ctx, cancel := context.WithTimeout(s.life, natsTry)
		// What was written after it stays. When it fails the mark stays too.
		_ = s.stream.Purge(ctx, jetstream.WithPurgeSubject(s.subject(m.key)), jetstream.WithPurgeSequence(m.seq+1))
		cancel()
	}
}
