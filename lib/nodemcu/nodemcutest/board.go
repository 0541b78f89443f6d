// Package nodemcutest has a NodeMCU board that is not there: its serial
// console, with the line length, receive ring, echo and prompts of the real
// one, Lua that runs in the process, and a flash in memory; and a fake of the
// ROM loader. It is strict: what a real board loses is lost.
//
// A board has a time of its own. Over Wire that time passes only while the
// other side waits, so that seconds of the board take none of the test; Serve
// runs it in real time over any stream, for instance a pty.
package nodemcutest

import (
	"net"
	"slices"
	"time"

	"lander/lib/luaota/luaotatest"
)

// Sizes of the console [OTA 2].
const (
	lineBuffer = 256
	ring       = 256
)

// Board is a board with NodeMCU firmware. Set the fields before it is used.
type Board struct {
	ID    int64
	Flash *luaotatest.Flash
	// Options are words that make the firmware another one: those of
	// luaotatest.Board, and no-NAME (without the module), oldfile (no file
	// objects), esp32 (io in place of file, lines end in LF), info8 (the old
	// node.info), v2 (plain error texts), nomemory (node.compile fails), nopartitions.
	Options  string
	Capacity int // of the flash in bytes; 0: 1 MiB
	Rate     int // baud at boot; 0: 115200
	Banner   string
	Dial     func(host, port string) (net.Conn, error) // of net; nil: no network

	// Faults.
	Mute      bool                                  // no firmware: never a byte
	Blocked   bool                                  // init.lua never yields: the watchdog resets every 3 s
	Chatter   time.Duration                         // an application prints every so often
	ChatText  string                                // what; "": "tick"
	BadWrites map[int]bool                          // writes to the flash that fail, counted from 1
	Spoil     func(name string, text []byte) []byte // changes what is written
	OnByte    func(n int) Action                    // before the n-th byte that arrives, from 1
	OnLine    func(n int) Action                    // after the n-th line that arrives, before it runs

	now         time.Duration
	rate        int
	echo        bool
	m           *machine
	up          bool          // the console takes input
	bootAt      time.Duration // when the Lua starts; 0: it has
	busy        time.Duration // until when the console does not look at its ring
	chatAt      time.Duration
	gone        bool // the cable is pulled
	unpaced     bool // bytes take no time
	hung        bool
	powerFailed bool
	err         error

	rx       []timed
	tx       []timed
	txFree   time.Duration
	line     []byte
	cr       bool
	foreign  bool // the line has bytes of another rate
	bytes    int
	lines    int
	writes   int
	Lost     int // bytes that the ring lost
	Overlong int // lines that were longer than the buffer
	Boots    int
}

// Action is what a fault does.
type Action int

// Actions of OnByte and OnLine.
const (
	Go     Action = iota
	Reboot        // the power fails and comes back
	Hang          // the board stops
	Unplug        // the port vanishes
)

// timed is a byte on the wire: when it arrives, and the rate it was sent at.
type timed struct {
	at   time.Duration
	rate int
	b    byte
}

const garbageText = "\x00l\x9e|\x00\x0c\xf2n\xe3\x1c\x8cp\x00\x0cl\x00\x9c\xf3"

func (b *Board) capacity() int {
	if b.Capacity == 0 {
		return 1 << 20
	}
	return b.Capacity
}

func (b *Board) lineEnd() string {
	if b.option("esp32") {
		return "\n"
	}
	return "\r\n"
}

// power switches the board on.
func (b *Board) power() {
	if b.Rate == 0 {
		b.Rate = 115200
	}
	if b.Flash == nil {
		b.Flash = luaotatest.NewFlash(nil)
	}
	b.boot()
}

// PowerCycle is for tests that restart a board by hand.
func (b *Board) PowerCycle() { b.boot() }

// Off ends what the board runs. It must be called when a board is not used any
// more.
func (b *Board) Off() {
	if b.m != nil {
		b.m.kill()
		b.m = nil
	}
	b.up, b.gone = false, true
}

func (b *Board) boot() {
	if b.m != nil {
		b.m.kill()
		b.m = nil
	}
	b.Boots++
	b.rate, b.echo, b.up, b.line, b.cr, b.hung, b.powerFailed = b.Rate, true, false, nil, false, false, false
	b.rx = nil
	b.Flash.CutAfter(0)
	if b.Mute {
		return
	}
	rate := b.rate
	b.rate = 74880
	b.send(garbageText)
	b.rate = rate
	b.bootAt = b.now + 100*time.Millisecond
	if b.Blocked {
		b.bootAt = b.now + 3*time.Second
	}
}

// started is what happens at bootAt.
func (b *Board) started() {
	b.bootAt = 0
	banner := b.Banner
	if banner == "" {
		banner = "NodeMCU 3.0.0.0 built on nodemcu-build.com"
	}
	b.send(b.lineEnd() + banner + b.lineEnd())
	if b.Blocked {
		b.boot()
		return
	}
	if b.Chatter > 0 {
		b.chatAt = b.now + b.Chatter
	}
	b.up = true
	b.m = b.start()
	b.settle()
}

