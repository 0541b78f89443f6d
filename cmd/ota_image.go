package cmd

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"lander/lib/flash"
	"lander/lib/link"
	"lander/lib/nodemcu/rom"
)

// maxImage is the largest flash chip that boards have.
const maxImage = 16 << 20

// parseImage takes FILE@OFFSET apart; -1: where the prompt says.
func parseImage(s string) (file string, offset int64, err error) {
	at := strings.LastIndexByte(s, '@')
	if at <= 0 {
		return "", 0, usagef("fs.img@0x100000, or fs.img@auto to ask the prompt", "--image %q has no offset", s)
	}
	file, text := s[:at], s[at+1:]
	if text == "auto" {
		return file, -1, nil
	}
	offset, perr := strconv.ParseInt(text, 0, 64)
	if perr != nil || offset < 0 || offset >= maxImage {
		return "", 0, usagef("fs.img@0x100000", "--image: %q is no offset", text)
	}
	return file, offset, nil
}

// flashImage is --image.
func (k *call) flashImage() error {
	c := k.cli
	if len(k.args) > 0 {
		return usagef("", "--image takes no directory, but %q is given", k.args[0])
	}
	if c.Bool("verify-only") {
		return usagef("--dry-run says where it would go", "--verify-only does not go with --image")
	}
	for _, f := range []string{"compile", "set", "device-config", "register", "no-init", "run"} {
		if k.conf.origin(f) == "flag" {
			return usagef("flash the image, then the client", "--%s is of a client and its files: it does not go with --image", f)
		}
	}
	path, offset, err := parseImage(c.String("image"))
	if err != nil {
		return err
	}
	content, err := k.readInput(path, "the image", maxImage)
	if err != nil {
		return err
	}
	if len(content) == 0 {
		return invalidf("", "%s is empty", path)
	}
	fast, err := parseFast(c.String("fast"))
	if err != nil {
		return err
	}
	conn, err := k.flashPort()
	if err != nil {
		return err
	}
	defer conn.Close()
	port, ok := conn.(*link.SerialPort)
	if !ok {
		return usagef("serial:///dev/ttyUSB0", "--image needs a serial port: the ROM loader is entered by its modem lines")
	}
	var wait time.Duration
	if c.IsSet("wait") {
		wait = c.Duration("wait")
	}
	bar := k.progressBar("writing")
	r, err := flash.Image(k.ctx, port, flash.ImageOptions{
		Content: content, Offset: offset, Force: c.Bool("force"), DryRun: c.Bool("dry-run"),
		Baud: c.Int("baud"), Fast: fast, Wait: wait, Log: k.log, Show: func(done int) { bar.set(done, len(content)) },
	})
	bar.clear()
	if err != nil {
		return k.flashFault(err)
	}
	return k.ui.result(r, func(w io.Writer) {
		if c.Bool("dry-run") {
			fmt.Fprintf(w, "would write %d bytes at %#x\n", r.Bytes, r.Offset)
			return
		}
		fmt.Fprintf(w, "%s: %d bytes at %#x, verified by %s, %d ms\n", r.Chip, r.Bytes, r.Offset, r.Verified, r.ElapsedMS)
	})
}

// imageExit tells a ROM that said no from a board that was lost.
func imageExit(err error) exitCode {
	if _, ok := errors.AsType[*rom.StatusError](err); ok {
		return exitRejected
	}
	return exitInterrupted
}
