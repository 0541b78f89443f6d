// Package emp is one end of an EMP connection, over any io.ReadWriteCloser:
// the agent's end as well as an application's, for the protocol is the same
// in both directions [EMP 1, 2].
//
// A Peer answers the commands of the other side through a Handler and sends
// commands by Call and Post. One goroutine reads. What can be answered at once
// is answered by it, and written in one piece when no more input is waiting;
// what has to wait gets a goroutine or is replied to later. A goroutine that
// writes exists while there is something that the other side does not take.
//
// No lock is held while something waits for the other side, and a connection
// that does not read can hold up nobody but itself.
package emp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"lander/lib/emp/frame"
)

// The defaults of Options.
const (
	DefaultCallTimeout  = 60 * time.Second
	DefaultWriteTimeout = 30 * time.Second
	DefaultMaxQueue     = 4 << 20
)

// MaxOpen is how many commands may be open in each direction [EMP 2].
const MaxOpen = 256

const (
	highWater  = 256 << 10 // queued bytes below which reading never stops
	batchLimit = 64 << 10  // answers gathered before they are handed on
	keepBuffer = 16 << 10  // buffers up to this size are used again
)

// ErrSlowReader ends a connection whose other side does not read.
var ErrSlowReader = errors.New("the other side does not read")

// errEnded is why a Peer was closed when that is no fault.
var errEnded = errors.New("connection closed")

// Options are the settings of a Peer. The zero value is a client without
// handler, logger or limits of its own.
type Options struct {
	// Handler answers commands. Without one each gets NOT_IMPLEMENTED.
	Handler Handler
	// Logger receives what concerns this connection; nil drops it.
	Logger *slog.Logger
	// Clock is time; nil is the system's.
	Clock Clock
	// CallTimeout is how long a command of ours waits for its response after
	// it was sent. 0 is DefaultCallTimeout [EMP 2.1].
	CallTimeout time.Duration
	// WriteTimeout is how long the other side may take nothing while bytes
	// wait for it, before the connection is closed. 0 is DefaultWriteTimeout.
	WriteTimeout time.Duration
	// MaxPayload is the greatest payload in bytes that is read. 0 is
	// frame.DefaultLimit.
	MaxPayload int
	// MaxQueue bounds the bytes of our own commands that wait to be written,
	// and again of those that wait for a free request id. When all that waits
	// to be written, answers included, is four times as much, nothing more is
	// read. 0 is DefaultMaxQueue.
	MaxQueue int
	// OnOpen is called by NewPeer before anything is read: a handler that
	// sends commands of its own learns here through whom.
	OnOpen func(p *Peer)
	// OnGone is called once, on the goroutine that reads, as soon as no more
	// input will come, and before the answers still owed are delivered. Names
	// that belong to the connection are free from then on.
	OnGone func(p *Peer, err error)

	onDone func(*Peer)
}

// Peer is one end of a connection. Its methods may be called from any
// goroutine.
type Peer struct {
	rwc  io.ReadWriteCloser
	raw  *rawConn // nil where the transport cannot write without waiting
	o    Options
	log  *slog.Logger
	rd   *frame.Reader
	done chan struct{}
	wg   sync.WaitGroup // goroutines but the reading one

	draining atomic.Bool

	// Of the reading goroutine alone.
	batch    []byte // answers made since the last flush
	answered int    // their number
	req      Request

	mu       sync.Mutex
	room     sync.Cond // queue or open have become less, or err is set
	out      []byte    // waits to be written
	late     []byte    // goes out behind the batch
	spare    []byte    // the next out
	rest     []byte    // begun by flush, for drain to finish
	writing  int       // bytes taken from out and not written yet
	unsent   int       // answers in out
	sending  int       // answers taken from out and not written yet
	busy     bool      // somebody writes
	batching bool      // the reader is at work and will flush
	gone     bool      // no more input will come
	open     int       // commands of the other side that will be replied to later
	err      error     // why all is over
	calls    calls
	ctx      context.Context
	cancel   context.CancelFunc
}

// NewPeer takes over rwc and begins to read. The owner calls Close and then
// waits for Done.
func NewPeer(rwc io.ReadWriteCloser, o Options) *Peer {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Clock == nil {
		o.Clock = systemClock{}
	}
	if o.CallTimeout <= 0 {
		o.CallTimeout = DefaultCallTimeout
	}
	if o.WriteTimeout <= 0 {
		o.WriteTimeout = DefaultWriteTimeout
	}
	if o.MaxQueue <= 0 {
		o.MaxQueue = DefaultMaxQueue
	}
	if o.Handler == nil {
		o.Handler = noHandler{}
	}
	p := &Peer{
		rwc:  rwc,
		raw:  newRawConn(rwc),
		o:    o,
		log:  o.Logger,
		rd:   frame.NewReader(rwc, o.MaxPayload),
		done: make(chan struct{}),
	}
	p.room.L = &p.mu
	p.calls.init()
	if o.OnOpen != nil {
		o.OnOpen(p)
	}
	go p.run()
	return p
}

