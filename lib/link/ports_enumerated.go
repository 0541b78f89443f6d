//go:build !linux && !darwin

package link

import (
	"cmp"
	"slices"
	"strings"

	"go.bug.st/serial/enumerator"
)

// listPorts asks the serial library.
func listPorts() ([]Port, error) {
	details, err := enumerator.GetDetailedPortsList()
	if err != nil {
		return nil, err
	}
	var ports []Port
	for _, d := range details {
		if d.Name == "" {
			continue
		}
		path := d.Name
		if !strings.HasPrefix(path, "/") {
			path = "/" + path // COM3, see deviceName
		}
		ports = append(ports, Port{Path: path, Product: d.Product, Manufacturer: d.Manufacturer, VID: d.VID, PID: d.PID, Serial: d.SerialNumber})
	}
	slices.SortFunc(ports, func(a, b Port) int {
		return cmp.Or(cmp.Compare(len(a.Path), len(b.Path)), cmp.Compare(a.Path, b.Path))
	})
	return ports, nil
}
