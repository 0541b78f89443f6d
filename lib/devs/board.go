package devs

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"

	"lander/lib/jacdac"
	"lander/lib/jacdac/packet"
)

// Behaviour is what a Board does in place of executing bytecode, which it
// cannot: it runs until ctx ends or it returns.
type Behaviour func(ctx context.Context, p *Process)

// Flash keeps the program of a Board over restarts.
type Flash interface {
	Load() ([]byte, error) // nil: none
	Save(image []byte) error
}

// BoardConfig says what a Board is; zero fields are as the document has it.
type BoardConfig struct {
	ID          packet.DeviceID
	Description string
	Runtime     Version       // zero: 2.16.4
	Capacity    int           // largest image in bytes; 0: 108800, that of the simulator
	Flash       Flash         // nil: in memory
	Behaviour   Behaviour     // nil: none, the program just runs
	Restart     time.Duration // from a panic to the next start; 0: 5 s
	Autostart   time.Duration // timer that starts a stopped program; 0: 8 s
	Text        func([]byte)  // gets the log text of the device; may be nil
	Quirks      BoardQuirks
}

// BoardQuirks make a Board differ from the document as real runtimes do.
type BoardQuirks struct {
	NoLogging    bool // runtime 2.16.4: no logging register, no log messages
	NoExtensions bool // older runtimes: no runtime version, program name and version
	CloseCrash   bool // runtime 2.16.4: crashes when the pipe of size zero is closed
	SilentFull   bool // the document alone: no restart for a program that does not fit, and no answer
	ReadCrash    bool // runtime 2.16.4: crashes when more than 232 bytes are read back
	Silent       bool // a register that it lacks is not answered, where the runtime says so
}

// Board is a device of our own with a manager service.
type Board struct {
	cfg  BoardConfig
	bus  *jacdac.Bus
	node *jacdac.Node
	born time.Time

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	poke   chan struct{}

	mu        sync.Mutex
	image     []byte
	running   bool
	autostart bool
	logging   bool
	counter   byte
	proc      *Process
	startAt   time.Time // when the timer starts the program; zero: not
	upload    []byte
	want      int
	inlet     *jacdac.Inlet
	resets    int
}

// indexManager is the only service of a Board.
const indexManager = 1

// NewBoard puts a device on the bus, which stays the caller's. Close takes it
// off again.
func NewBoard(bus *jacdac.Bus, cfg BoardConfig) (*Board, error) {
	if cfg.Description == "" {
		cfg.Description = "Lander simulated board"
	}
	if cfg.Runtime == (Version{}) {
		cfg.Runtime = Version{2, 16, 4}
	}
	if cfg.Capacity == 0 {
		cfg.Capacity = 108800
	}
	if cfg.Restart == 0 {
		cfg.Restart = 5 * time.Second
	}
	if cfg.Autostart == 0 {
		cfg.Autostart = 8 * time.Second
	}
	if cfg.Flash == nil {
		cfg.Flash = &memoryFlash{}
	}
	image, err := cfg.Flash.Load()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	b := &Board{cfg: cfg, bus: bus, born: time.Now(), ctx: ctx, cancel: cancel, poke: make(chan struct{}, 1), image: image, autostart: true}
	b.node = bus.Attach(cfg.ID, boardControl{b}, b)
	b.mu.Lock()
	b.start()
	b.mu.Unlock()
	b.wg.Go(b.keepTime)
	return b, nil
}

// Close takes the board off the bus and waits for its program.
func (b *Board) Close() error {
	b.node.Mute(true)
	b.mu.Lock()
	b.cancel() // nothing is started from here on
	b.mu.Unlock()
	b.wg.Wait()
	return nil
}

type memoryFlash struct{ image []byte }

func (f *memoryFlash) Load() ([]byte, error) { return f.image, nil }
func (f *memoryFlash) Save(b []byte) error   { f.image = b; return nil }

