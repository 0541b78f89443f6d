//go:build !unix

package luavm

import "os/exec"

func ownGroup(*exec.Cmd) {}

func waitStatus(e *exec.ExitError) int { return e.ExitCode() }
