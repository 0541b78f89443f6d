package flash

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// pollTime is longer than the provisioning service takes to look at its tree
// again.
const pollTime = 1500 * time.Millisecond

// register tells the provisioning service of the board, before the board has
// the configuration that it needs there.
func (w *work) register() error {
	if w.o.Register == nil || w.secret == "" || w.report.Registered != "" {
		return nil
	}
	path, err := w.o.Register.write(w.report.Device.Chip, w.secret)
	if err != nil {
		return fmt.Errorf("registering the board: %w", err)
	}
	w.report.Registered, w.registeredAt = path, w.o.Now()
	return nil
}

// reached are the client's words when the provisioning service took its call.
const reached = "Connected to provisioning service"

// lines of the board that a StartError quotes.
const quoted = 8

// start restarts the board and waits for the client's words. It speaks only
// when DEBUG is set, which is typed in the half second before it acts; a client
// that looks only once is started anew.
func (w *work) start(ctx context.Context) error {
	wait := w.o.RunWait
	if wait == 0 {
		wait = 30 * time.Second
	}
	if w.report.Registered != "" {
		if err := w.c.Pause(ctx, pollTime-w.o.Now().Sub(w.registeredAt)); err != nil {
			return err
		}
	}
	if err := w.c.Restart(ctx); err != nil {
		return err
	}
	line := "DEBUG=true"
	switch {
	case w.o.NoInit:
		line += ` require "luaOTA.check"`
	case !w.o.Own:
		line += ` if stopOTA then stopOTA()end package.loaded["luaOTA.check"]=nil require "luaOTA.check"`
	}
	said, err := w.c.Type(ctx, line, 10*time.Second)
	if err != nil {
		return err
	}
	var printed []string
	look := func(text string) bool {
		text = strings.Join(strings.Fields(strings.TrimPrefix(text, "> ")), " ")
		if strings.Contains(text, reached) {
			w.report.Started = text
			return true
		}
		if text != "" && !strings.Contains(text, line) {
			printed = append(printed, text)
			printed = printed[max(0, len(printed)-quoted):]
		}
		return false
	}
	// What comes before the banner are the boot ROM's words, at another rate.
	said = said[max(0, strings.Index(said, "\nNodeMCU ")):]
	ok := slices.ContainsFunc(strings.Split(said, "\n"), look)
	if !ok {
		if ok, err = w.c.Watch(ctx, wait, look); err != nil {
			return err
		}
	}
	if !ok {
		return &StartError{printed}
	}
	return nil
}
