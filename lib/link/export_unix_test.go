//go:build unix

package link

import "go.bug.st/serial"

// OpenByLibrary opens a port the way of systems where the runtime cannot wait
// for its descriptor.
func OpenByLibrary(path string) (*SerialPort, error) {
	port, claim, _, err := openPort(path, &serial.Mode{BaudRate: DefaultBaud, DataBits: 8})
	if err != nil {
		return nil, err
	}
	return newSerialPort(Address{Scheme: Serial, Path: path}, port, claim, nil), nil
}
