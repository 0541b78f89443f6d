//go:build !linux && !darwin

package cmd_test

import (
	"net"

	"github.com/rogpeppe/go-internal/testscript"

	"lander/lib/nodemcu/nodemcutest"
)

func boardPort(ts *testscript.TestScript, _ *nodemcutest.Board) (string, func()) {
	ts.Fatalf("there is no pty on this system")
	return "", nil
}

func dialLoopback(_, port string) (net.Conn, error) { return net.Dial("tcp", "127.0.0.1:"+port) }

func romPort(ts *testscript.TestScript, _ *nodemcutest.ROM) (string, func()) {
	ts.Fatalf("there is no pty on this system")
	return "", nil
}