// Close ends the connection at once: open calls fail with CLOSED, the context
// of handlers is cancelled, answers not yet written are lost. It does not
// wait; see Done.
func (p *Peer) Close() error {
	p.fail(errEnded)
	return nil
}

// Done is closed when the connection is over and every goroutine and handler
// of the Peer has ended.
func (p *Peer) Done() <-chan struct{} { return p.done }

// Err says why the connection is over: nil while it is not, and after a
// regular end by either side.
func (p *Peer) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == errEnded {
		return nil
	}
	return p.err
}

// Drain lets the commands that are open be answered, refuses new ones with
// CLOSED, and closes; when ctx ends first it closes at once and returns the
// error of ctx.
func (p *Peer) Drain(ctx context.Context) error {
	stop := context.AfterFunc(ctx, p.wakeAll)
	defer stop()
	p.draining.Store(true)
	p.mu.Lock()
	for p.err == nil && ctx.Err() == nil && !p.idle() {
		p.room.Wait()
	}
	over := p.err != nil || p.idle()
	p.mu.Unlock()
	p.Close()
	if over {
		return nil
	}
	return ctx.Err()
}

// Dead reports whether the other side is known to send no more, also when the
// reading goroutine has not come so far yet: the owner of a name is probed so
// before another is refused the name [EMP 7].
func (p *Peer) Dead() bool {
	p.mu.Lock()
	over := p.gone || p.err != nil
	p.mu.Unlock()
	return over || p.raw != nil && p.raw.hungUp()
}

func (p *Peer) over() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err != nil
}

func (p *Peer) wakeAll() {
	p.mu.Lock()
	p.room.Broadcast()
	p.mu.Unlock()
}

// idle reports whether nothing is owed to the other side. mu is held.
func (p *Peer) idle() bool { return p.open == 0 && !p.batching && !p.busy && p.queued() == 0 }

// fail ends the connection for the reason err.
func (p *Peer) fail(err error) {
	p.mu.Lock()
	if p.err != nil {
		p.mu.Unlock()
		return
	}
	p.err = err
	lost := p.calls.takeAll()
	if p.cancel != nil {
		p.cancel()
	}
	p.room.Broadcast()
	p.mu.Unlock()
	if cerr := p.rwc.Close(); cerr != nil {
		p.log.Debug("closing an EMP connection", "error", cerr)
	}
	if err != errEnded {
		p.log.Info("EMP connection lost", "error", err)
	}
	p.closeCalls(lost, err)
}

// run is the reading goroutine.
func (p *Peer) run() {
	err := p.read()
	if p.over() {
		err = io.EOF // the fault is known already
	}
	p.flushBatch()
	p.mu.Lock()
	p.gone = true
	lost := p.calls.takeAll()
	p.mu.Unlock()
	p.closeCalls(lost, err)
	if p.o.OnGone != nil {
		p.o.OnGone(p, err)
	}
	// The other side may have closed only its sending direction: what it asked
	// for is still answered [EMP 2].
	_, big := errors.AsType[*frame.TooLargeError](err)
	if big || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		p.mu.Lock()
		for p.err == nil && !p.idle() {
			p.room.Wait()
		}
		p.mu.Unlock()
	}
	switch {
	case big:
		p.linger()
		p.fail(fmt.Errorf("reading a frame: %w", err))
	case errors.Is(err, io.EOF):
		p.fail(errEnded)
	default:
		p.fail(fmt.Errorf("reading: %w", err))
	}
	p.wg.Wait()
	if p.o.onDone != nil {
		p.o.onDone(p)
	}
	close(p.done)
}

// linger gives the answer to an oversized frame a chance to arrive: closing
// with unread input would make the system throw it away.
func (p *Peer) linger() {
	half, ok := p.rwc.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	t := p.o.Clock.AfterFunc(time.Second, func() { p.rwc.Close() })
	io.Copy(io.Discard, io.LimitReader(p.rwc, frame.DefaultLimit))
	t.Stop()
}

// context returns the context of the handlers.
func (p *Peer) context() context.Context {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ctx == nil {
		p.ctx, p.cancel = context.WithCancel(context.Background())
		if p.err != nil {
			p.cancel()
		}
	}
	return p.ctx
}
