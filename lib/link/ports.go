package link

import (
	"fmt"
	"strings"
)

// Port is a serial port of this machine. What is not known is empty.
type Port struct {
	Path         string // device, as in serial://PATH
	Product      string // USB: as the device calls itself
	Manufacturer string // USB
	VID, PID     string // USB: 4 upper hex digits each
	Serial       string // USB: serial number
}

// String is the device and what is known about it, for people.
func (p Port) String() string {
	var about []string
	for _, s := range []string{p.Manufacturer, p.Product} {
		if s != "" {
			about = append(about, s)
		}
	}
	if p.VID != "" {
		about = append(about, p.VID+":"+p.PID)
	}
	if p.Serial != "" {
		about = append(about, "serial "+p.Serial)
	}
	if len(about) == 0 {
		return p.Path
	}
	return p.Path + " (" + strings.Join(about, ", ") + ")"
}

// Address is the address that opens p.
func (p Port) Address() Address { return Address{Scheme: Serial, Path: p.Path} }

// Ports lists the serial ports that have hardware behind them, in the order of
// their names. It opens none of them.
func Ports() ([]Port, error) {
	ports, err := listPorts()
	if err != nil {
		return nil, fmt.Errorf("listing the serial ports: %w", err)
	}
	return ports, nil
}

// AutoError says that serial:auto cannot tell which port is meant.
type AutoError struct {
	Ports []Port // none, or two and more
}

func (e *AutoError) Error() string {
	if len(e.Ports) == 0 {
		return "serial:auto: no serial port found"
	}
	names := make([]string, len(e.Ports))
	for i, p := range e.Ports {
		names[i] = p.String()
	}
	return fmt.Sprintf("serial:auto: %d serial ports found: %s", len(e.Ports), strings.Join(names, ", "))
}

// Is makes it ErrAmbiguous, and ErrGone when there is no port at all: that may
// change when the cable is put in.
func (e *AutoError) Is(target error) bool {
	return target == ErrAmbiguous || target == ErrGone && len(e.Ports) == 0
}

func autoPort() (string, error) {
	ports, err := Ports()
	if err != nil {
		return "", err
	}
	return onlyPort(ports)
}

func onlyPort(ports []Port) (string, error) {
	if len(ports) != 1 {
		return "", &AutoError{ports}
	}
	return ports[0].Path, nil
}
