package nodemcutest

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"net"
	"strconv"
	"sync"
	"time"

	"lander/lib/capability"
	"lander/lib/job"
	"lander/lib/luaota/luaotatest"
	"lander/lib/luavm"
)

//go:embed console.lua
var console string

// program is compiled once for all boards.
var program = sync.OnceValues(func() (*luavm.Program, error) {
	return luavm.Compile("board", []byte(console+luaotatest.Shims()))
})

var errOff = errors.New("the board is off")

// event is what the board's Lua waits for: a word of board.lua and its text.
type event struct {
	word, text string
}

// machine is the Lua of one boot. It runs only while its board waits for it in
// run, so that both may touch the board without locks.
type machine struct {
	b      *Board
	resume chan event
	parked chan struct{}
	done   chan struct{}

	off   bool
	wake  time.Duration // of the board's time; when the Lua wants to go on by itself
	slept time.Duration // when it began to wait
	out   []byte        // printed
	cost  time.Duration // of what was done, in the board's time
	end   string        // reboot or panic

	conn   net.Conn
	events chan event
}

// start boots: it runs to the first wait.
func (b *Board) start() *machine {
	m := &machine{b: b, resume: make(chan event), parked: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(m.done)
		p, err := program()
		if err != nil {
			b.fault(err)
			return
		}
		_, err = p.Run(context.Background(), luavm.Config{
			Capabilities: capability.Set{capability.Base},
			Budget:       job.Budget{Memory: 32 << 20},
			Modules:      []luavm.Module{{Name: "host", Global: true, Funcs: map[string]luavm.Func{"call": m.call}}},
		})
		if err != nil && !m.off {
			b.fault(err)
		}
	}()
	m.await()
	return m
}

// await waits until the Lua waits, or ended.
func (m *machine) await() {
	select {
	case <-m.parked:
	case <-m.done:
	}
}

// run hands an event to the Lua and comes back when it waits again.
func (m *machine) run(e event) {
	select {
	case m.resume <- e:
		m.await()
	case <-m.done:
	}
}

// kill takes the power away.
func (m *machine) kill() {
	m.off = true
	m.run(event{})
	<-m.done
	m.hangUp()
}

func (m *machine) hangUp() {
	if m.conn != nil {
		m.conn.Close()
		for range m.events { // its reader ends with it
		}
		m.conn = nil
	}
}

// call answers the shims.
func (m *machine) call(_ luavm.Context, c *luavm.Call) ([]luavm.Value, error) {
	if m.off {
		return nil, errOff
	}
	a := make([]string, max(c.N(), 6))
	for i := range c.N() {
		switch v := c.Args[i].(type) {
		case nil:
		case string:
			a[i] = v
		case float64:
			a[i] = luavm.FormatNumber(v)
		default:
			a[i] = fmt.Sprint(v)
		}
	}
	out, err := m.do(a[0], a[1:])
	if errors.Is(err, luaotatest.ErrPower) {
		m.off, m.b.powerFailed = true, true
		return nil, errOff
	}
	if err != nil {
		return nil, err
	}
	values := make([]luavm.Value, len(out))
	for i, s := range out {
		values[i] = s
	}
	return values, nil
}

func answer(ok bool, yes, no string) ([]string, error) {
	if ok {
		return []string{yes}, nil
	}
	return []string{no}, nil
}

func (m *machine) do(word string, a []string) ([]string, error) {
	b := m.b
	switch word {
	case "options":
		return []string{b.Options}, nil
	case "prompt", "wifi", "station", "setip", "dns", "left":
		return nil, nil
	case "chipid":
		return []string{strconv.FormatInt(b.ID, 10)}, nil
	case "write":
		m.out = append(m.out, a[0]...)
	case "print":
		m.out = append(append(m.out, a[0]...), b.lineEnd()...)
	case "uart":
		rate, err := strconv.Atoi(a[0])
		b.setRate(rate, a[1] != "0")
		return nil, err
	case "end":
		m.end = a[0]
		if a[0] == "panic" {
			m.out = append(append(m.out, "PANIC: unprotected error in call to Lua API ("+a[1]+")"...), b.lineEnd()...)
		}
	case "wait":
		return m.wait(a[0])
	case "connect", "send", "close":
		return m.network(word, a)
	case "hash":
		return digest(a[0], []byte(a[1])), nil
	case "unbase64":
		raw, err := base64.StdEncoding.DecodeString(a[0])
		return []string{string(raw)}, err
	case "hmac":
		return luaotatest.HMAC(a[0], a[1], a[2]), nil
	default:
		return m.files(word, a)
	}
	return nil, nil
}

func digest(alg string, b []byte) []string {
	switch alg {
	case "sha256":
		s := sha256.Sum256(b)
		return []string{string(s[:])}
	case "sha1":
		s := sha1.Sum(b)
		return []string{string(s[:])}
	case "md5":
		s := md5.Sum(b)
		return []string{string(s[:])}
	}
	return nil
}

// wait parks the Lua until something happens, for ms milliseconds at most.
func (m *machine) wait(ms string) ([]string, error) {
	n, err := strconv.ParseFloat(ms, 64)
	if err != nil {
		return nil, err
	}
	m.slept = m.b.now
	m.wake = m.b.now + time.Duration(math.Ceil(n*float64(time.Millisecond)))
	m.parked <- struct{}{}
	e := <-m.resume
	if m.off {
		return nil, errOff
	}
	spent := luavm.FormatNumber(float64(m.b.now-m.slept) / float64(time.Millisecond))
	if e.word == "timeout" {
		spent = ms
	}
	return []string{e.word, e.text, spent}, nil
}

func (m *machine) network(word string, a []string) ([]string, error) {
	switch word {
	case "connect":
		if m.b.Dial == nil {
			return []string{"no"}, nil
		}
		conn, err := m.b.Dial(a[0], a[1])
		if err != nil {
			return []string{"no"}, nil
		}
		m.conn, m.events = conn, make(chan event, 64)
		go receive(conn, m.events)
		return []string{"ok"}, nil
	case "send":
		if m.conn != nil {
			m.conn.Write([]byte(a[0])) // a broken stream shows as its end
		}
	case "close":
		m.hangUp()
	}
	return nil, nil
}

// receive hands on what a connection brings, to its end.
func receive(conn net.Conn, events chan<- event) {
	defer close(events)
	for {
		b := make([]byte, 1460)
		n, err := conn.Read(b)
		if n > 0 {
			events <- event{word: "data", text: string(b[:n])}
		}
		if err != nil {
			return
		}
	}
}
