package boards

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"lander/lib/bundle"
	"lander/lib/devs"
	"lander/lib/jacdac"
	"lander/lib/job"
	"lander/lib/sovd"
	"lander/lib/trust"
)

// The scripts of a DeviceScript device.
const (
	StartProgram = "start"
	StopProgram  = "stop"
	ResetDevice  = "reset"
)

var noParameters = json.RawMessage(`{"type":"object","additionalProperties":false}`)

var devicescriptScripts = []sovd.Script{
	{ID: ResetDevice, Name: "Reset", Description: "Restarts the device, and waits until it announces itself again", Managed: true, Schema: noParameters},
	{ID: StartProgram, Name: "Start", Description: "Starts the program, also after each reset", Managed: true, Schema: noParameters},
	{ID: StopProgram, Name: "Stop", Description: "Stops the program until a start or a reset", Managed: true, Schema: noParameters},
}

// Scripts implements Source.
func (*DeviceScript) Scripts() []sovd.Script { return devicescriptScripts }

// Formats implements Source.
func (*DeviceScript) Formats() []string { return []string{job.FormatDevs} }

// Check implements Source. Of a bundle the signature is for others to check.
func (*DeviceScript) Check(program []byte) error {
	if bundle.Is(program) {
		r := bufio.NewReader(bytes.NewReader(program))
		sig, err := bundle.ReadHeader(r)
		if err != nil {
			return sovd.Errorf(sovd.KindInput, "The program is no whole bundle")
		}
		if st, err := trust.ParseStatement(sig.Comment()); err == nil && st.Format != job.FormatDevs {
			return sovd.Errorf(sovd.KindInput, "The bundle holds %s, and the device takes %s", st.Format, job.FormatDevs)
		}
		if program, err = io.ReadAll(r); err != nil {
			return err
		}
	}
	if _, err := devs.ParseProgram(program); err != nil {
		return sovd.Errorf(sovd.KindInput, "The device takes DeviceScript bytecode: %v", err)
	}
	return nil
}

// defaultWatch is how long a new program is looked at, unless the parameters
// say.
const defaultWatch = 3 * time.Second

// maxWatch bounds it, in seconds.
const maxWatch = 3600

// Plan implements Source.
func (s *DeviceScript) Plan(_ context.Context, b *Board, r Request) (Plan, error) {
	s.mu.Lock()
	x := s.devices[b.ID]
	there := x != nil && x.online
	s.mu.Unlock()
	if !there {
		return Plan{}, sovd.Errorf(sovd.KindUnavailable, "The device is not on the bus: %s", b.ID)
	}
	if r.Script != "" {
		if err := strictly(r.Parameters, &struct{}{}); err != nil {
			return Plan{}, err
		}
		return Plan{Run: func(ctx context.Context, out *job.Output) job.Outcome {
			return s.with(ctx, x, out, func(ctx context.Context, m devs.Manager) error {
				switch r.Script {
				case StartProgram:
					return m.Start(ctx)
				case StopProgram:
					return m.Stop(ctx)
				}
				return m.Reset(ctx)
			})
		}}, nil
	}
	p := struct {
		Watch *float64 `json:"watch"` // seconds
		Force bool     `json:"force"`
		Start *bool    `json:"start"`
	}{}
	if err := strictly(r.Parameters, &p); err != nil {
		return Plan{}, err
	}
	d := devs.Deploy{Force: p.Force, NoStart: p.Start != nil && !*p.Start, Watch: defaultWatch}
	if p.Watch != nil {
		if *p.Watch < 0 || *p.Watch > maxWatch {
			return Plan{}, sovd.Errorf(sovd.KindInput, "The parameter watch is not between 0 and %d seconds", maxWatch)
		}
		d.Watch = time.Duration(*p.Watch * float64(time.Second))
	}
	var err error
	if d.Program, err = devs.ParseProgram(r.Program); err != nil {
		return Plan{}, sovd.Errorf(sovd.KindInput, "%v", err)
	}
	return Plan{SHA256: hex.EncodeToString(d.Program.SHA256[:]), Run: func(ctx context.Context, out *job.Output) job.Outcome {
		return s.with(ctx, x, out, func(ctx context.Context, m devs.Manager) error { return deploy(ctx, m, d, out) })
	}}, nil
}

// deploy is one deployment. What is done goes to stderr: stdout is the
// program's.
func deploy(ctx context.Context, m devs.Manager, d devs.Deploy, out *job.Output) error {
	progress, notes := out.Writer(job.Progress), out.Writer(job.Stderr)
	d.Show = func(sent, total int) {
		if total > 0 {
			fmt.Fprintf(progress, "%d\n", sent*100/total)
		}
	}
	p, err := m.Plan(ctx, d)
	if err != nil {
		return err
	}
	r, err := m.Deploy(ctx, d, p)
	if err != nil {
		return err
	}
	what := "sent"
	if !r.Changed {
		what = "has it already"
	}
	state := "stopped"
	if r.Running {
		state = "running"
	}
	fmt.Fprintf(notes, "%s, %d bytes, %s\n", what, r.Size, state)
	return nil
}

// with does something to a device, alone, and keeps what it logs meanwhile.
func (s *DeviceScript) with(ctx context.Context, x *device, out *job.Output, do func(context.Context, devs.Manager) error) job.Outcome {
	select {
	case x.busy <- struct{}{}:
	case <-ctx.Done():
		return job.Outcome{Terminated: true, Err: job.Errorf(job.CodeInterrupted, "")}
	}
	defer func() { <-x.busy }()
	s.mu.Lock()
	bus := s.bus
	x.run = func(r devs.Record) {
		w := out.Writer(job.Stdout)
		if r.Kind != devs.KindMessage {
			w = out.Writer(job.Stderr)
		}
		fmt.Fprintln(w, r.String())
	}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		x.run = nil
		s.mu.Unlock()
	}()
	if bus == nil {
		return job.Outcome{Err: job.Errorf(job.CodeInternal, "the bus connection was lost")}
	}
	err := do(ctx, devs.Manager{Bus: bus, ID: x.id})
	if ctx.Err() == nil {
		// What clients ask for next is what the device has now.
		if aerr := s.ask(ctx, bus, x); aerr != nil {
			s.o.Log.Debug("asking a device for its state", "device", x.id.String(), "error", aerr)
			x.wake()
		}
	}
	return outcome(ctx, err)
}

// outcome words how it went.
func outcome(ctx context.Context, err error) job.Outcome {
	if err == nil {
		return job.Outcome{}
	}
	if ctx.Err() != nil {
		text := ""
		if _, empty := errors.AsType[*devs.EmptyError](err); empty {
			text = err.Error()
		}
		return job.Outcome{Terminated: true, Err: job.Errorf(job.CodeInterrupted, "%s", text)}
	}
	code := job.CodeInternal
	if _, ok := errors.AsType[*devs.PanicError](err); ok {
		code = job.CodeScript
	} else if _, ok := errors.AsType[*devs.RejectedError](err); ok || errors.Is(err, jacdac.ErrNotImplemented) {
		code = job.CodeLoad
	}
	return job.Outcome{Err: job.Errorf(code, "%v", err)}
}

// Look implements Source: what is done to a device is done at once.
func (*DeviceScript) Look(context.Context, Open) (bool, *job.Outcome, error) {
	return false, nil, nil
}

// Withdraw implements Source.
func (*DeviceScript) Withdraw(context.Context, Open) error { return nil }
