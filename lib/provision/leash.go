package provision

import (
	"errors"
	"io"
	"sync"
	"time"
)

// lastMoves is how long a session that renames may take when the service ends.
const lastMoves = 10 * time.Second

// errEnding says that the service ends.
var errEnding = errors.New("the service ends")

// leash ends a session when the service does: at once while files are sent,
// which the next session goes on with, but never between the renames of the
// original client, where an end would leave half of a release.
type leash struct {
	conn io.Closer
	wait time.Duration // of a session that is held

	mu    sync.Mutex
	held  bool
	ended bool
	last  *time.Timer
}

// hold keeps the service's end away until release, at most for l.wait. It fails
// where the service has ended already.
func (l *leash) hold() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return errEnding
	}
	l.held = true
	return nil
}

// end is called when the service ends.
func (l *leash) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	if !l.held {
		l.conn.Close()
		return
	}
	l.last = time.AfterFunc(l.wait, func() { l.conn.Close() })
}

// release is called when the session is over.
func (l *leash) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last != nil {
		l.last.Stop()
	}
}
