// Package rom speaks with the boot loader in the ROM of the ESP8266 and the
// ESP32, which writes the flash of a board that has no firmware, or none that
// answers [OTA 5]. It loads no program into the chip.
//
// The dialogue is one request and its answer at a time; a Loader is not for
// concurrent use.
package rom

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"
)

// Commands of the ROM.
const (
	OpFlashBegin   = 0x02
	OpFlashData    = 0x03
	OpFlashEnd     = 0x04
	OpSync         = 0x08
	OpReadReg      = 0x0A
	OpSPISetParams = 0x0B
	OpSPIAttach    = 0x0D
	OpChangeBaud   = 0x0F
	OpFlashMD5     = 0x13
)

// Sizes of the flash.
const (
	Packet = 0x400 // bytes of data in a FLASH_DATA
	Sector = 4096
	block  = 16 // sectors
)

// chipRegister tells the chips apart.
const chipRegister = 0x40001000

// Chip is a kind of chip.
type Chip struct {
	Name   string
	magic  uint32
	status int  // bytes at the end of an answer
	spi    bool // SPI_ATTACH and SPI_SET_PARAMS come first; it knows MD5 and CHANGE_BAUDRATE
}

var chips = []Chip{
	{"ESP8266", 0xFFF0C101, 2, false},
	{"ESP32", 0x00F01D83, 4, true},
}

// HasMD5 reports whether the ROM can hash its flash.
func (c Chip) HasMD5() bool { return c.spi }

// Port is the serial port of the board, with its modem lines: true asserts one.
// Its deadlines are those of Options.Now.
type Port interface {
	io.ReadWriter
	SetReadDeadline(t time.Time) error
	SetWriteDeadline(t time.Time) error
	SetDTR(on bool) error
	SetRTS(on bool) error
}

// Options of Connect.
type Options struct {
	Now func() time.Time // nil: time.Now
	Log *slog.Logger     // nil: none
}

// Loader is a ROM that answers.
type Loader struct {
	p    Port
	now  func() time.Time
	log  *slog.Logger
	chip Chip
	in   []byte
}

// ErrSilent is a ROM that does not answer.
var ErrSilent = errors.New("the ROM loader does not answer")

// ChipError is a chip that is not known.
type ChipError struct{ Magic uint32 }

func (e *ChipError) Error() string {
	return fmt.Sprintf("not an ESP8266 or ESP32: the chip's register reads %08X", e.Magic)
}

// Hint says what to do.
func (e *ChipError) Hint() string { return "use the chip vendor's own program" }

// StatusError is a command that the ROM refused.
type StatusError struct {
	Op   byte
	Code byte
}

func (e *StatusError) Error() string {
	text := fmt.Sprintf("the ROM refused command %02X with error %02X", e.Op, e.Code)
	if e.Code == badChecksum {
		text += ": the data arrived damaged"
	}
	return text
}

// badChecksum is the error of a DATA command whose sum is not that of its data.
const badChecksum = 0x07

// Patience with the ROM.
const (
	syncTries  = 7 // for each of the two ways to reset
	answerTime = 3 * time.Second
	eraseTime  = 30 * time.Second // for a megabyte
	tries      = 3
)

// Connect resets the board into its boot loader and finds out what chip it is.
func Connect(ctx context.Context, p Port, o Options) (*Loader, error) {
	l := &Loader{p: p, now: o.Now, log: o.Log}
	if l.now == nil {
		l.now = time.Now
	}
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	for _, hold := range []time.Duration{50 * time.Millisecond, 550 * time.Millisecond} {
		if err := l.enter(ctx, hold); err != nil {
			return nil, err
		}
		for range syncTries {
			err := l.sync(ctx)
			if err == nil {
				return l, l.identify(ctx)
			}
			if !errors.Is(err, ErrSilent) {
				return nil, err
			}
		}
	}
	return nil, fmt.Errorf("%w: hold the board's flash button while it resets", ErrSilent)
}

// lines sets both modem lines.
func (l *Loader) lines(dtr, rts bool) error {
	if err := l.p.SetDTR(dtr); err != nil {
		return fmt.Errorf("setting DTR: %w", err)
	}
	if err := l.p.SetRTS(rts); err != nil {
		return fmt.Errorf("setting RTS: %w", err)
	}
	return nil
}

// enter pulls the chip's reset and its boot pin by the two transistors that
// boards have.
func (l *Loader) enter(ctx context.Context, hold time.Duration) error {
	if err := l.lines(false, true); err != nil {
		return err
	}
	if err := l.pause(ctx, 100*time.Millisecond); err != nil {
		return err
	}
	if err := l.lines(true, false); err != nil {
		return err
	}
	if err := l.pause(ctx, hold); err != nil {
		return err
	}
	return l.lines(false, false)
}

