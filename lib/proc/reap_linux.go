package proc

import (
	"os/exec"

	"golang.org/x/sys/unix"
)

// reap waits for the leader of a group and sweeps the group before it is
// reaped: until then its id cannot belong to anybody else. Whoever of it
// still lives belongs to a run that is over, and holds its pipes open.
func reap(cmd *exec.Cmd) error {
	for unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
	killGroup(cmd.Process.Pid)
	return cmd.Wait()
}
