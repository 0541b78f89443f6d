package jacdac

import (
	"io"
	"sync"

	"lander/lib/jacdac/packet"
)

// Hub joins transports to one bus: what comes in at one goes out at all
// others, and nothing is echoed.
type Hub struct {
	mu     sync.Mutex
	ports  map[*hubPort]struct{}
	closed bool
	wg     sync.WaitGroup
}

type hubPort struct {
	t    Transport
	out  *outbox
	done chan struct{}
	once sync.Once
}

func (p *hubPort) end() {
	p.once.Do(func() {
		close(p.done)
		p.t.Close()
	})
}

// NewHub makes a hub without ports.
func NewHub() *Hub { return &Hub{ports: map[*hubPort]struct{}{}} }

// Add joins t, which the hub owns from now on, until it fails or the hub is
// closed.
func (h *Hub) Add(t Transport) {
	p := &hubPort{t: t, out: newOutbox(), done: make(chan struct{})}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		t.Close()
		return
	}
	h.ports[p] = struct{}{}
	h.wg.Go(func() { h.pump(p) })
	h.wg.Go(func() {
		if p.out.run(t, p.done) != nil {
			p.end()
		}
	})
}

// pump forwards what comes in at p. Damaged frames are forwarded too: who
// they are for judges them; what is not even as long as it says is not.
func (h *Hub) pump(p *hubPort) {
	defer func() {
		p.end()
		h.mu.Lock()
		delete(h.ports, p)
		h.mu.Unlock()
	}()
	for {
		b, err := p.t.ReadFrame()
		if err != nil {
			return
		}
		if len(b) < packet.FrameHeader || len(b) != packet.FrameHeader+int(b[2]) {
			continue
		}
		h.mu.Lock()
		for q := range h.ports {
			if q != p {
				q.out.put(func(dst []byte) []byte { return append(dst, b...) })
			}
		}
		h.mu.Unlock()
	}
}

// Close ends all ports and waits for them.
func (h *Hub) Close() error {
	h.mu.Lock()
	h.closed = true
	for p := range h.ports {
		p.end()
	}
	h.mu.Unlock()
	h.wg.Wait()
	return nil
}

// Wire is two transports that are joined in memory.
func Wire() (a, b Transport) {
	x, y := make(chan []byte, 256), make(chan []byte, 256)
	done := make(chan struct{})
	once := &sync.Once{}
	return &wireEnd{in: x, out: y, done: done, once: once}, &wireEnd{in: y, out: x, done: done, once: once}
}

type wireEnd struct {
	in, out chan []byte
	done    chan struct{}
	once    *sync.Once
}

func (w *wireEnd) ReadFrame() ([]byte, error) {
	select {
	case b := <-w.in:
		return b, nil
	case <-w.done:
		return nil, io.EOF
	}
}

func (w *wireEnd) WriteFrame(b []byte) error {
	select {
	case w.out <- append([]byte(nil), b...):
		return nil
	case <-w.done:
		return io.ErrClosedPipe
	}
}

func (w *wireEnd) Flush() error { return nil }

func (w *wireEnd) Close() error {
	w.once.Do(func() { close(w.done) })
	return nil
}