// Reset restarts the board into its firmware.
func (l *Loader) Reset(ctx context.Context) error {
	if err := l.lines(false, true); err != nil {
		return err
	}
	if err := l.pause(ctx, 100*time.Millisecond); err != nil {
		return err
	}
	return l.lines(false, false)
}

// pause waits and forgets what comes.
func (l *Loader) pause(ctx context.Context, d time.Duration) error {
	_, err := l.read(ctx, l.now().Add(d), func() bool { return false })
	l.in = nil
	return err
}

// read reads until done says so; false when the time is over.
func (l *Loader) read(ctx context.Context, until time.Time, done func() bool) (bool, error) {
	defer context.AfterFunc(ctx, func() { l.p.SetReadDeadline(time.Unix(1, 0)) })()
	buf := make([]byte, 1024)
	for !done() {
		if err := l.p.SetReadDeadline(until); err != nil {
			return false, fmt.Errorf("reading from the board: %w", err)
		}
		if ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
		n, err := l.p.Read(buf)
		if l.in = append(l.in, buf[:n]...); len(l.in) > 4*MaxFrame {
			l.in = l.in[len(l.in)-2*MaxFrame:]
		}
		switch {
		case ctx.Err() != nil:
			return false, context.Cause(ctx)
		case n == 0 && errors.Is(err, os.ErrDeadlineExceeded):
			return false, nil
		case err != nil && n == 0:
			return false, fmt.Errorf("reading from the board: %w", err)
		}
	}
	return true, nil
}

// answer waits for the answer to op.
func (l *Loader) answer(ctx context.Context, op byte, d time.Duration) (Response, error) {
	var out Response
	ok, err := l.read(ctx, l.now().Add(d), func() bool {
		for {
			payload, rest, whole, err := CutFrame(l.in)
			l.in = bytes.Clone(rest)
			if err != nil {
				continue
			}
			if !whole {
				return false
			}
			if r, err := ParseResponse(payload); err == nil && r.Op == op {
				out = r
				return true
			}
		}
	})
	if err == nil && !ok {
		err = ErrSilent
	}
	return out, err
}

// do sends a command and returns the data of its answer, without the status,
// and its value.
func (l *Loader) do(ctx context.Context, r Request, d time.Duration) ([]byte, uint32, error) {
	l.in = nil
	if err := l.p.SetWriteDeadline(l.now().Add(answerTime)); err != nil {
		return nil, 0, fmt.Errorf("writing to the board: %w", err)
	}
	if _, err := l.p.Write(AppendFrame(nil, AppendRequest(nil, r))); err != nil {
		return nil, 0, fmt.Errorf("writing to the board: %w", err)
	}
	a, err := l.answer(ctx, r.Op, d)
	if err != nil {
		return nil, 0, err
	}
	status := l.chip.status
	if status == 0 { // not known yet: an ESP32 has four, of which the last are 0
		status = min(len(a.Data), 2)
		if len(a.Data) == 4 {
			status = 4
		}
	}
	if len(a.Data) < status {
		return nil, 0, fmt.Errorf("command %02X: %w: the answer has %d bytes", r.Op, ErrFrame, len(a.Data))
	}
	data, end := a.Data[:len(a.Data)-status], a.Data[len(a.Data)-status:]
	if len(end) > 1 && end[0] != 0 {
		return nil, 0, &StatusError{r.Op, end[1]}
	}
	return data, a.Value, nil
}

// sync makes the ROM find the rate, and throws the rest of its answers away.
func (l *Loader) sync(ctx context.Context) error {
	data := append([]byte{0x07, 0x07, 0x12, 0x20}, bytes.Repeat([]byte{0x55}, 32)...)
	if _, _, err := l.do(ctx, Request{Op: OpSync, Data: data}, 100*time.Millisecond); err != nil {
		return err
	}
	return l.pause(ctx, 50*time.Millisecond)
}

func words(w ...uint32) []byte {
	var b []byte
	for _, x := range w {
		b = binary.LittleEndian.AppendUint32(b, x)
	}
	return b
}

func (l *Loader) identify(ctx context.Context) error {
	_, magic, err := l.insist(ctx, Request{Op: OpReadReg, Data: words(chipRegister)})
	if err != nil {
		return fmt.Errorf("asking for the chip: %w", err)
	}
	for _, c := range chips {
		if c.magic == magic {
			l.chip = c
			l.log.Info("chip", "name", c.Name)
			return nil
		}
	}
	return &ChipError{magic}
}

