package cmd

import (
	"errors"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"lander/lib/emp"
	"lander/lib/emp/frame"
)

func empSimulateCommand() *cli.Command {
	return verb{
		name:     "simulate",
		usage:    "have an agent under development send what a server or modem would make it send",
		operands: "senddata PATH TICKET JSON | sms FROM TEXT | update COMPONENT VERSION [FILE] | updatestatus CODE DETAILS",
		about: `For authors of applications without a server or modem: an agent that was started with --dev
sends the command to the applications that it is for, and what they answered is printed.
senddata: a message for an asset; TICKET 0 wants no acknowledge; JSON may be -.
sms: to each listener whose patterns are found. update: to the asset that COMPONENT begins
with, with the events that go with it, until there is a result; an empty VERSION removes.
updatestatus: an event to each update listener.`,
		flags: []cli.Flag{
			connectFlag(defaultEMP),
			&cli.DurationFlag{Name: "wait", Usage: "keep trying to connect for `DUR`"},
		},
		min: 3, max: 4,
		exits: []exitCode{exitRefused, exitUnreachable, exitRejected, exitInterrupted},
		examples: []example{
			{`lander emp simulate senddata greenhouse.led 7 '{"on":true}'`, "a message with a ticket"},
			{"lander emp simulate sms +3312 'say hello'", "a short message"},
			{"lander emp simulate update greenhouse.pump 1.2 pump.bin", "a new version of a component"},
		},
		run: runEMPSimulate,
	}.command()
}

func runEMPSimulate(k *call) error {
	p, err := k.simulation()
	if err != nil {
		return err
	}
	peer, err := k.dialEMP(k.ctx, k.cli.String("connect"), k.cli.Duration("wait"), emp.Options{})
	if err != nil {
		return err
	}
	defer hangUp(peer)
	resp, err := peer.Call(k.ctx, frame.CmdSimulate, p.Append(nil))
	if err != nil {
		return callFault(frame.CmdSimulate, err)
	}
	if resp.Status == frame.StatusNotPermitted {
		return &fault{exit: exitRefused, msg: resp.Err().Error(), hint: "lander agent --dev", cause: resp.Err()}
	}
	if err := rejected(frame.CmdSimulate, resp); err != nil {
		return err
	}
	v, err := resp.Value()
	if err != nil {
		return rejected(frame.CmdSimulate, frame.Response{Status: frame.StatusBadFormat})
	}
	if err := k.ui.result(v, func(w io.Writer) { io.WriteString(w, v.String()+"\n") }); err != nil {
		return err
	}
	return unhappy(v)
}

// unhappy is the fault of an application that did not answer OK.
func unhappy(v frame.Value) error {
	for _, one := range append([]frame.Value{v}, v.Elems()...) {
		if s, ok := one.Get("status"); ok && !s.Equal(frame.Int(0)) {
			return &fault{exit: exitRejected, msg: "the application answered " + s.String()}
		}
		if r, ok := one.Get("result"); ok && !r.Equal(frame.Int(200)) {
			return &fault{exit: exitRejected, msg: "the update failed with " + r.String()}
		}
	}
	return nil
}

// simulation makes the command of the operands.
func (k *call) simulation() (frame.Simulate, error) {
	what, args := k.args[0], k.args[1:]
	p := frame.Simulate{Command: what}
	want := map[string]int{frame.SimulateSendData: 3, frame.SimulateSMS: 2, frame.SimulateUpdateStatus: 2}[what]
	if want > 0 && len(args) != want {
		return p, usagef("see lander emp simulate --help", "%s takes %d operands", what, want)
	}
	switch what {
	case frame.SimulateSendData:
		ticket, err := strconv.ParseInt(args[1], 10, 64)
		if err != nil || ticket < 0 {
			return p, usagef("0 wants no acknowledge", "%q is no ticket", args[1])
		}
		text, err := k.textOrStdin(args[2])
		if err != nil {
			return p, err
		}
		body, err := frame.ParseValue(text)
		if err == nil && body.Kind() != frame.KindMap {
			err = errors.New("a map is wanted")
		}
		if err != nil {
			return p, invalidf(`{"on":true}`, "the data is not JSON as it should be: %v", err)
		}
		p.Data = frame.SendData{Path: args[0], Ticket: ticket, Body: body}
	case frame.SimulateSMS:
		p.SMS = frame.NewSMS{Sender: args[0], Text: args[1]}
	case frame.SimulateUpdate:
		p.Update = frame.SoftwareUpdate{Component: args[0], Version: args[1]}
		if len(args) == 3 {
			p.Update.Location = args[2]
			if !strings.Contains(args[2], "://") {
				path, err := filepath.Abs(args[2])
				if err != nil {
					return p, invalidf("", "%s: %v", args[2], err)
				}
				p.Update.Location = path
			}
		}
	case frame.SimulateUpdateStatus:
		n, err := strconv.ParseInt(args[0], 10, 64)
		if err != nil {
			return p, usagef("0 to 7", "%q is no event", args[0])
		}
		p.Status = frame.SoftwareUpdateStatus{Event: n, Details: args[1]}
	default:
		return p, usagef("senddata, sms, update or updatestatus", "cannot simulate %q", what)
	}
	return p, nil
}

// textOrStdin is an operand that may be -.
func (k *call) textOrStdin(arg string) ([]byte, error) {
	if arg != "-" {
		return []byte(arg), nil
	}
	r, err := k.stdin("the data")
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(r, frame.DefaultLimit+1))
	if err != nil {
		return nil, k.readFault("the data", err)
	}
	return b, nil
}
