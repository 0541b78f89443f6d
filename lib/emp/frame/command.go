package frame

import (
	"fmt"
	"strconv"
	"strings"
)

// Command is a command id, 2 bytes on the wire.
type Command uint16

// The commands of EMP [EMP 4].
const (
	CmdSendData               Command = 1
	CmdRegister               Command = 2
	CmdUnregister             Command = 3
	CmdConnectToServer        Command = 4
	CmdRegisterSMSListener    Command = 7
	CmdNewSMS                 Command = 8
	CmdGetVariable            Command = 9
	CmdSetVariable            Command = 10
	CmdRegisterVariable       Command = 11
	CmdNotifyVariable         Command = 12
	CmdDeRegisterVariable     Command = 13
	CmdSoftwareUpdate         Command = 20
	CmdSoftwareUpdateResult   Command = 21
	CmdSoftwareUpdateStatus   Command = 22
	CmdSoftwareUpdateRequest  Command = 23
	CmdRegisterUpdateListener Command = 24

	CmdUnregisterUpdateListener Command = 25

	CmdPData                 Command = 30
	CmdPFlush                Command = 32
	CmdPAcknowledge          Command = 33
	CmdTableNew              Command = 40
	CmdTableRow              Command = 41
	CmdTableSetMaxRows       Command = 43
	CmdTableReset            Command = 44
	CmdConsoNew              Command = 45
	CmdConsoTrigger          Command = 46
	CmdSendTrigger           Command = 47
	CmdReboot                Command = 50
	CmdUnregisterSMSListener Command = 51
	CmdSendSMS               Command = 52
)

// Commands of our own; other agents answer StatusNotImplemented.
const (
	CmdExecuteScript   Command = 100
	CmdSimulate        Command = 101
	CmdExecutionStatus Command = 102
	CmdStopExecution   Command = 103
)

// PrivateFirst to PrivateLast are never spoken on a public connection: they
// belong to the link between a process and the script child it started.
const (
	PrivateFirst Command = 200
	PrivateLast  Command = 239
)

// Private reports whether c lies in the private range.
func (c Command) Private() bool { return c >= PrivateFirst && c <= PrivateLast }

// String is the name of the command, or "command N".
func (c Command) String() string {
	if in := c.entry(); in != nil {
		return in.Name
	}
	return fmt.Sprintf("command %d", uint16(c))
}

// Direction says who sends a command.
type Direction uint8

// The directions.
const (
	ToAgent       Direction = iota + 1 // an application sends it
	ToApplication                      // the agent sends it
)

func (d Direction) String() string {
	switch d {
	case ToAgent:
		return "application to agent"
	case ToApplication:
		return "agent to application"
	}
	return "unknown"
}

// Lookup finds a command by its name, in any case, or by its number, which
// need not be a known one.
func Lookup(name string) (Command, bool) {
	for i := range catalog {
		if strings.EqualFold(catalog[i].Name, name) {
			return catalog[i].Command, true
		}
	}
	if strings.EqualFold(name, "UnregisterVariable") { // the original's code says so
		return CmdDeRegisterVariable, true
	}
	n, err := strconv.ParseUint(name, 10, 16)
	return Command(n), err == nil
}

// Direction says who sends c; 0 for an unknown command.
func (c Command) Direction() Direction {
	if in := c.entry(); in != nil {
		return in.Direction
	}
	return 0
}

func (c Command) entry() *Info {
	for i := range catalog {
		if catalog[i].Command == c {
			return &catalog[i]
		}
	}
	return nil
}