// Chip is what answers.
func (l *Loader) Chip() Chip { return l.chip }

// eraseSize is what FLASH_BEGIN must say for size bytes to be erased. The
// ESP8266's ROM erases the sectors up to the next block of 16 twice over: told
// the truth it would erase what follows [OTA 5].
func eraseSize(offset, size uint32) uint32 {
	n := (size + Sector - 1) / Sector
	head := min(block-offset/Sector%block, n)
	if n < 2*head {
		return (n + 1) / 2 * Sector
	}
	return (n - head) * Sector
}

// Write erases and writes an image at an offset, a multiple of the sector size.
// show, if not nil, is told how many bytes are written.
func (l *Loader) Write(ctx context.Context, offset uint32, image []byte, show func(done int)) error {
	if offset%Sector != 0 {
		return fmt.Errorf("writing at %#x: not at the start of a sector of %d bytes", offset, Sector)
	}
	size := uint32(len(image))
	packets := (size + Packet - 1) / Packet
	erase := eraseSize(offset, size)
	if l.chip.spi {
		erase = size
		if _, _, err := l.insist(ctx, Request{Op: OpSPIAttach, Data: words(0, 0)}); err != nil {
			return fmt.Errorf("attaching the flash: %w", err)
		}
		total := uint32(4 << 20)
		for total < offset+size {
			total *= 2
		}
		if _, _, err := l.insist(ctx, Request{Op: OpSPISetParams, Data: words(0, total, block*Sector, Sector, 256, 0xFFFF)}); err != nil {
			return fmt.Errorf("setting the size of the flash: %w", err)
		}
	}
	wait := answerTime + eraseTime*time.Duration(1+size>>20)
	if _, _, err := l.do(ctx, Request{Op: OpFlashBegin, Data: words(erase, packets, Packet, offset)}, wait); err != nil {
		return fmt.Errorf("erasing %d bytes at %#x: %w", size, offset, err)
	}
	for seq := range packets {
		data := bytes.Repeat([]byte{0xFF}, Packet)
		done := copy(data, image[seq*Packet:])
		r := Request{Op: OpFlashData, Sum: Sum(data), Data: append(words(Packet, seq, 0, 0), data...)}
		if err := l.packet(ctx, r); err != nil {
			return fmt.Errorf("writing at %#x: %w", offset+seq*Packet, err)
		}
		if show != nil {
			show(int(seq)*Packet + done)
		}
	}
	return nil
}

// packet sends one FLASH_DATA. The ROM says when the checksum is wrong; one
// that was written already is taken again as it is.
func (l *Loader) packet(ctx context.Context, r Request) (err error) {
	for range tries {
		_, _, err = l.insist(ctx, r)
		if _, refused := errors.AsType[*StatusError](err); !refused {
			return err
		}
	}
	return err
}

// insist sends a command again when there is no answer; twice is once to it.
func (l *Loader) insist(ctx context.Context, r Request) (data []byte, value uint32, err error) {
	for try := range tries {
		data, value, err = l.do(ctx, r, answerTime)
		if errors.Is(err, ErrSilent) {
			continue
		}
		if try > 0 && r.Op != OpReadReg {
			// The answer to an earlier one may be late only, and would be taken
			// for that to the next: what is asked now is answered behind it.
			if _, _, err := l.insist(ctx, Request{Op: OpReadReg, Data: words(chipRegister)}); err != nil {
				return nil, 0, err
			}
		}
		return data, value, err
	}
	return nil, 0, err
}

// Flush ends the writing without leaving the loader.
func (l *Loader) Flush(ctx context.Context) error {
	_, _, err := l.insist(ctx, Request{Op: OpFlashEnd, Data: words(1)})
	if err != nil {
		return fmt.Errorf("ending the write: %w", err)
	}
	return nil
}

// MD5 is the digest of a part of the flash, as the ROM reads it. The ROM of the
// ESP8266 cannot: see Chip.HasMD5.
func (l *Loader) MD5(ctx context.Context, offset, size uint32) ([]byte, error) {
	data, _, err := l.do(ctx, Request{Op: OpFlashMD5, Data: words(offset, size, 0, 0)}, answerTime+eraseTime*time.Duration(1+size>>20))
	if err != nil {
		return nil, fmt.Errorf("hashing the flash: %w", err)
	}
	if len(data) < 32 {
		return nil, fmt.Errorf("hashing the flash: %w: the digest has %d digits", ErrFrame, len(data))
	}
	sum, err := hex.DecodeString(string(data[:32]))
	if err != nil {
		return nil, fmt.Errorf("hashing the flash: %w", err)
	}
	return sum, nil
}
