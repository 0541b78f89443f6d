package cmd

import "github.com/urfave/cli/v2"

// devsCommand is everything about DeviceScript devices.
func devsCommand() *cli.Command {
	return group("devs", "deploy programs to DeviceScript devices, and see what they do",
		devsListCommand(), devsDeployCommand(), devsLogsCommand(), devsStatusCommand(), devsStartCommand(), devsStopCommand(),
		devsResetCommand(), devsReadCommand(), devsSimulateCommand())
}
