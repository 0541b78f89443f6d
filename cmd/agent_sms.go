package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"time"

	"lander/lib/agent"
	"lander/lib/emp/frame"
	"lander/lib/link"
	"lander/lib/sms"
)

// modem makes what --sms names: a modem at an address, or a command.
func (k *call) modem() (func(receive func(from, text string)) agent.Modem, error) {
	text := k.cli.String("sms")
	switch {
	case text == "":
		return nil, nil
	case !isAddress(text):
		return func(func(from, text string)) agent.Modem { return smsCommand{k, text} }, nil
	}
	addr, err := link.Parse(text)
	if err != nil {
		return nil, usagef("serial:///dev/ttyUSB2?baud=115200", "--sms: %v", err)
	}
	redial := &link.Redial{Dial: func(ctx context.Context) (link.Conn, error) { return link.Dial(ctx, addr, link.Options{}) }, Log: k.log, Max: 10 * time.Second}
	return func(receive func(from, text string)) agent.Modem {
		return sms.New(sms.Options{
			Dial:    func(ctx context.Context) (io.ReadWriteCloser, error) { return redial.Next(ctx) },
			Receive: receive, Log: k.log,
		})
	}, nil
}

// isAddress tells an address from a command line.
func isAddress(text string) bool {
	scheme, _, ok := strings.Cut(text, ":")
	return ok && scheme != "" && strings.Trim(scheme, "abcdefghijklmnopqrstuvwxyz") == "" && !strings.ContainsAny(text, " \t")
}

// smsCommand is a command that sends messages; it receives none.
type smsCommand struct {
	k    *call
	line string
}

func (smsCommand) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

func (c smsCommand) Send(ctx context.Context, p frame.SendSMS) error {
	b, err := json.Marshal(map[string]string{"to": p.Recipient, "text": p.Text, "format": p.Format})
	if err != nil {
		return err
	}
	if err := c.k.shell(ctx, c.line, append(b, '\n')); err != nil {
		c.k.log.Warn("sending an SMS", "error", err)
		return errors.New("the command that sends SMS has failed") // whose line is nobody's business
	}
	return nil
}
