package devs

import (
	"context"
	"fmt"
	"time"
)

// Ticker is a Behaviour that prints "tick N", and may panic at last.
type Ticker struct {
	Every      time.Duration // above 0
	PanicAfter int           // lines; 0: never
	Panic      PanicCode
}

// Run is the Behaviour. Lines that are due together are printed together.
func (t Ticker) Run(ctx context.Context, p *Process) {
	every := time.NewTicker(max(t.Every, time.Millisecond))
	defer every.Stop()
	begin := time.Now()
	for n := 0; ; {
		for due := 1 + int(time.Since(begin)/t.Every); n < due; n++ {
			if t.PanicAfter > 0 && n == t.PanicAfter {
				p.Panic(t.Panic, 0)
				return
			}
			if !p.Log(fmt.Sprintf("tick %d", n)) {
				return
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
	}
}
