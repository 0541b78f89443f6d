package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"lander/lib/emp"
	"lander/lib/emp/frame"
	"lander/lib/job"
	"lander/lib/proc"
)

func empListenCommand() *cli.Command {
	return verb{
		name:     "listen",
		usage:    "be an application of the agent: take what it sends",
		operands: "[PATH...]",
		about: `Registers the asset that each PATH begins with, and the variables of --variable, and prints
one JSON object a line for each command that the agent sends. With --exec, CMD gets the
payload on its standard input and the command's name in LANDER_COMMAND, and decides the
answer: exit code 0 is OK, 1 to 19 are the EMP status of that number, negated. A
SoftwareUpdate gets its result from the exit code: 0 is 200, N is 480+N, at most 499.
With --ack, each SendData that has a ticket is acknowledged with the status of its answer,
and without --exec each SoftwareUpdate is reported as done.`,
		flags: []cli.Flag{
			connectFlag(defaultEMP),
			&cli.DurationFlag{Name: "wait", Usage: "keep trying to connect for `DUR`"},
			&cli.StringSliceFlag{Name: "variable", Usage: "be told when the variable or node `PATH` changes (repeatable)"},
			&cli.StringSliceFlag{Name: "sms", Usage: "receive SMS whose sender and text have the Lua patterns `PHONE:TEXT` (repeatable)"},
			&cli.BoolFlag{Name: "updates", Usage: "be told how software updates go"},
			&cli.BoolFlag{Name: "ack", Usage: "acknowledge each SendData"},
			&cli.IntFlag{Name: "count", Usage: "end after `N` commands"},
			&cli.StringFlag{Name: "exec", Usage: "run `CMD` with sh for each command"},
		},
		max:   -1,
		exits: []exitCode{exitUnreachable, exitRejected},
		examples: []example{
			{"lander emp listen --variable config.app", "follow a subtree"},
			{"lander emp listen --exec 'jq . >> seen.json' greenhouse", "handle what is sent to the asset greenhouse"},
		},
		run: runEMPListen,
	}.command()
}

// listening is the application that emp listen is.
type listening struct {
	k     *call
	paths []string
	proc  proc.Runner

	turn <-chan struct{} // closed when the command before is done with; Answer's alone
	mu   sync.Mutex
	seen int
	full chan struct{}
}

// answerPatience is how long the agent may take to read the last response.
const answerPatience = 10 * time.Second

func runEMPListen(k *call) error {
	l := &listening{k: k, paths: k.args, full: make(chan struct{})}
	if len(k.args)+len(k.cli.StringSlice("variable"))+len(k.cli.StringSlice("sms")) == 0 && !k.cli.Bool("updates") {
		return usagef("lander emp listen ASSET, or --variable PATH", "nothing to listen for")
	}
	peer, err := k.dialEMP(k.ctx, k.cli.String("connect"), k.cli.Duration("wait"), emp.Options{Handler: l})
	if err != nil {
		return err
	}
	defer hangUp(peer)
	if err := l.register(peer); err != nil {
		return err
	}
	select {
	case <-l.full:
		// The last command is counted before its response is written.
		ctx, cancel := context.WithTimeout(k.ctx, answerPatience)
		defer cancel()
		if peer.Drain(ctx) != nil && k.ctx.Err() != nil {
			return k.stopped()
		}
		return nil
	case <-peer.Done():
		return &fault{exit: exitUnreachable, msg: "the agent closed the connection"}
	case <-k.ctx.Done():
		return k.stopped()
	}
}

func (l *listening) register(peer *emp.Peer) error {
	call := func(cmd frame.Command, payload []byte) error {
		r, err := peer.Call(l.k.ctx, cmd, payload)
		if err != nil {
			return callFault(cmd, err)
		}
		return rejected(cmd, r)
	}
	done := map[string]bool{}
	for _, p := range l.paths {
		asset, _, _ := strings.Cut(p, ".")
		if done[asset] {
			continue
		}
		done[asset] = true
		if err := call(frame.CmdRegister, frame.Register{Name: asset}.Append(nil)); err != nil {
			return err
		}
	}
	if vars := l.k.cli.StringSlice("variable"); len(vars) > 0 {
		if err := call(frame.CmdRegisterVariable, frame.RegisterVariable{Watch: vars}.Append(nil)); err != nil {
			return err
		}
	}
	for _, s := range l.k.cli.StringSlice("sms") {
		phone, text, _ := strings.Cut(s, ":")
		if err := call(frame.CmdRegisterSMSListener, frame.RegisterSMSListener{Sender: phone, Text: text}.Append(nil)); err != nil {
			return err
		}
	}
	if l.k.cli.Bool("updates") {
		return call(frame.CmdRegisterUpdateListener, nil)
	}
	return nil
}

