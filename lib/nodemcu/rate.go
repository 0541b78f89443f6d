package nodemcu

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// goBack is when a board returns to the rate it had, unless it is told that the
// new one works: on a wire that does not carry it nothing can be told.
const goBack = 1500 * time.Millisecond

// Fast changes the rate of the board and of the stream. When nothing is heard at
// the new rate both go back, and it fails with ErrRefused; the prompt is there
// then [OTA 3.1].
func (c *Console) Fast(ctx context.Context, baud int) error {
	p, ok := c.s.(port)
	if !ok {
		return fmt.Errorf("changing to %d baud: %w: the stream has no rate", baud, ErrRefused)
	}
	if baud == c.baud {
		return nil
	}
	was := c.baud
	line := fmt.Sprintf(`do Q=nil tmr.create():alarm(%d,0,function()if Q~=%d then uart.setup(0,%d,8,0,1,1)end end)uart.setup(0,%d,8,0,1,1)end`,
		goBack.Milliseconds(), baud, was, baud)
	if err := c.place(ctx, line); err != nil {
		return fmt.Errorf("changing to %d baud: %w", baud, err)
	}
	if err := c.begin("\n"); err != nil {
		return err
	}
	if err := p.Drain(); err != nil {
		return &LostError{err}
	}
	switched := c.now()
	if err := c.pause(ctx, waitRate); err != nil {
		return err
	}
	if err := c.setRate(p, baud); err != nil {
		return err
	}
	if ok, err := c.confirm(ctx, baud); ok || err != nil {
		return err
	}
	if err := c.pause(ctx, goBack+2*waitRate-c.now().Sub(switched)); err != nil {
		return err
	}
	for _, rate := range []int{was, baud} {
		if err := c.setRate(p, rate); err != nil {
			return err
		}
		err := c.settled(ctx)
		if err == nil && rate == was {
			return fmt.Errorf("changing to %d baud: %w", baud, ErrRefused)
		}
		if err == nil || !isPrompt(err) {
			return err
		}
	}
	return &PromptError{Reason: fmt.Sprintf("nothing at %d baud, nor at %d", baud, was), Hint: "reset the board"}
}

// confirm tells the board that the rate works. Few tries: the board's patience
// is short.
func (c *Console) confirm(ctx context.Context, baud int) (bool, error) {
	line := fmt.Sprintf(`Q=%d A("Q",Q)`, baud)
	for range 3 {
		if err := c.begin("\n" + line + "\n"); err != nil {
			return false, err
		}
		good := false
		_, err := c.await(ctx, waitPrompt, func(rx []byte) bool {
			for _, a := range answers(rx) {
				good = good || a.tag == "Q" && number(a.text) == baud
			}
			return good && prompted(rx)
		})
		if good || err != nil {
			return good, err
		}
	}
	return false, nil
}

func isPrompt(err error) bool {
	_, ok := errors.AsType[*PromptError](err)
	return ok
}

// settled looks for the prompt for a short time.
func (c *Console) settled(ctx context.Context) error {
	for range 6 {
		r, err := c.knock(ctx, "\n", waitPrompt/2)
		if err != nil {
			return err
		}
		if r != ready {
			continue
		}
		if ok, err := c.alive(ctx); ok || err != nil {
			return err
		}
	}
	return &PromptError{Reason: fmt.Sprintf("nothing at %d baud", c.baud), Hint: "reset the board"}
}

// Slow goes back to the rate that the board was found at.
func (c *Console) Slow(ctx context.Context) error { return c.Fast(ctx, c.base) }

// Forget takes away what was left in the board's memory, as far as it can be.
func (c *Console) Forget(ctx context.Context) error {
	_, err := c.tell(ctx, "A,H,Z,w,O,U,R,P,F,G,_K=nil")
	return err
}

// Restart restarts the board. The Console is of no use then but for Type and
// Watch.
func (c *Console) Restart(ctx context.Context) error {
	if err := c.place(ctx, "do node.restart()end"); err != nil {
		return err
	}
	if err := c.begin("\n"); err != nil {
		return err
	}
	_, err := c.await(ctx, waitAnswer, booted)
	return err
}

// Type sends a line as soon as the prompt of a board that restarted is there,
// and returns what the board printed before.
func (c *Console) Type(ctx context.Context, line string, d time.Duration) (said string, err error) {
	for until := c.now().Add(d); c.now().Before(until); {
		said += string(c.rx)
		r, err := c.knock(ctx, "\n", waitPrompt)
		if err != nil {
			return said, err
		}
		if r == ready {
			return said + string(c.rx), c.begin(line + "\n")
		}
	}
	return said, &PromptError{Reason: "the board did not come back after its restart"}
}

// Watch reads what the board prints, line by line, until want says true or for
// d; ok says which.
func (c *Console) Watch(ctx context.Context, d time.Duration, want func(line string) bool) (ok bool, err error) {
	seen := 0
	ok, err = c.await(ctx, d, func(rx []byte) bool {
		if seen > len(rx) {
			seen = 0 // the old was dropped
		}
		for {
			line, _, found := strings.Cut(string(rx[seen:]), "\n")
			if !found {
				return false
			}
			seen += len(line) + 1
			if want(strings.TrimRight(line, "\r")) {
				return true
			}
		}
	})
	return ok, err
}
