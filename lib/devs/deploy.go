package devs

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"lander/lib/jacdac"
)

// chunk is the payload of an upload packet: the largest multiple of 32 that
// fits into a frame.
const chunk = 224

// Deploy says how to deploy.
type Deploy struct {
	Program Program
	Clear   bool          // take the program away instead
	Force   bool          // upload even when the device has it already
	NoStart bool          // leave it stopped, with autostart off
	Watch   time.Duration // look for a panic that long after the start
	// Rollback is deployed when the program panics while it is watched.
	Rollback *Program
	// Show is told the bytes that have arrived, now and then.
	Show func(sent, total int)
}

// Plan is what a deployment will do to one device.
type Plan struct {
	Device  string `json:"device"`
	Has     string `json:"has"`    // sha256 of its program, "" when none
	Wants   string `json:"sha256"` // "" to clear
	Size    int    `json:"size"`
	Upload  bool   `json:"upload"`
	Start   bool   `json:"start"`
	Runtime string `json:"runtime,omitempty"`

	autostart bool
}

// Report is what became of a deployment.
type Report struct {
	Device     string `json:"device"`
	ShortName  string `json:"short_name"`
	Size       int    `json:"size"`
	SHA256     string `json:"sha256"`
	Changed    bool   `json:"changed"`
	Running    bool   `json:"running"`
	RolledBack bool   `json:"rolled_back,omitempty"`
	Name       string `json:"name,omitempty"` // as the device says it
	ElapsedMS  int64  `json:"elapsed_ms"`
	Panic      *Panic `json:"panic,omitempty"`
}

// Plan looks what the device has and says what is to be done. It changes
// nothing.
func (m Manager) Plan(ctx context.Context, d Deploy) (Plan, error) {
	p := Plan{Device: m.ID.String(), Start: !d.NoStart && !d.Clear, Size: len(d.Program.Image)}
	size, sum, err := m.program(ctx)
	if err != nil {
		return Plan{}, err
	}
	if !d.Clear {
		p.Wants = hex.EncodeToString(d.Program.SHA256[:])
		if p.Runtime, err = m.takes(ctx, d.Program); err != nil {
			return Plan{}, err
		}
	}
	if p.autostart, err = m.flag(ctx, RegAutostart); err != nil {
		return Plan{}, err
	}
	if size == 0 {
		// An upload that was cut off has left it so; a device without a
		// program has nothing to keep stopped.
		p.autostart = true
	}
	if sum != ([sha256.Size]byte{}) {
		p.Has = hex.EncodeToString(sum[:])
	}
	p.Upload = d.Force || p.Has != p.Wants || size != p.Size
	return p, nil
}

// takes checks that the device's runtime takes the program, and gives its
// version: "" when the device does not say it, as older ones do not.
func (m Manager) takes(ctx context.Context, p Program) (string, error) {
	b, err := m.optional(ctx, RegRuntimeVersion)
	switch {
	case errors.Is(err, jacdac.ErrNotImplemented):
		return "", nil
	case err != nil:
		return "", fmt.Errorf("asking for the runtime version: %w", err)
	}
	v, _ := parseVersion(b)
	if err := p.checkRuntime(v); err != nil {
		return "", &RejectedError{m.Name(), err.Error()}
	}
	return v.String(), nil
}

// program is size and sha256 of what the device has.
func (m Manager) program(ctx context.Context) (int, [sha256.Size]byte, error) {
	var sum [sha256.Size]byte
	size, err := m.number(ctx, RegProgramSize)
	if err != nil {
		return 0, sum, err
	}
	b, err := m.get(ctx, RegProgramSHA256)
	if err != nil {
		return 0, sum, err
	}
	copy(sum[:], b)
	return int(size), sum, nil
}

// Deploy brings a device to what d says: stop, upload, verify, start, verify.
// What was planned is done; the plan should be fresh.
func (m Manager) Deploy(ctx context.Context, d Deploy, p Plan) (Report, error) {
	begin := time.Now()
	r := Report{Device: m.ID.String(), ShortName: m.ID.ShortName(), Size: p.Size, SHA256: p.Wants}
	events := m.collect()
	defer events.stop()
	err := m.deploy(ctx, d, p, events, &r)
	if pe, ok := errors.AsType[*PanicError](err); ok {
		r.Panic = &pe.Panic
		if d.Rollback != nil {
			err = m.rollback(ctx, d, &r, err)
		}
	} else {
		err = m.halfway(ctx, err)
	}
	r.ElapsedMS = time.Since(begin).Milliseconds()
	return r, err
}

