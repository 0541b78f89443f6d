package luaotatest

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

//go:embed board.lua
var shims string

// Shims are the shims of NodeMCU's modules, the Lua program that a Board runs.
// Another host gives them a global table host, with a function call that answers
// their calls and, for a board with a prompt, a function console; see there.
func Shims() string { return shims }

// Board runs the Lua code on a Flash as a board does, with real PUC Lua 5.1 and
// shims of NodeMCU's modules. Its options are words that make the firmware
// another one: static (timers by number), nohex (no crypto.toHex), nosha (no
// SHA-2), nowifi (never an address).
type Board struct {
	ID      int64
	Flash   *Flash
	Lua     string // the interpreter; "": lua5.1
	Options string
	Prompt  string // Lua that is typed right after the start
	Dial    func(host, port string) (net.Conn, error)
	Scale   float64 // of the time that is waited for the network; 0: 1
}

// BoardEnd is how a boot ended.
type BoardEnd struct {
	How     string   // reboot, idle (the application is left running), panic or power
	Text    string   // of a panic
	Printed []string // lines
	Left    string   // globals and modules that were not there before
	Heap    int      // bytes more than before
	Calls   []string // of wifi and dns, for tests that look
}

// Boot runs until the board reboots, panics, or has nothing left to do.
func (b *Board) Boot(ctx context.Context) (BoardEnd, error) {
	lua := b.Lua
	if lua == "" {
		lua = "lua5.1"
	}
	cmd := exec.CommandContext(ctx, lua, "-e", "\n"+shims) // Lua 5.3 takes no text that begins as an option does
	in, err := cmd.StdinPipe()
	if err != nil {
		return BoardEnd{}, err
	}
	outp, err := cmd.StdoutPipe()
	if err != nil {
		return BoardEnd{}, err
	}
	var errs strings.Builder
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		return BoardEnd{}, err
	}
	r := &boardRun{Board: b}
	err = r.talk(bufio.NewReaderSize(outp, 64<<10), in)
	in.Close()
	if r.conn != nil {
		r.conn.Close()
		for range r.events { // the reader ends with its stream
		}
	}
	if err != nil {
		cmd.Process.Kill()
	}
	werr := cmd.Wait()
	if r.end.How == "" {
		return r.end, fmt.Errorf("the board's Lua: %w: %s", errors.Join(err, werr), errs.String())
	}
	return r.end, nil
}

type boardRun struct {
	*Board
	conn   net.Conn
	events chan []byte // what the network brings; closed at its end
	end    BoardEnd
	ended  bool
}

func (r *boardRun) talk(in *bufio.Reader, out io.Writer) error {
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return err
		}
		words := strings.Fields(line)
		args := make([]string, len(words)-1)
		for i, w := range words[1:] {
			raw, err := hex.DecodeString(strings.TrimSuffix(w, "."))
			if err != nil {
				return err
			}
			args[i] = string(raw)
		}
		answer, err := r.do(words[0], append(args, "", "", ""))
		if errors.Is(err, ErrPower) {
			r.end.How = "power"
			return err
		}
		if err != nil {
			return err
		}
		var b strings.Builder
		for _, a := range answer {
			b.WriteString(hex.EncodeToString([]byte(a)) + ". ")
		}
		b.WriteByte('\n')
		if _, err := io.WriteString(out, b.String()); err != nil {
			return err
		}
		if r.ended {
			return nil
		}
	}
}

// sum is an HMAC as the board's crypto module makes it.
func sum(alg, key, text string) string {
	hash := md5.New
	if alg == "sha256" {
		hash = sha256.New
	}
	h := hmac.New(hash, []byte(key))
	h.Write([]byte(text))
	return string(h.Sum(nil))
}

// HMAC is the answer to the shims' call hmac.
func HMAC(alg, key, text string) []string { return []string{sum(alg, key, text)} }

func done(err error) ([]string, error) {
	if errors.Is(err, ErrPower) {
		return nil, err
	}
	if err != nil {
		return []string{"no"}, nil
	}
	return []string{"ok"}, nil
}