// settle takes over what the Lua left behind when it came back.
func (b *Board) settle() {
	m := b.m
	b.busy = max(b.busy, b.now+m.cost)
	m.cost = 0
	if len(m.out) > 0 {
		b.txFree = max(b.txFree, b.busy)
		b.send(string(m.out))
		m.out = nil
	}
	if m.end != "" || b.powerFailed {
		b.boot()
	}
}

// byteTime is the time of a byte at a rate: 8N1.
func byteTime(rate int) time.Duration { return 10 * time.Second / time.Duration(rate) }

func (b *Board) send(s string) {
	for i := range len(s) {
		b.txFree = max(b.txFree, b.now)
		if !b.unpaced {
			b.txFree += byteTime(b.rate)
		}
		b.tx = append(b.tx, timed{b.txFree, b.rate, s[i]})
	}
}

func (b *Board) setRate(rate int, echo bool) {
	b.rate, b.echo = rate, echo
}

// next is when something happens by itself.
func (b *Board) next() (time.Duration, bool) {
	var at []time.Duration
	if b.bootAt > 0 {
		at = append(at, b.bootAt)
	}
	if b.up && !b.hung {
		if b.m != nil {
			at = append(at, max(b.m.wake, b.busy))
		}
		if b.chatAt > 0 {
			at = append(at, b.chatAt)
		}
	}
	if len(b.rx) > 0 {
		at = append(at, max(b.rx[0].at, b.busy))
	}
	if len(at) == 0 {
		return 0, false
	}
	return slices.Min(at), true
}

// advance lives until t.
func (b *Board) advance(t time.Duration) {
	for !b.gone {
		at, ok := b.next()
		if !ok || at > t {
			break
		}
		b.now = max(b.now, at)
		switch {
		case b.bootAt > 0 && b.bootAt <= b.now:
			b.started()
		case b.chatAt > 0 && b.chatAt <= b.now && b.up && !b.hung:
			b.chatAt = b.now + b.Chatter
			text := b.ChatText
			if text == "" {
				text = "tick"
			}
			b.send(text + b.lineEnd())
		case b.m != nil && b.up && !b.hung && max(b.m.wake, b.busy) <= b.now:
			b.m.run(event{word: "timeout"})
			b.settle()
		default:
			b.look()
		}
	}
	b.now = max(b.now, t)
}

// look takes one byte out of the ring.
func (b *Board) look() {
	waiting := 0
	for waiting < len(b.rx) && b.rx[waiting].at <= b.now {
		waiting++
	}
	if over := waiting - ring; over > 0 {
		b.rx = b.rx[over:]
		b.Lost += over
	}
	c := b.rx[0]
	b.rx = b.rx[1:]
	b.bytes++
	if b.OnByte != nil && b.act(b.OnByte(b.bytes)) {
		return
	}
	if !b.up || b.hung {
		return // discarded: the console is not there
	}
	b.foreign = b.foreign || c.rate != b.rate
	b.key(garbled(c, b.rate))
}

// garbled is the byte that one sees who listens at another rate.
func garbled(c timed, rate int) byte {
	if c.rate == rate {
		return c.b
	}
	return c.b*37 ^ byte(rate/100) | 0x80
}

// act does what a fault asks for; true: it was one.
func (b *Board) act(a Action) bool {
	switch a {
	case Reboot:
		b.boot()
	case Hang:
		b.hung = true
	case Unplug:
		b.gone = true
	default:
		return false
	}
	return true
}

// key is one byte at the console.
func (b *Board) key(c byte) {
	wasCR := b.cr
	b.cr = c == '\r'
	switch {
	case c == '\n' && wasCR:
	case c == '\n' || c == '\r':
		if b.echo {
			b.send("\r\n")
		}
		line := string(b.line)
		b.line, b.foreign = b.line[:0], false
		b.enter(line)
	case c == 8 || c == 127:
		if len(b.line) > 0 {
			b.line = b.line[:len(b.line)-1]
			if b.echo {
				b.send("\b \b")
			}
		}
	default:
		b.line = append(b.line, c)
		if b.echo {
			b.send(string([]byte{c}))
		}
		if len(b.line) == lineBuffer {
			b.line = b.line[:0]
			if !b.foreign {
				b.Overlong++
			}
		}
	}
}

// enter runs a line.
func (b *Board) enter(line string) {
	b.lines++
	if b.OnLine != nil && b.act(b.OnLine(b.lines)) {
		return
	}
	b.m.cost += costLine
	b.m.run(event{word: "line", text: line})
	b.settle()
}

// Now is the board's time since it was made.
func (b *Board) Now() time.Duration { return b.now }

// fault keeps what went wrong in the simulation itself.
func (b *Board) fault(err error) {
	if b.err == nil {
		b.err = err
	}
}

// Err is a fault of the simulation, not of the board.
func (b *Board) Err() error { return b.err }