// Answer implements emp.Handler.
func (l *listening) Answer(_ []byte, r *emp.Request) ([]byte, error) {
	payload, err := l.k.asked(r)
	if err != nil {
		return nil, err
	}
	cmd, peer := r.Command, r.Peer()
	// A script sees one command after the other, as they came.
	before, done := l.turn, make(chan struct{})
	l.turn = done
	return r.Go(func(ctx context.Context) ([]byte, error) {
		defer close(done)
		if before != nil {
			<-before
		}
		var err error
		if l.k.cli.String("exec") != "" {
			err = l.exec(ctx, cmd, payload)
		}
		err = l.followUp(ctx, peer, cmd, payload, err)
		return nil, l.take(cmd, payload, err)
	})
}

// followUp sends what the agent waits for after a command, before the command
// is answered, and returns the answer.
func (l *listening) followUp(ctx context.Context, peer *emp.Peer, cmd frame.Command, payload []byte, answer error) error {
	ack, exec := l.k.cli.Bool("ack"), l.k.cli.String("exec") != ""
	switch {
	case cmd == frame.CmdSendData && ack:
		p, err := frame.ParseSendData(payload)
		if err != nil || p.Ticket == 0 {
			return answer
		}
		status, text := emp.StatusOf(answer)
		l.report(ctx, peer, frame.CmdPAcknowledge, frame.PAcknowledge{Ticket: frame.Int(p.Ticket), Status: int64(status), Message: text})
	case cmd == frame.CmdSoftwareUpdate && (ack || exec):
		p, err := frame.ParseSoftwareUpdate(payload)
		if err != nil {
			return answer
		}
		code := int64(200)
		if status, _ := emp.StatusOf(answer); status != frame.StatusOK {
			code = min(480-int64(status), 499)
		}
		l.report(ctx, peer, frame.CmdSoftwareUpdateResult, frame.SoftwareUpdateResult{Component: p.Component, Code: code})
		return nil // it was taken; the result says the rest
	}
	return answer
}

func (l *listening) report(ctx context.Context, peer *emp.Peer, cmd frame.Command, p frame.Payload) {
	r, err := peer.Call(ctx, cmd, p.Append(nil))
	if err == nil {
		err = r.Err()
	}
	if err != nil {
		l.k.ui.warn("", "%s: %v", cmd, err)
	}
}

// take prints a command and counts it. answer is what it is answered with.
func (l *listening) take(cmd frame.Command, payload []byte, answer error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.k.cli.Int("count")
	if n > 0 && l.seen >= n {
		return answer
	}
	status, _ := emp.StatusOf(answer)
	b, err := json.Marshal(map[string]any{
		"time": job.Time{Time: time.Now()}, "command": cmd.String(), "payload": json.RawMessage(payload), "status": int(status),
	})
	if err != nil {
		return frame.StatusUnspecifiedError
	}
	if _, err := l.k.out.Write(append(b, '\n')); err != nil {
		return frame.StatusIOError
	}
	l.seen++
	if n > 0 && l.seen == n {
		close(l.full)
	}
	return answer
}

func (l *listening) exec(ctx context.Context, cmd frame.Command, payload []byte) error {
	env := append(os.Environ(), "LANDER_COMMAND="+cmd.String())
	o := l.proc.Exec(ctx, proc.Command{Argv: []string{"/bin/sh", "-c", l.k.cli.String("exec")}, Env: env},
		job.Streams{Stdin: io.MultiReader(bytes.NewReader(payload), strings.NewReader("\n")), Stdout: l.k.streams.err, Stderr: l.k.streams.err})
	switch {
	case o.Err == nil:
		return nil
	case o.ExitCode != nil && *o.ExitCode <= 19:
		return frame.Status(-*o.ExitCode)
	}
	return frame.Errorf(frame.StatusUnspecifiedError, "%s", fmt.Sprint(o.Err))
}