func (m Manager) deploy(ctx context.Context, d Deploy, p Plan, events *collector, r *Report) error {
	if p.Upload {
		if err := m.Stop(ctx); err != nil {
			m.giveBack(ctx, p, true)
			return fmt.Errorf("stopping the program: %w", err)
		}
		if err := m.replace(ctx, d, events); err != nil {
			_, kept := errors.AsType[*RejectedError](err)
			m.giveBack(ctx, p, kept)
			return err
		}
		r.Changed = true
	}
	events.forget()
	if d.NoStart && !d.Clear {
		// Kept stopped: with autostart it would come up by itself.
		return m.Stop(ctx)
	}
	if err := m.start(ctx, d, p); err != nil {
		if p.Upload {
			m.giveBack(ctx, p, false)
		}
		return err
	}
	if d.Clear {
		return nil
	}
	return m.settled(ctx, d, events, r)
}

// start starts the program, and gives the device its autostart back.
func (m Manager) start(ctx context.Context, d Deploy, p Plan) error {
	if !d.Clear {
		// Not read back here: it may have panicked by then, which settled tells.
		if err := m.Bus.Set(ctx, m.ID, ClassManager, RegRunning, bit(true)); err != nil {
			return fmt.Errorf("starting the program: %w", err)
		}
	}
	if !p.Upload {
		return nil
	}
	return m.restoreAutostart(ctx, p.autostart)
}

// lastWord is how long a deployment that failed may take to leave the device as
// it was.
const lastWord = 2 * time.Second

// giveBack leaves a device that was cut off from as it was: what it has, if
// anything, shall start after the next panic too; kept is the program that was
// there, which shall run.
func (m Manager) giveBack(ctx context.Context, p Plan, kept bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWord)
	defer cancel()
	m.restoreAutostart(ctx, p.autostart)
	if kept && p.autostart && p.Has != "" {
		m.Bus.Set(ctx, m.ID, ClassManager, RegRunning, bit(true))
	}
}

func (m Manager) restoreAutostart(ctx context.Context, on bool) error {
	if err := m.setFlag(ctx, RegAutostart, on); err != nil {
		return fmt.Errorf("restoring autostart: %w", err)
	}
	return nil
}

// uploadTries is how often an upload is done again when what arrived is not
// what was sent: a stray second port answer, or a restart under way.
const uploadTries = 2

func (m Manager) replace(ctx context.Context, d Deploy, events *collector) error {
	var err error
	for range uploadTries {
		if d.Clear {
			err = m.clear(ctx)
		} else {
			err = m.upload(ctx, d, events)
		}
		if _, again := errors.AsType[*VerifyError](err); !again {
			return err
		}
	}
	return err
}

// open asks the device for a port of so many bytes. From its answer on the
// device has no program.
func (m Manager) open(ctx context.Context, size int) (uint16, error) {
	payload := binary.LittleEndian.AppendUint32(nil, uint32(size))
	// It erases the flash before it answers.
	b, err := m.Bus.Query(ctx, m.ID, ClassManager, jacdac.Query{Command: CmdDeployBytecode, Payload: payload, Acked: true, Resend: 1500 * time.Millisecond, Tries: 3})
	if err != nil {
		return 0, err
	}
	if len(b) < 2 {
		return 0, &RejectedError{m.Name(), "the answer to the deploy command is too short"}
	}
	port := binary.LittleEndian.Uint16(b)
	if port < 1 || port > jacdac.MaxPort {
		return 0, &RejectedError{m.Name(), fmt.Sprintf("it opened no pipe (port %d)", port)}
	}
	return port, nil
}

// clear takes the program away: a size of zero, the answer, and nothing else.
// Closing the pipe makes runtime 2.16.4 crash. [JD 4, failure table]
func (m Manager) clear(ctx context.Context) error {
	if _, err := m.open(ctx, 0); err != nil {
		return fmt.Errorf("clearing the program: %w", err)
	}
	size, _, err := m.program(ctx)
	if err != nil {
		return fmt.Errorf("clearing the program: %w", err)
	}
	if size != 0 {
		return &VerifyError{m.Name(), fmt.Sprintf("it still has a program of %d bytes", size)}
	}
	return nil
}

