package sms_test

import (
	"context"
	"io"
	"testing"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"lander/lib/link"
	"lander/lib/sms"
	"lander/lib/sms/pdu"
)

// The whole conversation over a serial device.
func TestSerial(t *testing.T) {
	device, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer device.Close()
	path := tty.Name()
	defer tty.Close()
	// As a modem's line is: without echo.
	attr, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	attr.Lflag &^= unix.ECHO | unix.ICANON
	attr.Iflag &^= unix.ICRNL
	attr.Oflag &^= unix.OPOST
	if err := unix.IoctlSetTermios(int(tty.Fd()), unix.TCSETS, attr); err != nil {
		t.Fatal(err)
	}
	m := &modem{t: t, store: map[int]string{1: deliver(t, "+111", pdu.Unit{Coding: pdu.Octets, Data: []byte("kept")})}}
	go m.serve(device)
	addr, err := link.Parse("serial://" + path)
	if err != nil {
		t.Fatal(err)
	}
	var d *sms.Modem
	d, came := start(t, m, func(ctx context.Context) (io.ReadWriteCloser, error) { return link.Dial(ctx, addr, link.Options{}) })
	conversation(t, m, d, came)
}
