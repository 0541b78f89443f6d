package nodemcu

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// rates that boards are found at, the likely ones first [OTA 3.3].
var rates = []int{115200, 9600, 74880, 57600, 230400, 460800, 921600}

// Attach gets the prompt of the board at s and stops what runs there: an open
// string, a luaOTA client that is about to connect, a restart that is under
// way, a rate that is another one [OTA 3.3]. The board stays as it is but for
// that, unless Options.Cure.
func Attach(ctx context.Context, s Stream, o Options) (*Console, error) {
	c := &Console{s: s, o: o, now: o.Now, log: o.Log, baud: o.Baud}
	if c.now == nil {
		c.now = time.Now
	}
	if c.baud == 0 {
		c.baud = 115200
	}
	if c.o.Wait == 0 {
		c.o.Wait = 30 * time.Second
	}
	c.base = c.baud
	c.token = strconv.FormatInt(c.now().UnixMilli()%(36*36*36*36*36*36), 36)
	if p, ok := s.(port); ok {
		// It may have another rate from before.
		if err := c.setRate(p, c.baud); err != nil {
			return nil, err
		}
	}
	if err := c.attach(ctx); err != nil {
		return nil, err
	}
	c.base = c.baud
	return c, nil
}

// What a knock at the prompt gives.
type reply int

const (
	silence reply = iota
	noise
	greeting // the firmware starts
	ready    // "> "
	open     // ">> ": inside something
)

func (c *Console) knock(ctx context.Context, with string, d time.Duration) (reply, error) {
	if err := c.begin(with); err != nil {
		return silence, err
	}
	if _, err := c.await(ctx, d, func(rx []byte) bool { return promptAtEnd(rx) != silence }); err != nil {
		return silence, err
	}
	if r := promptAtEnd(c.rx); r != silence {
		return r, nil
	}
	switch {
	case booted(c.rx):
		return greeting, nil
	case len(c.rx) > 0:
		return noise, nil
	}
	return silence, nil
}

func promptAtEnd(rx []byte) reply {
	switch {
	case bytes.HasSuffix(rx, []byte(">> ")):
		return open
	case bytes.HasSuffix(rx, []byte("> ")):
		return ready
	}
	return silence
}

func (c *Console) attach(ctx context.Context) error {
	began := c.now()
	var greetings, silent, noisy int
	searched, heard := false, false
	for round := 0; c.now().Sub(began) < c.o.Wait; round++ {
		knock := "\n"
		if silent+noisy > 0 && round%2 == 1 {
			knock = "]]'\n" // ends a long string that swallows every line
		}
		r, err := c.knock(ctx, knock, waitPrompt)
		if err != nil {
			return err
		}
		heard = heard || r != silence
		switch r {
		case ready:
			if c.o.Cure && (c.o.Loop || greetings > 1) && !c.cured {
				if err := c.cure(ctx); err != nil {
					return err
				}
				continue
			}
			ok, err := c.setUp(ctx)
			if ok || err != nil {
				return err
			}
			if booted(c.rx) {
				greetings++
			} else {
				noisy++
			}
			if err := c.calm(ctx); err != nil {
				return err
			}
		case open:
			if _, err := c.knock(ctx, "]]'\n", waitPrompt); err != nil {
				return err
			}
		case greeting:
			greetings++
			silent, noisy = 0, 0
		case silence:
			silent++
		case noise:
			noisy++
		}
		if silent+noisy == 6 {
			// Perhaps a receiver of binary data counts bytes [OTA 3.3].
			if _, err := c.knock(ctx, strings.Repeat("\n", 250), waitPrompt+c.wire(250)); err != nil {
				return err
			}
			if _, err := c.knock(ctx, strings.Repeat("\n", 50), waitPrompt); err != nil {
				return err
			}
		}
		if silent+noisy >= 8 && !searched {
			searched = true
			if found, err := c.search(ctx, &heard); err != nil {
				return err
			} else if found {
				silent, noisy = 0, 0
				continue
			}
			if !heard {
				return &PromptError{Reason: "the board says nothing at any rate", Hint: "check the wiring, that the board has NodeMCU firmware, and the flash mode it was written with"}
			}
		}
	}
	switch {
	case greetings > 1:
		return &PromptError{Reason: "the board restarts over and over before its prompt comes: init.lua blocks the console", Hint: "re-image the file system: lander ota flash --image FILE@OFFSET"}
	case greetings > 0:
		return &PromptError{Reason: "the board started, but its init.lua does not end", Hint: "re-image the file system: lander ota flash --image FILE@OFFSET"}
	case heard:
		return &PromptError{Reason: "the board sends something, but no prompt: another rate, or not NodeMCU firmware", Hint: "try --baud with the rate of the firmware"}
	}
	return &PromptError{Reason: "the board says nothing", Hint: "check the wiring and that the board has NodeMCU firmware"}
}

