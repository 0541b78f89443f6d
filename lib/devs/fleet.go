package devs

import (
	"context"
	"io"
	"sync"

	"lander/lib/jacdac"
)

// Each does f to every manager, all at once, and returns what came of them in
// the order of the managers.
func Each[T any](managers []Manager, f func(m Manager) T) []T {
	out := make([]T, len(managers))
	var wg sync.WaitGroup
	for i, m := range managers {
		wg.Go(func() { out[i] = f(m) })
	}
	wg.Wait()
	return out
}

// Simulation is a hub with Boards on it, for tests and for people without a
// board. Whoever connects is on the bus.
type Simulation struct {
	hub    *jacdac.Hub
	bus    *jacdac.Bus
	boards []*Board
}

// Simulate starts a bus with a board for each configuration.
func Simulate(boards []BoardConfig) (*Simulation, error) {
	s := &Simulation{hub: jacdac.NewHub()}
	mine, theirs := jacdac.Wire()
	s.hub.Add(theirs)
	s.bus = jacdac.New(mine, jacdac.Options{})
	for _, cfg := range boards {
		b, err := NewBoard(s.bus, cfg)
		if err != nil {
			s.Close()
			return nil, err
		}
		s.boards = append(s.boards, b)
	}
	return s, nil
}

// Serve takes what accept gives onto the bus, as streams with length bytes,
// until accept fails or ctx ends.
func (s *Simulation) Serve(ctx context.Context, accept func(ctx context.Context) (io.ReadWriteCloser, error)) error {
	for {
		c, err := accept(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		s.hub.Add(jacdac.NewTCP(c))
	}
}

// Close ends the simulation and waits for it.
func (s *Simulation) Close() error {
	for _, b := range s.boards {
		b.Close()
	}
	s.bus.Close()
	return s.hub.Close()
}