func (r *boardRun) do(word string, a []string) ([]string, error) {
	switch word {
	case "options":
		return []string{r.Options}, nil
	case "prompt":
		return []string{r.Prompt}, nil
	case "chipid":
		return []string{strconv.FormatInt(r.ID, 10)}, nil
	case "wifi", "station", "setip", "dns":
		r.end.Calls = append(r.end.Calls, strings.TrimSpace(word+" "+strings.Join(a, " ")))
	case "print":
		r.end.Printed = append(r.end.Printed, a[0])
	case "left":
		r.end.Left = a[0]
		r.end.Heap, _ = strconv.Atoi(a[1])
	case "end":
		r.end.How, r.end.Text, r.ended = a[0], a[1], true
	case "exists":
		if r.Flash.Exists(a[0]) {
			return []string{"yes"}, nil
		}
		return []string{"no"}, nil
	case "read":
		return r.read(a)
	case "create":
		return done(r.Flash.Write(a[0], nil))
	case "append":
		return done(r.Flash.Append(a[0], []byte(a[1])))
	case "remove":
		if !r.Flash.Exists(a[0]) {
			return nil, nil
		}
		return done(r.Flash.Remove(a[0]))
	case "rename":
		return done(r.Flash.Rename(a[0], a[1]))
	case "list":
		var out []string
		sizes, err := r.Flash.Sizes()
		for _, m := range sizes {
			out = append(out, m.Key, string(m.Value))
		}
		return out, err
	case "hmac":
		return []string{sum(a[0], a[1], a[2])}, nil
	case "fhash":
		b, err := r.Flash.Read(a[1])
		sum := sha256.Sum256(b)
		return []string{string(sum[:])}, err
	case "connect", "send", "close", "wait":
		return r.network(word, a)
	default:
		return nil, fmt.Errorf("the shims asked for %q", word)
	}
	return nil, nil
}

func (r *boardRun) read(a []string) ([]string, error) {
	b, err := r.Flash.Read(a[0])
	at, aerr := strconv.Atoi(a[1])
	n, nerr := strconv.Atoi(a[2])
	if err != nil || aerr != nil || nerr != nil || at > len(b) {
		return nil, nil
	}
	return []string{string(b[at:min(at+n, len(b))])}, nil
}

func (r *boardRun) network(word string, a []string) ([]string, error) {
	switch word {
	case "connect":
		conn, err := r.Dial(a[0], a[1])
		if err != nil {
			return []string{"no"}, nil
		}
		r.conn, r.events = conn, make(chan []byte, 64)
		go func() {
			defer close(r.events)
			for {
				b := make([]byte, 1460)
				n, err := conn.Read(b)
				if n > 0 {
					r.events <- b[:n]
				}
				if err != nil {
					return
				}
			}
		}()
		return []string{"ok"}, nil
	case "send":
		if r.conn != nil {
			r.conn.Write([]byte(a[0])) // a broken stream shows as its end
		}
	case "close":
		if r.conn != nil {
			r.conn.Close()
		}
	case "wait":
		return r.wait(a[0])
	}
	return nil, nil
}

// wait waits for the network, ms milliseconds of the board's time.
func (r *boardRun) wait(ms string) ([]string, error) {
	n, err := strconv.ParseFloat(ms, 64)
	if err != nil {
		return nil, err
	}
	scale := r.Scale
	if scale == 0 {
		scale = 1
	}
	began := time.Now()
	t := time.NewTimer(time.Duration(n * scale * float64(time.Millisecond)))
	defer t.Stop()
	select {
	case b, ok := <-r.events:
		spent := strconv.FormatFloat(float64(time.Since(began).Milliseconds())/scale, 'f', 0, 64)
		if !ok {
			return []string{"closed", "", spent}, nil
		}
		return []string{"data", string(b), spent}, nil
	case <-t.C:
		return []string{"timeout", "", ms}, nil
	}
}
