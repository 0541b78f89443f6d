package link

import (
	"errors"
	"io"
	"os"
	"strings"

	"go.bug.st/serial"
	"golang.org/x/sys/windows"
)

const permissionHint = "is another program using it?"

// deviceName is COM3 of serial:///COM3.
func deviceName(path string) string { return strings.TrimPrefix(path, "/") }

// openPort opens the device, which Windows does for one process only.
func openPort(name string, mode *serial.Mode) (port serial.Port, claim io.Closer, file *os.File, err error) {
	port, err = serial.Open(name, mode)
	return port, claimed{}, nil, err
}

// claimed is a claim that needs no closing of its own.
type claimed struct{}

func (claimed) Close() error { return nil }

func lineless(err error) error { return err }

func isGone(err error) bool {
	for _, gone := range []error{windows.ERROR_ACCESS_DENIED, windows.ERROR_BAD_COMMAND, windows.ERROR_GEN_FAILURE,
		windows.ERROR_DEVICE_NOT_CONNECTED, windows.ERROR_INVALID_HANDLE, windows.ERROR_NO_SUCH_DEVICE} {
		if errors.Is(err, gone) {
			return true
		}
	}
	return false
}
