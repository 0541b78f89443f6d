package nodemcutest

import (
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"lander/lib/nodemcu/rom"
)

// ROM is the boot loader of a chip, made from its description: it answers what
// it is asked, erases and writes its flash as NOR flash does, and knows no more
// than the chip's ROM.
type ROM struct {
	ESP32 bool   // else an ESP8266
	Flash []byte // as large as the chip

	// Fail makes the n-th request, from 1, end with this error.
	Fail map[int]byte
	// Mute loses the answers to these requests.
	Mute map[int]bool
	// Late holds the answers to these requests back until the next one comes.
	Late map[int]bool
	// Stuck makes a bit of the flash stay set.
	Stuck bool
	// Magic is another chip's register.
	Magic uint32

	in       []byte
	held     []byte // answers
	requests int
	synced   bool
	begun    bool
	at       uint32 // where FLASH_BEGIN said
	size     uint32 // of a packet
	Left     bool   // the loader was left by FLASH_END
	Attached bool
	Written  int
}

// NewROM is a loader with an erased flash of size bytes.
func NewROM(esp32 bool, size int) *ROM {
	r := &ROM{ESP32: esp32, Flash: make([]byte, size)}
	for i := range r.Flash {
		r.Flash[i] = 0xFF
	}
	return r
}

// Serve answers on a stream until it ends.
func (r *ROM) Serve(rw io.ReadWriter) error {
	buf := make([]byte, 4096)
	for {
		n, err := rw.Read(buf)
		if out := r.take(buf[:n]); len(out) > 0 {
			if _, err := rw.Write(out); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrClosedPipe) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// Requests is how many came.
func (r *ROM) Requests() int { return r.requests }

// take gives the answers to what came.
func (r *ROM) take(b []byte) (out []byte) {
	r.in = append(r.in, b...)
	for {
		payload, rest, ok, err := rom.CutFrame(r.in)
		r.in = append([]byte(nil), rest...)
		switch {
		case err != nil:
		case !ok:
			return out
		default:
			out = append(out, r.frame(payload)...)
		}
	}
}

// Errors of the ROM.
const (
	romInvalid  = 0x05
	romFailed   = 0x06
	romChecksum = 0x07
)

func (r *ROM) frame(payload []byte) []byte {
	q, err := rom.ParseRequest(payload)
	if err != nil || !r.synced && q.Op != rom.OpSync {
		return nil
	}
	r.requests++
	value, data, code := uint32(0), []byte(nil), byte(0)
	if c, ok := r.Fail[r.requests]; ok {
		code = c
	} else {
		value, data, code = r.do(q)
	}
	status := make([]byte, 2)
	if r.ESP32 {
		status = make([]byte, 4)
	}
	if code != 0 {
		status[0], status[1] = 1, code
	}
	if r.Mute[r.requests] {
		return nil
	}
	answer := rom.AppendFrame(nil, rom.AppendResponse(nil, rom.Response{Op: q.Op, Value: value, Data: append(data, status...)}))
	if q.Op == rom.OpSync {
		// Eight answers come.
		for range 3 {
			answer = append(answer, answer...)
		}
	}
	answer = append(r.held, answer...)
	r.held = nil
	if r.Late[r.requests] {
		r.held, answer = answer, nil
	}
	return answer
}

func words(b []byte) []uint32 {
	var out []uint32
	for ; len(b) >= 4; b = b[4:] {
		out = append(out, binary.LittleEndian.Uint32(b))
	}
	return append(out, make([]uint32, 8)...)
}

func (r *ROM) do(q rom.Request) (value uint32, data []byte, code byte) {
	w := words(q.Data)
	switch q.Op {
	case rom.OpSync:
		if len(q.Data) != 36 || q.Data[0] != 0x07 {
			return 0, nil, romInvalid
		}
		r.synced = true
		return 0x20120707, nil, 0 // a program loaded into the chip would say 0
	case rom.OpReadReg:
		return r.register(w[0]), nil, 0
	case rom.OpFlashBegin:
		return 0, nil, r.begin(w, len(q.Data))
	case rom.OpFlashData:
		return 0, nil, r.write(w, q)
	case rom.OpFlashEnd:
		r.begun = false
		if w[0] == 0 {
			r.Left, r.synced = true, false
		}
	case rom.OpSPIAttach, rom.OpSPISetParams, rom.OpChangeBaud, rom.OpFlashMD5:
		if !r.ESP32 {
			return 0, nil, romInvalid // the older ROM knows none of them
		}
		return r.newer(q, w)
	default:
		return 0, nil, romInvalid
	}
	return 0, nil, 0
}

func (r *ROM) register(address uint32) uint32 {
	switch {
	case address != 0x40001000:
		return 0
	case r.Magic != 0:
		return r.Magic
	case r.ESP32:
		return 0x00F01D83
	}
	return 0xFFF0C101
}

func (r *ROM) newer(q rom.Request, w []uint32) (uint32, []byte, byte) {
	switch q.Op {
	case rom.OpSPIAttach:
		if len(q.Data) != 8 && len(q.Data) != 4 { // a program for this chip alone sends 4
			return 0, nil, romInvalid
		}
		r.Attached = true
	case rom.OpFlashMD5:
		if uint64(w[0])+uint64(w[1]) > uint64(len(r.Flash)) {
			return 0, nil, romFailed
		}
		s := md5.Sum(r.Flash[w[0] : w[0]+w[1]])
		return 0, []byte(hex.EncodeToString(s[:])), 0
	}
	return 0, nil, 0
}

// begin erases. A fifth word, about encryption, is for later chips; programs send
// it to these too. The older ROM erases the sectors up to the next block of 16
// twice: as many more behind them are gone.
func (r *ROM) begin(w []uint32, n int) byte {
	size, packet, offset := w[0], w[2], w[3]
	if n != 16 && n != 20 || r.ESP32 && !r.Attached {
		return romInvalid
	}
	sectors := (size + rom.Sector - 1) / rom.Sector
	if !r.ESP32 {
		sectors += min(sectors, 16-offset/rom.Sector%16)
	}
	start := offset / rom.Sector * rom.Sector
	end := min(uint64(start)+uint64(sectors)*rom.Sector, uint64(len(r.Flash)))
	if uint64(offset)+uint64(size) > uint64(len(r.Flash)) {
		return romFailed
	}
	for i := uint64(start); i < end; i++ {
		r.Flash[i] = 0xFF
	}
	r.begun, r.at, r.size = true, offset, packet
	return 0
}

func (r *ROM) write(w []uint32, q rom.Request) byte {
	size, seq := w[0], w[1]
	if !r.begun || size != r.size || len(q.Data) != int(size)+16 {
		return romInvalid
	}
	if rom.Sum(q.Data[16:]) != q.Sum&0xFF {
		return romChecksum
	}
	at := uint64(r.at) + uint64(seq)*uint64(r.size)
	if at+uint64(size) > uint64(len(r.Flash)) {
		return romFailed
	}
	for i, b := range q.Data[16:] {
		r.Flash[at+uint64(i)] &= b // only an erase sets bits
	}
	if r.Stuck {
		r.Flash[at] |= 0x10
	}
	r.Written++
	return 0
}

// lines are the modem lines of a serial port; the chip's reset and boot pins
// hang on them by two transistors: reset is low with RTS alone, the boot pin
// with DTR alone. The chip starts when reset rises, and a capacitor makes it
// rise late enough that the boot pin is seen as it is after both lines changed.
type lines struct {
	mu       sync.Mutex
	dtr, rts bool
	loader   bool
	changed  func(loader bool) // at each start of the chip
}

// SetDTR sets DTR.
func (l *lines) SetDTR(on bool) error { l.set(&l.dtr, on); return nil }

// SetRTS sets RTS.
func (l *lines) SetRTS(on bool) error { l.set(&l.rts, on); return nil }

func (l *lines) set(line *bool, on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	held := l.rts && !l.dtr
	*line = on
	if !held || l.rts && !l.dtr {
		return
	}
	l.loader = l.dtr
	if l.changed != nil {
		l.changed(l.loader)
	}
}

// Loader reports whether the last start of the chip led into its loader.
func (l *lines) Loader() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.loader
}

// Lined is a stream to a ROM as a serial port has it, with modem lines.
type Lined struct {
	net.Conn
	lines
}

var _ rom.Port = (*Lined)(nil)

// Pipe is a ROM at the end of a port in memory; wait ends when it is closed.
func (r *ROM) Pipe() (port *Lined, wait func() error) {
	a, b := net.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- r.Serve(b)
		b.Close()
	}()
	return &Lined{Conn: a}, func() error {
		select {
		case err := <-done:
			return err
		case <-time.After(30 * time.Second):
			return errors.New("the ROM did not end")
		}
	}
}
