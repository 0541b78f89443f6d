package link

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strings"
)

// serialNames are the drivers' names of what can be a serial port, each
// followed by a number.
var serialNames = []string{"ttyACM", "ttyAMA", "ttyHS", "ttyLP", "ttyO", "ttyPS", "ttyS", "ttySC", "ttyTHS", "ttyUSB", "ttymxc", "rfcomm"}

func listPorts() ([]Port, error) { return sysfsPorts("/sys", "/dev") }

// sysfsPorts reads what the kernel says about the ports. The serial library
// would open and reconfigure each ttyS to find out whether it is real, which
// may be the console that somebody works at.
func sysfsPorts(sys, dev string) ([]Port, error) {
	class := filepath.Join(sys, "class", "tty")
	entries, err := os.ReadDir(class)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var ports []Port
	for _, e := range entries {
		if !isSerialName(e.Name()) {
			continue
		}
		// Without hardware there is no device below the name. One that is
		// pulled out meanwhile is no error either.
		device, err := filepath.EvalSymlinks(filepath.Join(class, e.Name(), "device"))
		if err != nil || !hasHardware(filepath.Join(class, e.Name()), e.Name(), device) {
			continue
		}
		p := Port{Path: path.Join(dev, e.Name())}
		describeUSB(&p, device)
		ports = append(ports, p)
	}
	sort.Slice(ports, func(i, j int) bool { return compareNames(ports[i].Path, ports[j].Path) < 0 })
	return ports, nil
}

func isSerialName(name string) bool {
	base := strings.TrimRight(name, "0123456789")
	return base != name && slices.Contains(serialNames, base)
}

// hasHardware tells the ttyS that are there from those that the driver keeps
// in stock: its type is 0, PORT_UNKNOWN. Where only root may read the type,
// those in stock hang below the platform device serial8250.
func hasHardware(entry, name, device string) bool {
	if !strings.HasPrefix(name, "ttyS") || strings.HasPrefix(name, "ttySC") {
		return true
	}
	if b, err := os.ReadFile(filepath.Join(entry, "type")); err == nil {
		return strings.TrimSpace(string(b)) != "0"
	}
	return !strings.Contains(device+"/", "/platform/serial8250/")
}

// describeUSB fills in what the USB device says of itself, which is the first
// directory above the port's that has an idVendor.
func describeUSB(p *Port, device string) {
	for dir := device; len(dir) > 1; dir = filepath.Dir(dir) {
		vid := attribute(dir, "idVendor")
		if vid == "" {
			continue
		}
		p.VID, p.PID = strings.ToUpper(vid), strings.ToUpper(attribute(dir, "idProduct"))
		p.Product, p.Manufacturer, p.Serial = attribute(dir, "product"), attribute(dir, "manufacturer"), attribute(dir, "serial")
		return
	}
}

// attribute reads one line of sysfs; a device may write anything there.
func attribute(dir, name string) string {
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return ""
	}
	clean := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\uFFFD' {
			return -1
		}
		return r
	}, strings.TrimSpace(string(b)))
	return clean[:min(len(clean), 128)]
}

// compareNames puts ttyUSB2 before ttyUSB10.
func compareNames(a, b string) int {
	if len(a) != len(b) && strings.TrimRight(a, "0123456789") == strings.TrimRight(b, "0123456789") {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}
