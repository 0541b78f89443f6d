// Package jacdactest makes Jacdac buses for tests: stations joined by a hub,
// with losses where a test wants them.
package jacdactest

import (
	"math/rand/v2"
	"sync"
	"testing"

	"lander/lib/jacdac"
)

// Bus starts a hub and returns a function that adds a station. Everything is
// closed at the end of the test.
func Bus(t testing.TB) (add func(wrap func(jacdac.Transport) jacdac.Transport) *jacdac.Bus) {
	t.Helper()
	hub := jacdac.NewHub()
	t.Cleanup(func() { hub.Close() })
	return func(wrap func(jacdac.Transport) jacdac.Transport) *jacdac.Bus {
		mine, theirs := jacdac.Wire()
		hub.Add(theirs)
		if wrap != nil {
			mine = wrap(mine)
		}
		b := jacdac.New(mine, jacdac.Options{})
		t.Cleanup(func() { b.Close() })
		return b
	}
}

// Lossy loses a share of the frames that go in, and of those that come out.
type Lossy struct {
	jacdac.Transport
	Share float64

	mu   sync.Mutex
	rand *rand.Rand
}

// NewLossy wraps t; the losses are those of the seed.
func NewLossy(t jacdac.Transport, share float64, seed uint64) *Lossy {
	return &Lossy{Transport: t, Share: share, rand: rand.New(rand.NewPCG(seed, 1))}
}

func (l *Lossy) lose() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rand.Float64() < l.Share
}

// ReadFrame implements jacdac.Transport.
func (l *Lossy) ReadFrame() ([]byte, error) {
	for {
		b, err := l.Transport.ReadFrame()
		if err != nil || !l.lose() {
			return b, err
		}
	}
}

// WriteFrame implements jacdac.Transport.
func (l *Lossy) WriteFrame(b []byte) error {
	if l.lose() {
		return nil
	}
	return l.Transport.WriteFrame(b)
}
