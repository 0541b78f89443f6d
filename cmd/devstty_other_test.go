//go:build !linux

package cmd_test

import "github.com/rogpeppe/go-internal/testscript"

func devsTTY(ts *testscript.TestScript, _ bool, _ []string) { ts.Fatalf("no pty here") }
