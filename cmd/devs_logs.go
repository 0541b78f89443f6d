package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/urfave/cli/v2"

	"lander/lib/devs"
	"lander/lib/jacdac"
	"lander/lib/jacdac/packet"
	"lander/lib/job"
	"lander/lib/link"
)

func devsLogsCommand() *cli.Command {
	return verb{
		name:  "logs",
		usage: "print what a device logs",
		about: `Prints log messages, the text of a serial line, reports of a logger service, and panics,
program changes and restarts. Devices keep no history. The shipped runtime sends no log
messages: over TCP its console is not to be had, and a line says so; over a serial port it
is. A lost link is opened again. The logging register is put back at the end.`,
		flags: []cli.Flag{
			connectFlag(defaultDevs), deviceFlag(), allDevicesFlag(), devsWaitFlag(devsWait),
			&cli.BoolFlag{Name: "follow", Usage: "open a lost link again (the default)"},
			&cli.BoolFlag{Name: "no-follow", Usage: "end with the link, with exit code 5"},
			&cli.StringFlag{Name: "until", Usage: "end when a message matches `REGEXP`"},
			&cli.BoolFlag{Name: "fail-on-panic", Usage: "end with exit code 7 when the program panics"},
			&cli.StringSliceFlag{Name: "map", Usage: "show source lines by the compiler's `FILE`-dbg.json (repeatable; matched to the program by sha256)"},
		},
		exits: []exitCode{exitUnreachable, exitScript, exitINT, exitTERM},
		examples: []example{
			{"lander devs logs --connect tcp://127.0.0.1:8082 --device GU35", "until interrupted"},
			{"lander devs logs --fail-on-panic --until ready --timeout 60s --json", "in CI"},
		},
		run: runDevsLogs,
	}.command()
}

func runDevsLogs(k *call) error {
	if k.cli.Bool("follow") && k.cli.Bool("no-follow") {
		return usagef("", "--follow and --no-follow exclude each other")
	}
	p := &logPrinter{k: k, failOnPanic: k.cli.Bool("fail-on-panic"), names: k.cli.Bool("all")}
	if text := k.cli.String("until"); text != "" {
		re, err := regexp.Compile(text)
		if err != nil {
			return usagef("", "--until: %v", err)
		}
		p.until = re
	}
	var opt devs.FollowOptions
	for _, path := range k.cli.StringSlice("map") {
		b, err := k.readInput(path, "the debug map", devs.MaxInput)
		if err != nil {
			return err
		}
		m, err := devs.ParseDebugMap(b)
		if err != nil {
			return devsFault(fmt.Errorf("%s: %w", path, err))
		}
		opt.Maps = append(opt.Maps, m)
	}
	bus, err := k.devsBus(k.ctx)
	if err != nil {
		return err
	}
	managers, err := k.devsTargets(bus)
	if err != nil {
		bus.Close()
		return err
	}
	if !k.cli.Bool("all") {
		opt.Want = func(m devs.Manager) bool { return m.ID == managers[0].ID }
	}
	return k.followLogs(bus, opt, p)
}

// followLogs prints until it is told to stop, over one link after the other.
func (k *call) followLogs(bus *jacdac.Bus, opt devs.FollowOptions, p *logPrinter) error {
	redial := &link.Redial{Max: 5 * time.Second, Stable: 5 * time.Second}
	redial.Dial = func(ctx context.Context) (link.Conn, error) {
		var err error
		bus, err = k.devsBus(ctx)
		return nil, err
	}
	for {
		err := k.followOne(bus, opt, p)
		switch {
		case errors.Is(err, errUntil):
			return nil
		case k.ctx.Err() != nil:
			return k.stopped()
		case !errors.Is(err, jacdac.ErrLost):
			return devsFault(err)
		case k.cli.Bool("no-follow"):
			return &fault{exit: exitUnreachable, msg: err.Error(), cause: err}
		}
		k.ui.warn("", "%v; opening it again", err)
		if _, err := redial.Next(k.ctx); err != nil {
			if k.ctx.Err() != nil {
				return k.stopped()
			}
			return dialFault(err)
		}
	}
}

func (k *call) followOne(bus *jacdac.Bus, opt devs.FollowOptions, p *logPrinter) error {
	defer bus.Close()
	f := devs.Follow(k.ctx, bus, opt)
	defer k.endFollowing(f)
	bus.Ask()
	for {
		records, err := f.Next(k.ctx)
		if err != nil {
			return err
		}
		if err := p.all(records); err != nil {
			return err
		}
	}
}

// endFollowing puts the device back even when the call was interrupted.
func (k *call) endFollowing(f *devs.Follower) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(k.ctx), 2*time.Second)
	defer cancel()
	f.Close(ctx)
}

// errUntil ends the printing: the message that was waited for has come.
var errUntil = errors.New("the message has come")

// logPrinter prints records: a line each.
type logPrinter struct {
	k           *call
	until       *regexp.Regexp
	failOnPanic bool
	names       bool
	buf         []byte
}

// logLine is a record in JSON.
type logLine struct {
	Time    job.Time    `json:"time"`
	Device  string      `json:"device"`
	Event   string      `json:"event,omitempty"` // "" for messages
	Source  string      `json:"source"`
	Counter *int        `json:"counter,omitempty"`
	Level   string      `json:"level,omitempty"`
	Message string      `json:"message"`
	Lost    int         `json:"lost"`
	Place   *devs.Place `json:"place,omitempty"`
	Panic   *devs.Panic `json:"panic,omitempty"`
}

func (p *logPrinter) print(r devs.Record) error { return p.all([]devs.Record{r}) }

// all prints records with one write.
func (p *logPrinter) all(records []devs.Record) error {
	var end error
	p.buf = p.buf[:0]
	for _, r := range records {
		if err := p.add(r); err != nil {
			end = err
			break
		}
	}
	if _, err := p.k.out.Write(p.buf); err != nil {
		return err
	}
	return end
}

func (p *logPrinter) add(r devs.Record) error {
	device := ""
	if r.Device != (packet.DeviceID{}) {
		device = r.Device.String()
	}
	switch {
	case p.k.json:
		l := logLine{Time: job.Time{Time: r.Time}, Device: device, Source: r.Source, Counter: r.Counter, Level: r.Level, Message: r.Message, Lost: r.Lost, Place: r.Place, Panic: r.Panic}
		if r.Kind != devs.KindMessage {
			l.Event = string(r.Kind)
		}
		b, err := json.Marshal(l)
		if err != nil {
			return fmt.Errorf("rendering a log line: %w", err)
		}
		p.buf = append(append(p.buf, b...), '\n')
	case r.Kind == devs.KindNotice:
		p.k.ui.warn("", "device %s: %s", device, r.Message)
	default:
		if p.names && device != "" {
			p.buf = append(append(p.buf, r.Device.ShortName()...), ' ')
		}
		p.buf = append(append(p.buf, r.String()...), '\n')
	}
	if r.Kind == devs.KindPanic && p.failOnPanic {
		return &devs.PanicError{Device: device, Panic: *r.Panic}
	}
	if r.Kind == devs.KindMessage && p.until != nil && p.until.MatchString(r.Message) {
		return errUntil
	}
	return nil
}
