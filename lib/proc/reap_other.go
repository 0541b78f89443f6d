//go:build !linux

package proc

import "os/exec"

// reap waits for the leader and then sweeps its group. Without a wait that
// does not reap, the sweep can only come after.
func reap(cmd *exec.Cmd) error {
	err := cmd.Wait()
	killGroup(cmd.Process.Pid)
	return err
}
