// Package devs speaks with DeviceScript managers: it selects devices on a
// Jacdac bus, deploys programs and verifies that they arrived, starts and stops
// them, and follows what they print. A Board is the other side: a device of
// our own that answers as the service's document says.
//
// Numbers on the wire are little endian. Register and event numbers are those
// of the document "DeviceScript Manager" (service 1134ea2b).
package devs

import (
	"encoding/binary"
	"fmt"
)

// Service classes.
const (
	ClassManager = 0x1134ea2b
	ClassLogger  = 0x12dc1fca
)

// Registers of the manager service.
const (
	RegRunning        = 0x80  // u8
	RegAutostart      = 0x81  // u8, 1 after each reset
	RegLogging        = 0x82  // u8; not in every runtime
	RegStatusCode     = 0x103 // u16 code, u16 vendor code
	RegProgramSize    = 0x180 // u32, 0: none
	RegProgramHash    = 0x181 // u32, FNV-1a
	RegProgramSHA256  = 0x182 // 32 bytes, zero: none
	RegRuntimeVersion = 0x183 // u16 patch, u8 minor, u8 major; newer runtimes
	RegProgramName    = 0x184 // string; newer runtimes
	RegProgramVersion = 0x185 // string; newer runtimes
)

// Registers and commands of the control service, which every device has.
const (
	RegDescription     = 0x180 // string
	RegProductID       = 0x181 // u32
	RegFirmwareVersion = 0x185 // string
	RegUptime          = 0x186 // u64, microseconds

	CmdControlNoop     = 0x80
	CmdControlIdentify = 0x81
	CmdControlReset    = 0x82
)

// Commands of the manager service.
const (
	CmdDeployBytecode = 0x80 // u32 size -> u16 port
	CmdReadBytecode   = 0x81 // 8 bytes host id, u16 host port, u16 0
	CmdLogMessage     = 0x82 // report: u8 counter, u8 flags, text
)

// logContinued is the flag of a log message that goes on in the next one.
const logContinued = 0x01

// Events of the manager service.
const (
	EventProgramChange = 0x03
	EventStatusCode    = 0x04 // u16 code, u16 vendor code
	EventProgramPanic  = 0x80 // u32 panic code, u32 program counter
)

// Reports of the logger service, by priority.
const (
	CmdLoggerDebug    = 0x80
	CmdLoggerError    = 0x83
	RegLoggerPriority = 0x80
)

// Status is the status code of a manager.
type Status uint16

// The status codes that a manager has.
const (
	StatusReady    Status = 0 // a program runs
	StatusSleeping Status = 3 // there is a program; it does not run
	StatusWaiting  Status = 4 // there is no program
)

func (s Status) String() string {
	switch s {
	case StatusReady:
		return "ready"
	case StatusSleeping:
		return "sleeping"
	case StatusWaiting:
		return "waiting for a program"
	}
	return fmt.Sprintf("status %d", uint16(s))
}

// PanicCode is why a program ended.
type PanicCode uint32

// Panic codes of the runtime; others are the program's own.
const (
	PanicReboot        PanicCode = 60000
	PanicTimeout       PanicCode = 60001
	PanicMemory        PanicCode = 60004
	PanicException     PanicCode = 60005
	PanicStackOverflow PanicCode = 60006
)

func (c PanicCode) String() string {
	switch c {
	case 0, PanicReboot:
		return "reboot"
	case PanicTimeout:
		return "timeout: no sleep for too long"
	case PanicMemory:
		return "out of memory"
	case PanicException:
		return "unhandled exception"
	case PanicStackOverflow:
		return "stack overflow"
	}
	return fmt.Sprintf("panic %d", uint32(c))
}

// Version is that of a runtime or of bytecode.
type Version struct {
	Major, Minor uint8
	Patch        uint16
}

func (v Version) String() string { return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch) }

// parseVersion reads patch, minor, major.
func parseVersion(b []byte) (Version, bool) {
	if len(b) < 4 {
		return Version{}, false
	}
	return Version{Major: b[3], Minor: b[2], Patch: binary.LittleEndian.Uint16(b)}, true
}

func (v Version) bytes() []byte {
	return append(binary.LittleEndian.AppendUint16(nil, v.Patch), v.Minor, v.Major)
}
