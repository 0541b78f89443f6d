package nodemcu

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Upload writes a file on the board, over one of that name. The file is there
// whole when it returns nil, but for its content being checked: see Hash. It
// fails with ErrFull when the flash took no more, which it tries twice, and
// removes the file. show, if not nil, is told how many bytes are stored.
// retries counts the lines that were sent again.
func (c *Console) Upload(ctx context.Context, name string, content []byte, show func(done int)) (retries int, err error) {
	for try := range 2 {
		var n int
		n, err = c.upload(ctx, name, content, show)
		retries += n
		if !errors.Is(err, ErrFull) {
			return retries, err
		}
		if _, rerr := c.Remove(ctx, name); rerr != nil {
			return retries, rerr
		}
		if try == 0 {
			retries++
		}
	}
	return retries, err
}

func (c *Console) upload(ctx context.Context, name string, content []byte, show func(int)) (retries int, err error) {
	if err := c.equip(ctx); err != nil {
		return 0, fmt.Errorf("writing %s: %w", name, err)
	}
	// It stays open until something else is done: the next one closes it.
	c.opened = true
	kind, err := c.change(ctx, `O(`+Quote(name)+`)`, "O", waitLong)
	if err == nil && kind == "" {
		kind, err = c.value(ctx, "type(F)")
	}
	if err != nil {
		return 0, fmt.Errorf("opening %s: %w", name, err)
	}
	if kind == "nil" {
		return 0, fmt.Errorf("opening %s: %w", name, ErrFull)
	}
	high := true
	if slices.ContainsFunc(content, func(b byte) bool { return b >= 128 }) {
		if high, err = c.eightBit(ctx); err != nil {
			return 0, err
		}
	}
	for at := 0; at < len(content); {
		line, n := chunk(content[at:], MaxLine, high)
		again, err := c.store(ctx, line, at, n)
		retries += again
		if err != nil {
			return retries, fmt.Errorf("writing %s at byte %d: %w", name, at, err)
		}
		at += n
		if show != nil {
			show(at)
		}
	}
	return retries, nil
}

// equip defines what files are written with: w(n, s), which appends s to the
// open file when it has n bytes, and says L or F when it has not, or when the
// flash took it not; O, which opens another; R, which gives one its
// name and answers as H does. A file
// is either an object, or true where there is one current file [OTA 3.1].
func (c *Console) equip(ctx context.Context) error {
	if c.equipped {
		return nil
	}
	for _, line := range []string{
		`function U()if F then if F==true then file.close()else F:close()end end F=nil end function O(n)U()P,F=0,(file.open or io.open)(n,"w+")A("O",type(F))end`,
		`function w(n,s)if #s~=n then print("~L")elseif F==true and file.write(s)or F~=true and F:write(s)then P=P+n else print("~F")end end`,
		`function R(f,t,...)local l=file if l.list()[f]then l.remove(t)if l.rename(f,t)then for _,s in ipairs{...}do l.remove(s)end end end H(t)end`,
	} {
		if err := c.define(ctx, line); err != nil {
			return fmt.Errorf("defining functions: %w", err)
		}
	}
	c.equipped = true
	return nil
}

// closed closes what Upload left open.
func (c *Console) closed(ctx context.Context) error {
	if !c.opened {
		return nil
	}
	if _, err := c.ask(ctx, `U()A("C",P)`, "C", waitLong); err != nil {
		return fmt.Errorf("closing a file: %w", err)
	}
	c.opened = false
	return nil
}

// value asks for the value of an expression.
func (c *Console) value(ctx context.Context, expr string) (string, error) {
	got, err := c.ask(ctx, `A("E",tostring(`+expr+`))`, "E", waitAnswer)
	if err != nil {
		return "", err
	}
	return got, nil
}

// eightBit asks whether bytes from 128 on arrive as they are.
func (c *Console) eightBit(ctx context.Context) (bool, error) {
	for range 3 {
		got, err := c.ask(ctx, "A(\"B\",table.concat({(\"\x80\x93\xa5\xc3\xff\"):byte(1,-1)},\",\"))", "B", waitAnswer)
		if errors.Is(err, ErrNoise) {
			return false, nil
		}
		if err != nil || got == "128,147,165,195,255" {
			return err == nil, err
		}
	}
	return false, nil
}

// store has one line of data written: n bytes at offset at of the file. Where
// the echo is not right, it is found out what became of the line [OTA 3.4].
func (c *Console) store(ctx context.Context, line string, at, n int) (retries int, err error) {
	full := 0
	for try := range 4 * tries {
		if err := c.begin(line + "\n"); err != nil {
			return retries, err
		}
		_, err := c.await(ctx, waitWrite+3*c.wire(len(line)), func(rx []byte) bool {
			return prompted(rx) && (stored(rx, line) || len(rx) >= len(line)/2) || booted(rx)
		})
		if err != nil {
			return retries, err
		}
		if stored(c.rx, line) {
			return retries, nil
		}
		echo := bytes.Contains(c.rx, []byte(line))
		refused := bytes.Contains(c.rx, []byte("\n~F"))
		retries++
		if err := c.sync(ctx); err != nil {
			return retries, err
		}
		text, err := c.value(ctx, "P")
		if err != nil {
			return retries, err
		}
		p, perr := strconv.ParseFloat(text, 64)
		switch {
		case text == "nil":
			return retries, ErrReboot
		case perr == nil && int(p) == at+n && (echo || try >= tries):
			// Stored; what came between is an application's. The hash of the
			// whole file judges.
			return retries, nil
		case refused:
			if full++; full > 1 {
				return retries, ErrFull
			}
		}
		if perr != nil || int(p) != at || refused {
			if err := c.seek(ctx, at); err != nil {
				return retries, err
			}
		}
	}
	return retries, ErrNoise
}

// seek goes back to where a line of data began.
func (c *Console) seek(ctx context.Context, at int) error {
	got, err := c.ask(ctx, fmt.Sprintf(`P=%d A("K",tostring(F==true and file.seek("set",P)or F~=true and F:seek("set",P)))`, at), "K", waitAnswer)
	if err != nil {
		return err
	}
	if got == "nil" {
		return fmt.Errorf("going back to byte %d: %w", at, ErrRefused)
	}
	return nil
}

// waitRate is how long a changed rate takes to settle [OTA 3.1].
const waitRate = 15 * time.Millisecond
