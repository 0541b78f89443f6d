package nodemcu

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Fast changes the rate of the board and of the stream. When nothing is heard at
// the new rate it goes back and fails with ErrRefused; the prompt is there then
// [OTA 3.1].
func (c *Console) Fast(ctx context.Context, baud int) error {
	p, ok := c.s.(port)
	if !ok {
		return fmt.Errorf("changing to %d baud: %w: the stream has no rate", baud, ErrRefused)
	}
	if baud == c.baud {
		return nil
	}
	was := c.baud
	if err := c.switchTo(ctx, p, baud); err != nil {
		return err
	}
	err := c.settled(ctx)
	if err == nil || errors.Is(err, ErrReboot) || !isPrompt(err) {
		return err
	}
	// Perhaps it never switched, perhaps it did and the wire cannot.
	if err := c.setRate(p, was); err != nil {
		return err
	}
	if err := c.settled(ctx); err == nil {
		return fmt.Errorf("changing to %d baud: %w", baud, ErrRefused)
	}
	if err := c.setRate(p, baud); err != nil {
		return err
	}
	if err := c.write(fmt.Sprintf("\nuart.setup(0,%d,8,0,1,1)\n", was)); err != nil {
		return err
	}
	if err := p.Drain(); err != nil {
		return &LostError{err}
	}
	if err := c.setRate(p, was); err != nil {
		return err
	}
	if err := c.sync(ctx); err != nil {
		return err
	}
	return fmt.Errorf("changing to %d baud: %w", baud, ErrRefused)
}

func isPrompt(err error) bool {
	_, ok := errors.AsType[*PromptError](err)
	return ok
}

// settled looks for the prompt for a short time.
func (c *Console) settled(ctx context.Context) error {
	for range 4 {
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
	return &PromptError{Reason: fmt.Sprintf("nothing at %d baud", c.baud)}
}

// switchTo has the board change its rate, and follows.
func (c *Console) switchTo(ctx context.Context, p port, baud int) error {
	line := fmt.Sprintf("uart.setup(0,%d,8,0,1,1)", baud)
	for range tries {
		if err := c.begin(line); err != nil {
			return err
		}
		ok, err := c.await(ctx, waitPrompt, func(rx []byte) bool { return string(rx) == line })
		if err != nil {
			return err
		}
		if !ok {
			if err := c.begin(strings.Repeat("\b", 255)); err != nil {
				return err
			}
			if err := c.sync(ctx); err != nil {
				return err
			}
			continue
		}
		if err := c.begin("\n"); err != nil {
			return err
		}
		if err := p.Drain(); err != nil {
			return &LostError{err}
		}
		if err := c.pause(ctx, waitRate); err != nil {
			return err
		}
		return c.setRate(p, baud)
	}
	return fmt.Errorf("changing to %d baud: %w", baud, ErrNoise)
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

// Type sends a line as soon as the prompt of a board that restarted is there.
func (c *Console) Type(ctx context.Context, line string, d time.Duration) error {
	for until := c.now().Add(d); c.now().Before(until); {
		r, err := c.knock(ctx, "\n", waitPrompt)
		if err != nil {
			return err
		}
		if r == ready {
			return c.begin(line + "\n")
		}
	}
	return &PromptError{Reason: "the board did not come back after its restart"}
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
