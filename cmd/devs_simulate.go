package cmd

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"lander/lib/devs"
	"lander/lib/durable"
	"lander/lib/jacdac/packet"
)

func devsSimulateCommand() *cli.Command {
	return verb{
		name:  "simulate",
		usage: "be a bus with simulated devices",
		about: `Listens as the development server's TCP port does, with devices on the bus that take
programs, start and stop, log and panic as the service's document says. They do not execute
bytecode: a running program prints "tick N", --rate times a second.`,
		flags: []cli.Flag{
			listenFlag("tcp://127.0.0.1:8082"), readyFileFlag(),
			&cli.StringSliceFlag{Name: "id", Usage: "a device with the `ID` of 16 hex digits (repeatable; default: 1234567890abcdef)"},
			&cli.StringFlag{Name: "flash", Usage: "keep the program of the only device in `FILE`"},
			&cli.Float64Flag{Name: "rate", Usage: "print `N` lines a second", Value: 1},
			&cli.UintFlag{Name: "panic", Usage: "panic with `CODE`, after the line --panic-after"},
			&cli.UintFlag{Name: "panic-after", Usage: "panic after `N` lines", Value: 3},
			&cli.BoolFlag{Name: "no-logging", Usage: "do not implement log messages, as the shipped runtime"},
		},
		server: true,
		exits:  []exitCode{exitUnreachable},
		examples: []example{
			{"lander devs simulate --listen tcp://127.0.0.1:8082", "then, elsewhere: lander devs list --connect tcp://127.0.0.1:8082"},
			{"lander devs simulate --id 1234567890abcdef --id 00112233445566aa", "two devices"},
		},
		run: runDevsSimulate,
	}.command()
}

func runDevsSimulate(k *call) error {
	boards, err := k.simulatedBoards()
	if err != nil {
		return err
	}
	ls, err := k.listen()
	if err != nil {
		return err
	}
	defer closeAll(ls)
	if len(ls) != 1 {
		return usagef("", "devs simulate listens at one address")
	}
	sim, err := devs.Simulate(boards)
	if err != nil {
		return err
	}
	defer sim.Close()
	done, err := k.ready(addresses(ls))
	if err != nil {
		return err
	}
	defer done()
	return sim.Serve(k.ctx, func(ctx context.Context) (io.ReadWriteCloser, error) { return ls[0].Accept(ctx) })
}

func (k *call) simulatedBoards() ([]devs.BoardConfig, error) {
	ids := k.cli.StringSlice("id")
	if len(ids) == 0 {
		ids = []string{"1234567890abcdef"}
	}
	rate := k.cli.Float64("rate")
	if rate <= 0 || rate > 1e6 {
		return nil, usagef("", "--rate %v is not between 0 and 1000000", rate)
	}
	ticker := devs.Ticker{Every: time.Duration(float64(time.Second) / rate)}
	if k.cli.IsSet("panic") {
		ticker.PanicAfter, ticker.Panic = int(k.cli.Uint("panic-after")), devs.PanicCode(k.cli.Uint("panic"))
	}
	var out []devs.BoardConfig
	for _, text := range ids {
		id, err := packet.ParseDeviceID(text)
		if err != nil {
			return nil, usagef("16 hex digits", "--id %q: %v", text, err)
		}
		out = append(out, devs.BoardConfig{ID: id, Behaviour: ticker.Run, Quirks: devs.BoardQuirks{NoLogging: k.cli.Bool("no-logging")}})
	}
	if path := k.cli.String("flash"); path != "" {
		if len(out) != 1 {
			return nil, usagef("", "--flash is for one device")
		}
		out[0].Flash = flashFile(path)
	}
	return out, nil
}

// flashFile keeps a program in a file.
type flashFile string

// Load implements devs.Flash.
func (f flashFile) Load() ([]byte, error) {
	b, err := os.ReadFile(string(f))
	if isNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, invalidf("", "reading the flash %s: %w", string(f), plainCause(err))
	}
	return b, nil
}

// Save implements devs.Flash.
func (f flashFile) Save(image []byte) error {
	if err := durable.WriteFile(string(f), image, 0o644, durable.NoSync); err != nil {
		return fmt.Errorf("writing the flash %s: %w", string(f), err)
	}
	return nil
}
