package cmd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"lander/lib/devs"
	"lander/lib/jacdac"
	"lander/lib/link"
)

const (
	defaultDevs = "serial:auto"
	devsBaud    = 1_000_000 // [JD 3]
	devsWait    = 3 * time.Second
)

func deviceFlag() cli.Flag {
	return &cli.StringFlag{Name: "device", Value: devs.Any, Usage: "the device: its `ID`, the start of it, its short name, or auto when there is only one"}
}

func devsWaitFlag(def time.Duration) cli.Flag {
	return &cli.DurationFlag{Name: "wait", Value: def, Usage: "wait at most `DUR` for devices to answer"}
}

func allDevicesFlag() cli.Flag {
	return &cli.BoolFlag{Name: "all", Usage: "every device of the bus, at the same time"}
}

// devsBus connects to the bus at --connect.
func (k *call) devsBus(ctx context.Context) (*jacdac.Bus, error) {
	return k.dialBus(ctx, "connect", k.cli.String("connect"))
}

// dialBus connects to the bus at the address that a flag has.
func (k *call) dialBus(ctx context.Context, flag, text string) (*jacdac.Bus, error) {
	a, err := link.Parse(text)
	if err != nil {
		return nil, usagef("serial:auto, serial:///dev/ttyACM0, tcp://HOST:8082 or ws://HOST:8081/", "--%s: %v", flag, err)
	}
	conn, err := link.Dial(ctx, a, link.Options{Baud: devsBaud, QuickAck: true, Stdin: k.in, Stdout: k.out.w})
	if err != nil {
		return nil, dialFault(err)
	}
	var t jacdac.Transport
	switch c := conn.(type) {
	case *link.WebSocket:
		t = jacdac.NewMessages(c)
	case *link.SerialPort:
		t = jacdac.NewSerial(c)
	default:
		t = jacdac.NewTCP(c)
		if a.Scheme == link.Stdio {
			t = jacdac.NewSerial(c)
		}
	}
	return jacdac.New(t, jacdac.Options{Log: k.log}), nil
}

// devsTargets are the managers that --device or --all means.
func (k *call) devsTargets(bus *jacdac.Bus) ([]devs.Manager, error) {
	wait := devsWait
	if k.cli.IsSet("wait") {
		wait = k.cli.Duration("wait")
	}
	if k.cli.Bool("all") {
		if k.cli.IsSet("device") {
			return nil, usagef("", "--all and --device exclude each other")
		}
		all, err := devs.Discover(k.ctx, bus, wait)
		if err == nil && len(all) == 0 {
			err = fmt.Errorf("%w within %s", devs.ErrNoDevice, wait)
		}
		return all, devsFault(err)
	}
	m, err := devs.Select(k.ctx, bus, k.cli.String("device"), wait)
	return []devs.Manager{m}, devsFault(err)
}

// devsFault gives the faults of devices their exit codes.
func devsFault(err error) error {
	as := func(exit exitCode, hint string) error {
		return &fault{exit: exit, msg: err.Error(), hint: hint, cause: err}
	}
	if err == nil {
		return nil
	}
	if f, ok := err.(*fault); ok {
		return f
	}
	if se, ok := errors.AsType[*devs.SelectError](err); ok && len(se.Candidates) > 0 {
		return &fault{exit: exitUnreachable, msg: err.Error(), hint: "name one with --device, or take them --all", cause: err, detail: map[string]any{"candidates": se.Candidates}}
	}
	if _, ok := errors.AsType[*devs.PanicError](err); ok {
		return as(exitScript, "")
	}
	if ee, ok := errors.AsType[*devs.EmptyError](err); ok && !errors.Is(err, context.Canceled) {
		return &fault{exit: exitInterrupted, msg: err.Error(), hint: "deploy again; lander devs status shows what it has", cause: err, detail: map[string]string{"device": ee.Device, "program": "none"}}
	}
	_, verify := errors.AsType[*devs.VerifyError](err)
	_, halfway := errors.AsType[*devs.HalfwayError](err)
	if verify || halfway && !errors.Is(err, context.Canceled) {
		return as(exitInterrupted, "lander devs status shows what it has")
	}
	if f, ok := errors.AsType[*fault](err); ok {
		return f // after those that say what it has done to the device
	}
	if _, ok := errors.AsType[*devs.RejectedError](err); ok {
		return as(exitRejected, "")
	}
	switch {
	case errors.Is(err, devs.ErrProgram):
		return as(exitInvalid, "")
	case errors.Is(err, jacdac.ErrNotImplemented):
		return as(exitRejected, "")
	case errors.Is(err, jacdac.ErrNoService), errors.Is(err, devs.ErrNoDevice):
		return as(exitUnreachable, "is the hub or board at --connect the right one?")
	case errors.Is(err, jacdac.ErrLost), errors.Is(err, jacdac.ErrNoAck), errors.Is(err, jacdac.ErrNoAnswer):
		return as(exitUnreachable, "")
	}
	return err
}

// outcome is what came of one of several devices.
type outcome[T any] struct {
	value T
	err   error
}

// devsPartial is the fault of several devices of which some failed.
func (k *call) devsPartial(errs []error) error {
	failed := 0
	var first error
	for _, err := range errs {
		if err != nil {
			failed++
			if first == nil {
				first = err
			}
		}
	}
	switch {
	case failed == 0:
		return nil
	case failed == len(errs) && len(errs) == 1:
		return devsFault(first)
	case k.ctx.Err() != nil:
		return k.stopped()
	}
	return &fault{exit: exitPartial, msg: fmt.Sprintf("%d of %d devices failed: %v", failed, len(errs), first), cause: first}
}

// failedDevice is the JSON line of a device that failed.
type failedDevice struct {
	Device    string `json:"device"`
	ShortName string `json:"short_name"`
	Error     string `json:"error"`
	Code      string `json:"code"`
	Exit      int    `json:"exit"`
}

func (k *call) failedDevice(m devs.Manager, err error) failedDevice {
	exit := classify(k.ctx, devsFault(err))
	return failedDevice{m.ID.String(), m.ID.ShortName(), oneLine(err.Error()), exit.name, exit.code}
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
