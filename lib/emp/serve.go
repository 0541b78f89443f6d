package emp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"
)

// Listener is where connections come from. net.Listener is a
// Listener[net.Conn].
type Listener[C io.ReadWriteCloser] interface {
	Accept() (C, error)
	Close() error
}

// acceptPause is how long Serve waits after an accept that failed, so that a
// lack of descriptors passes without spinning.
const acceptPause = 50 * time.Millisecond

// Serve makes a Peer of every connection that l accepts, with the options
// that the function returns for it, until ctx ends or l is closed. Then it
// closes l, lets the peers answer what is open for at most grace, closes
// them, and waits until they are done. It returns nil after ctx has ended.
//
// An accept that fails for a passing reason, such as a lack of descriptors, is
// tried again; log, which may be nil, is told.
func Serve[C io.ReadWriteCloser](ctx context.Context, l Listener[C], grace time.Duration, log *slog.Logger, options func(C) Options) error {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	s := &served{peers: map[*Peer]struct{}{}}
	var err error
	for ctx.Err() == nil {
		var c C
		if c, err = l.Accept(); err == nil {
			s.add(c, options(c))
			continue
		}
		t, ok := errors.AsType[interface {
			error
			Temporary() bool
		}](err)
		if ctx.Err() != nil || !ok || !t.Temporary() {
			break
		}
		log.Warn("accepting an EMP connection", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(acceptPause):
		}
	}
	l.Close()
	s.end(grace)
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("accepting EMP connections: %w", err)
}

// served are the peers of one Serve.
type served struct {
	mu    sync.Mutex
	peers map[*Peer]struct{}
	wg    sync.WaitGroup
}

func (s *served) add(rwc io.ReadWriteCloser, o Options) {
	s.wg.Add(1)
	// The peer may be done before NewPeer has returned.
	s.mu.Lock()
	defer s.mu.Unlock()
	o.onDone = func(p *Peer) {
		s.mu.Lock()
		delete(s.peers, p)
		s.mu.Unlock()
		s.wg.Done()
	}
	s.peers[NewPeer(rwc, o)] = struct{}{}
}

func (s *served) end(grace time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	s.mu.Lock()
	for p := range s.peers {
		s.wg.Add(1)
		go func() {
			defer s.wg.Done()
			p.Drain(ctx)
		}()
	}
	s.mu.Unlock()
	s.wg.Wait()
}