// keepTime starts the program when its time has come.
func (b *Board) keepTime() {
	for {
		b.mu.Lock()
		var due <-chan time.Time
		var timer *time.Timer
		if !b.startAt.IsZero() {
			timer = time.NewTimer(time.Until(b.startAt))
			due = timer.C
		}
		b.mu.Unlock()
		select {
		case <-b.ctx.Done():
			if timer != nil {
				timer.Stop()
			}
			return
		case <-b.poke:
			if timer != nil {
				timer.Stop()
			}
		case <-due:
			b.mu.Lock()
			if !b.startAt.IsZero() && !time.Now().Before(b.startAt) {
				b.startAt = time.Time{}
				if b.autostart && !b.running {
					b.start()
				}
			}
			b.mu.Unlock()
		}
	}
}

func (b *Board) setTimer(d time.Duration) {
	b.startAt = time.Time{}
	if b.autostart {
		b.startAt = time.Now().Add(d)
	}
	offer(b.poke, struct{}{})
}

// status is the status code. mu is held.
func (b *Board) status() Status {
	switch {
	case b.running:
		return StatusReady
	case len(b.image) > 0:
		return StatusSleeping
	}
	return StatusWaiting
}

func (b *Board) statusEvent() {
	v := binary.LittleEndian.AppendUint16(nil, uint16(b.status()))
	b.node.Event(indexManager, EventStatusCode, append(v, 0, 0))
}

// valid reports whether the image is bytecode; another one is kept, but an
// empty program runs in its place.
func (b *Board) valid() bool {
	_, err := newProgram(b.image)
	return err == nil
}

// start runs the program. mu is held.
func (b *Board) start() {
	if b.ctx.Err() != nil {
		return
	}
	b.running, b.startAt = true, time.Time{}
	p := &Process{board: b, Image: b.image}
	p.ctx, p.cancel = context.WithCancel(b.ctx)
	b.proc = p
	if len(b.image) > 0 && !b.valid() {
		b.text("! verification failure: 1000 at 0x0\n")
	}
	if b.cfg.Behaviour != nil && b.valid() {
		b.wg.Go(func() { b.cfg.Behaviour(p.ctx, p) })
	}
	b.statusEvent()
}

// stop ends the program. mu is held.
func (b *Board) stop() {
	if b.proc != nil {
		b.proc.cancel()
		b.proc = nil
	}
	if b.running {
		b.running = false
		b.statusEvent()
	}
}

// reset is a restart of the device. mu is held.
func (b *Board) reset() {
	b.stop()
	b.resets++
	b.image, _ = b.cfg.Flash.Load()
	b.upload, b.want, b.inlet = nil, 0, nil
	b.autostart, b.logging, b.counter = true, false, 0
	b.born = time.Now()
	b.node.Restart()
	b.node.Announce()
	b.setTimer(1100 * time.Millisecond) // as long as the first start takes after a boot
}

func (b *Board) text(s string) {
	if b.cfg.Text != nil {
		b.cfg.Text([]byte(s))
	}
}

// Process is a program that runs on a Board.
type Process struct {
	Image []byte

	board  *Board
	ctx    context.Context
	cancel context.CancelFunc
}

// Log is console.log: a line of the device's text, and a log message when
// logging is on. It waits when the bus is busy and is false when the program
// has ended.
func (p *Process) Log(s string) bool {
	b := p.board
	if b.bus.Room(p.ctx) != nil {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.proc != p {
		return false
	}
	b.text("> " + s + "\n")
	for b.logging {
		n := min(len(s), packet.MaxPayload-2)
		flags := byte(0)
		if n < len(s) {
			flags = logContinued
		}
		b.node.Report(indexManager, CmdLogMessage, append([]byte{b.counter, flags}, s[:n]...))
		b.counter++
		if s = s[n:]; s == "" {
			break
		}
	}
	return true
}

// Panic ends the program as a panic does; code 0 is a reboot of the program.
func (p *Process) Panic(code PanicCode, pc uint32) {
	b := p.board
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.proc != p {
		return
	}
	v := binary.LittleEndian.AppendUint32(nil, uint32(code))
	b.node.Event(indexManager, EventProgramPanic, binary.LittleEndian.AppendUint32(v, pc))
	b.stop()
	if code == 0 {
		b.setTimer(time.Millisecond)
	} else {
		b.setTimer(b.cfg.Restart)
	}
}

func (b *Board) sum() []byte {
	if len(b.image) == 0 {
		return make([]byte, sha256.Size)
	}
	sum := sha256.Sum256(b.image)
	return sum[:]
}
