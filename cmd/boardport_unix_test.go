//go:build linux || darwin

package cmd_test

import (
	"net"

	"github.com/rogpeppe/go-internal/testscript"

	"lander/lib/nodemcu/nodemcutest"
)

func boardPort(ts *testscript.TestScript, b *nodemcutest.Board) (string, func()) {
	p, err := nodemcutest.NewPty(b, nodemcutest.Serving{})
	ts.Check(err)
	return p.Path, func() {
		if err := p.Close(); err != nil {
			ts.Logf("the board: %v", err)
		}
		if err := b.Err(); err != nil {
			ts.Logf("the simulation: %v", err)
		}
	}
}

// dialLoopback is the network of boards: every host is this one.
func dialLoopback(_, port string) (net.Conn, error) { return net.Dial("tcp", "127.0.0.1:"+port) }

func romPort(ts *testscript.TestScript, r *nodemcutest.ROM) (string, func()) {
	p, err := nodemcutest.NewROMPty(r)
	ts.Check(err)
	return p.Path, func() {
		if err := p.Close(); err != nil {
			ts.Logf("the chip: %v", err)
		}
	}
}
