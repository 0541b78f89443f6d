package nodemcu

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// sumFunc defines A, which prints an answer: ~, a letter, the text, ~ and a sum
// over letter and text. It stays below 2^24, for firmware whose numbers are
// floats of 32 bits.
const sumFunc = `function A(t,s)s=t..tostring(s)local a=7 for i=1,#s do a=(a*3+s:byte(i))%65521 end print("~"..s.."~"..a)end`

func sum(s string) int {
	a := 7
	for i := range len(s) {
		a = (a*3 + int(s[i])) % 65521
	}
	return a
}

var answerLine = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`~([A-Z])([^\r\n]*)~(\d{1,5})(?:\.0)?\r?\n`) })

// answer is what A printed.
type answer struct {
	tag, text string
	at        int // where it began
}

// answers are the answers in rx whose sums are right.
func answers(rx []byte) []answer {
	var out []answer
	for _, m := range answerLine().FindAllSubmatchIndex(rx, -1) {
		tag, text := string(rx[m[2]:m[3]]), string(rx[m[4]:m[5]])
		if n, err := strconv.Atoi(string(rx[m[6]:m[7]])); err == nil && n == sum(tag+text) {
			out = append(out, answer{tag, text, m[0]})
		}
	}
	return out
}

// alive asks whether the board is there and has not restarted; false: no answer
// that is whole.
func (c *Console) alive(ctx context.Context) (bool, error) {
	mark := c.mark()
	line := `A("S","` + mark + `,"..tostring(_K))`
	if err := c.begin(line + "\n"); err != nil {
		return false, err
	}
	got, restarted := false, false
	_, err := c.await(ctx, waitPrompt+4*c.wire(len(line)), func(rx []byte) bool {
		for _, a := range answers(rx) {
			if a.tag == "S" && strings.HasPrefix(a.text, mark+",") {
				got = a.text == mark+","+c.token
				restarted = !got
			}
		}
		return (got || restarted) && prompted(rx)
	})
	if err != nil {
		return false, err
	}
	if restarted {
		return false, ErrReboot
	}
	return got, nil
}

// missing tells that a global function is not there.
func missing(rx []byte, name string) bool {
	return bytes.Contains(rx, []byte("call global '"+name+"'")) || bytes.Contains(rx, []byte("global '"+name+"' (a nil value)"))
}

// sync brings the prompt back after noise, and fails with ErrReboot when what
// was left on the board is gone.
func (c *Console) sync(ctx context.Context) error {
	silent := 0
	for round := range 2 * tries {
		if err := c.calm(ctx); err != nil {
			return err
		}
		r, err := c.knock(ctx, "\n", waitPrompt)
		if err != nil {
			return err
		}
		switch r {
		case ready:
			ok, err := c.alive(ctx)
			if ok || err != nil {
				return err
			}
			if missing(c.rx, "A") {
				// Either it restarted, or A was lost on the way.
				return c.restarted(ctx)
			}
		case greeting:
			return ErrReboot
		case open:
			_, err = c.knock(ctx, "]]'\n", waitPrompt)
		case silence, noise:
			if silent++; silent == 5 {
				_, err = c.knock(ctx, strings.Repeat("\n", 250), waitPrompt+c.wire(250))
			}
			if silent > 1 && round%2 == 1 {
				_, err = c.knock(ctx, "]]'\n", waitPrompt)
			}
		}
		if err != nil {
			return err
		}
	}
	heard := len(c.rx) > 0
	// A board that restarted has its first rate again.
	if p, ok := c.s.(port); ok && c.baud != c.base {
		if err := c.setRate(p, c.base); err != nil {
			return err
		}
		for range 4 {
			if r, err := c.knock(ctx, "\n", waitPrompt); err != nil {
				return err
			} else if r == ready || r == greeting {
				return ErrReboot
			}
		}
	}
	if heard {
		return &PromptError{Reason: "the board sends something, but no prompt any more"}
	}
	return &PromptError{Reason: "the board says nothing any more"}
}

// restarted finds out why A is not there.
func (c *Console) restarted(ctx context.Context) error {
	for range tries {
		mark := c.mark()
		line := `print("~".."` + mark + `,"..tostring(_K)..",")`
		if err := c.begin(line + "\n"); err != nil {
			return err
		}
		var key string
		ok, err := c.await(ctx, waitPrompt+4*c.wire(len(line)), func(rx []byte) bool {
			_, rest, found := bytes.Cut(rx, []byte("~"+mark+","))
			var whole bool
			if found {
				var k []byte
				k, _, whole = bytes.Cut(rest, []byte(","))
				key = string(k)
			}
			return whole && prompted(rx)
		})
		switch {
		case err != nil:
			return err
		case ok && key == c.token:
			_, err := c.tell(ctx, sumFunc)
			return err
		case ok && key == "nil":
			return ErrReboot
		}
		if _, err := c.knock(ctx, "\n", waitPrompt); err != nil {
			return err
		}
	}
	return ErrReboot
}

