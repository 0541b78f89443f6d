package link

import (
	"path/filepath"
	"strings"
)

// listPorts lists the call-out devices: the library's enumerator needs cgo
// here. The ones that every Mac has lead nowhere.
func listPorts() ([]Port, error) {
	paths, err := filepath.Glob("/dev/cu.*") // sorted
	if err != nil {
		return nil, err
	}
	var ports []Port
	for _, p := range paths {
		switch name := strings.TrimPrefix(p, "/dev/cu."); name {
		case "Bluetooth-Incoming-Port", "debug-console", "wlan-debug":
		default:
			ports = append(ports, Port{Path: p})
		}
	}
	return ports, nil
}