func (m Manager) upload(ctx context.Context, d Deploy, events *collector) error {
	events.forget()
	port, err := m.open(ctx, len(d.Program.Image))
	if err != nil {
		return m.openFailed(ctx, d, events, err)
	}
	err = m.Bus.SendPipe(ctx, jacdac.Pipe{ID: m.ID, Port: port, Chunk: chunk, Show: d.Show}, d.Program.Image)
	if err != nil {
		return &EmptyError{Device: m.Name(), Err: cause(ctx, err)}
	}
	return m.verify(ctx, d, events)
}

// cause says why an operation ended that its context may have ended.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// openFailed words the silence of a device that does not like the size.
func (m Manager) openFailed(ctx context.Context, d Deploy, events *collector, err error) error {
	switch {
	case errors.Is(err, jacdac.ErrLost), errors.Is(err, jacdac.ErrClosed), ctx.Err() != nil:
		return &EmptyError{Device: m.Name(), Maybe: true, Err: cause(ctx, err)}
	case !errors.Is(err, jacdac.ErrNoAnswer) && !errors.Is(err, jacdac.ErrNoAck):
		return fmt.Errorf("opening the pipe: %w", err)
	}
	why := fmt.Sprintf("it does not take a program of %d bytes", len(d.Program.Image))
	if events.restarted() {
		why += ", and restarted"
	}
	// It may be on its way up again.
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		if size, _, gerr := m.program(ctx); gerr == nil {
			if size != 0 {
				return &RejectedError{m.Name(), why + "; its old program is still there"}
			}
			return &RejectedError{m.Name(), why + "; it has no program now"}
		}
	}
	return &RejectedError{m.Name(), why + "; what it has now it does not say"}
}

// changeWait is how long the device may take to say that it has the program.
const changeWait = 3 * time.Second

// verify compares size and sha256, when the change event comes and then every
// 200 ms. The event alone proves nothing: runtime 2.16.4 sends one for the
// erasing of the old program too; and it may be lost.
func (m Manager) verify(ctx context.Context, d Deploy, events *collector) error {
	over := time.NewTimer(changeWait)
	defer over.Stop()
	look := time.NewTicker(200 * time.Millisecond)
	defer look.Stop()
	for {
		late := false
		select {
		case <-events.changed:
		case <-look.C:
		case <-over.C:
			late = true
		case <-ctx.Done():
			return &EmptyError{Device: m.Name(), Err: context.Cause(ctx)}
		case <-m.Bus.Done():
			return &EmptyError{Device: m.Name(), Err: m.Bus.Err()}
		}
		size, sum, err := m.program(ctx)
		switch {
		case err == nil && size == len(d.Program.Image) && sum == d.Program.SHA256:
			return nil
		case err != nil && !errors.Is(err, jacdac.ErrNoAnswer):
			return &EmptyError{Device: m.Name(), Err: err}
		case !late:
		case err != nil:
			return &VerifyError{m.Name(), "it does not say what it has"}
		case size == 0:
			return &VerifyError{m.Name(), "it did not take the upload: it has no program now"}
		default:
			return &VerifyError{m.Name(), fmt.Sprintf("it has %d bytes with sha256 %x, sent were %d with %x", size, sum, len(d.Program.Image), d.Program.SHA256)}
		}
	}
}

// rollback puts the older program back. The panic stays the result.
func (m Manager) rollback(ctx context.Context, d Deploy, r *Report, cause error) error {
	back := Deploy{Program: *d.Rollback, Show: d.Show}
	p, err := m.Plan(ctx, back)
	if err != nil {
		return fmt.Errorf("%w; rolling back failed: %w", cause, err)
	}
	p.autostart = true
	events := m.collect()
	defer events.stop()
	if err := m.deploy(ctx, back, p, events, r); err != nil {
		return fmt.Errorf("%w; rolling back failed: %w", cause, err)
	}
	r.RolledBack, r.Size, r.SHA256 = true, len(d.Rollback.Image), hex.EncodeToString(d.Rollback.SHA256[:])
	return cause
}