// gather sends a line and returns the texts of the answers of that tag that
// came whole, which should be n.
func (c *Console) gather(ctx context.Context, line, tag string, n int, d time.Duration) ([]string, error) {
	if len(line) > MaxLine {
		return nil, fmt.Errorf("asking the board: the line has %d bytes", len(line))
	}
	if err := c.begin(line + "\n"); err != nil {
		return nil, err
	}
	var texts []string
	_, err := c.await(ctx, d+4*c.wire(len(line)+64), func(rx []byte) bool {
		if !prompted(rx) {
			return false
		}
		texts = texts[:0]
		last := 0
		for _, a := range answers(rx) {
			if a.tag == tag {
				texts, last = append(texts, a.text), a.at
			}
		}
		return len(texts) >= n && prompted(rx[last:]) || booted(rx) || len(texts) < n && over(rx)
	})
	return texts, err
}

// over tells that the prompt came behind something that is no echo: more
// answers will not come.
func over(rx []byte) bool {
	return complained(rx) || bytes.HasSuffix(rx, []byte("\n> ")) && bytes.Contains(rx, []byte("\n~"))
}

// ask sends a line that may be sent twice and returns the text of its answer of
// that tag.
func (c *Console) ask(ctx context.Context, line, tag string, d time.Duration) (string, error) {
	before, some := "", false
	for range tries {
		texts, err := c.gather(ctx, line, tag, 1, d)
		if err != nil {
			return "", err
		}
		if len(texts) == 1 {
			// A question that was damaged may have been another one: the
			// answer counts only when the echo is right, or when it is the
			// same again.
			if bytes.Contains(c.rx, []byte(line)) || some && texts[0] == before {
				return texts[0], nil
			}
			before, some = texts[0], true
		}
		if err := c.sync(ctx); err != nil {
			return "", err
		}
	}
	return "", fmt.Errorf("asking the board: %w", ErrNoise)
}

// complained tells an error text and the prompt behind it.
func complained(rx []byte) bool {
	_, rest, found := bytes.Cut(rx, []byte("stdin:1:"))
	return found && prompted(rest)
}

// change sends a line that changes something: its end follows only when the
// echo was right [OTA 3.4]. It must do nothing unless it is whole, as what stands
// in do ... end. The answer is "" when none came: then one must look.
func (c *Console) change(ctx context.Context, line, tag string, d time.Duration) (string, error) {
	if err := c.place(ctx, line); err != nil {
		return "", err
	}
	return c.finish(ctx, tag, d)
}

// place brings a line to the board and leaves its end away.
func (c *Console) place(ctx context.Context, line string) error {
	if len(line) > MaxLine {
		return fmt.Errorf("telling the board: the line has %d bytes", len(line))
	}
	for try := range 2 * tries {
		if err := c.begin(line); err != nil {
			return err
		}
		right := func(rx []byte) bool {
			// Something before it may be an application's.
			return string(rx) == line || try >= tries/2 && bytes.HasSuffix(rx, []byte(line))
		}
		ok, err := c.await(ctx, waitPrompt+4*c.wire(len(line)), func(rx []byte) bool { return right(rx) || booted(rx) })
		if err != nil {
			return err
		}
		if booted(c.rx) {
			return ErrReboot
		}
		if ok {
			return nil
		}
		if err := c.begin(strings.Repeat("\b", 255)); err != nil {
			return err
		}
		if err := c.pause(ctx, 4*c.wire(255)); err != nil {
			return err
		}
		if err := c.sync(ctx); err != nil {
			return err
		}
	}
	return fmt.Errorf("telling the board: %w", ErrNoise)
}

// finish ends the line that the board has, and waits for its answer.
func (c *Console) finish(ctx context.Context, tag string, d time.Duration) (string, error) {
	if err := c.begin("\n"); err != nil {
		return "", err
	}
	text := ""
	_, err := c.await(ctx, d, func(rx []byte) bool {
		for _, a := range answers(rx) {
			if a.tag == tag {
				text = a.text
				return prompted(rx[a.at:])
			}
		}
		return booted(rx) || complained(rx)
	})
	if err != nil || text != "" {
		return text, err
	}
	return "", c.sync(ctx)
}