// search tries the other rates.
func (c *Console) search(ctx context.Context, heard *bool) (bool, error) {
	p, ok := c.s.(port)
	if !ok {
		return false, nil
	}
	was := c.baud
	for _, rate := range rates {
		if rate == was {
			continue
		}
		if err := c.setRate(p, rate); err != nil {
			return false, err
		}
		for range 2 {
			r, err := c.knock(ctx, "\n", 200*time.Millisecond+4*c.wire(4))
			if err != nil {
				return false, err
			}
			*heard = *heard || r != silence
			if r == ready || r == open {
				return true, nil
			}
		}
	}
	return false, c.setRate(p, was)
}

func (c *Console) setRate(p port, rate int) error {
	if err := p.SetBaud(rate); err != nil {
		return &LostError{fmt.Errorf("setting %d baud: %w", rate, err)}
	}
	c.baud = rate
	return p.Discard()
}

// setUp stops what may run, and leaves the mark by which a restart shows.
func (c *Console) setUp(ctx context.Context) (bool, error) {
	mark := c.mark()
	line := `pcall(stopOTA)pcall((tmr or{}).stop,0)_K="` + c.token + `"` + sumFunc + ` A("S","` + mark + `")`
	if err := c.begin(line + "\n"); err != nil {
		return false, err
	}
	_, err := c.await(ctx, waitPrompt+4*c.wire(len(line)), func(rx []byte) bool { return prompted(rx) || booted(rx) })
	if err != nil || !slices.ContainsFunc(answers(c.rx), func(a answer) bool { return a.tag == "S" && a.text == mark }) {
		return false, err
	}
	if !bytes.Contains(c.rx, []byte(line)) {
		// Somebody switched the echo off, or it was damaged.
		return false, c.begin(fmt.Sprintf("if uart then uart.setup(0,%d,8,0,1,1)end\n", c.baud))
	}
	c.equipped, c.hasher, c.opened = false, "", false
	return true, nil
}

// tell sends a line that prints nothing and does the same twice as once; false:
// the echo is not right.
func (c *Console) tell(ctx context.Context, line string) (bool, error) {
	if err := c.begin(line + "\n"); err != nil {
		return false, err
	}
	_, err := c.await(ctx, waitPrompt+3*c.wire(len(line)), func(rx []byte) bool { return prompted(rx) })
	return err == nil && stored(c.rx, line), err
}

// stored tells that a line was echoed byte by byte, and that nothing but the
// prompt came of it.
func stored(rx []byte, line string) bool {
	_, rest, found := bytes.Cut(rx, []byte(line))
	return found && (bytes.HasPrefix(rest, []byte("\r\n> ")) || bytes.HasPrefix(rest, []byte("\n> ")))
}

// cure renames init.lua away, in the short time that the prompt is there.
func (c *Console) cure(ctx context.Context) error {
	mark := "~R" + c.mark()
	line := `do file.remove("` + BadInit + `")print("~".."` + mark[1:] + `"..tostring(file.rename("init.lua","` + BadInit + `")))end`
	if err := c.begin(line); err != nil {
		return err
	}
	ok, err := c.await(ctx, waitPrompt+3*c.wire(len(line)), func(rx []byte) bool { return bytes.HasSuffix(rx, []byte(line)) || booted(rx) })
	if err != nil || !ok || booted(c.rx) {
		return err
	}
	if err := c.begin("\n"); err != nil {
		return err
	}
	if ok, err = c.await(ctx, waitAnswer, func(rx []byte) bool { return bytes.Contains(rx, []byte(mark+"true")) }); err != nil || !ok {
		return err
	}
	c.cured = true
	if err := c.begin("node.restart()\n"); err != nil {
		return err
	}
	return c.pause(ctx, waitPrompt)
}
