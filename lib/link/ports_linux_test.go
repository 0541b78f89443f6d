package link

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sysfs builds a tree like the kernel's: files with their content, and
// symbolic links, given as "-> target".
func sysfs(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		var err error
		if target, ok := cutLink(content); ok {
			err = os.Symlink(filepath.Join(root, target), path)
		} else {
			err = os.WriteFile(path, []byte(content), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func cutLink(s string) (string, bool) {
	if len(s) > 3 && s[:3] == "-> " {
		return s[3:], true
	}
	return "", false
}

func TestSysfsPorts(t *testing.T) {
	const usb = "devices/pci0000:00/usb1/1-1"
	root := sysfs(t, map[string]string{
		// A converter: tty below the interface's ttyUSB0.
		usb + "/idVendor":               "1a86\n",
		usb + "/idProduct":              "7523\n",
		usb + "/product":                "USB\x1b[31m Serial\n",
		usb + "/1-1:1.0/ttyUSB0/driver": "",
		"class/tty/ttyUSB0/device":      "-> " + usb + "/1-1:1.0/ttyUSB0",
		"devices/usb2/2-1/idVendor":     "10c4\n",
		"devices/usb2/2-1/idProduct":    "ea60\n",
		"devices/usb2/2-1/product":      "CP2102\n",
		"devices/usb2/2-1/manufacturer": "Silicon Labs\n",
		"devices/usb2/2-1/serial":       "0001\n",
		"devices/usb2/2-1/2-1:1.0/x":    "",
		"class/tty/ttyUSB10/device":     "-> devices/usb2/2-1/2-1:1.0",
		"class/tty/ttyACM0/device":      "-> devices/usb2/2-1/2-1:1.0",
		"devices/platform/soc/uart/x":   "",
		"class/tty/ttyAMA0/device":      "-> devices/platform/soc/uart",
		"devices/pnp0/00:04/x":          "",
		"class/tty/ttyS0/device":        "-> devices/pnp0/00:04", // type unreadable: real
		"devices/platform/serial8250/x": "",
		"class/tty/ttyS1/device":        "-> devices/platform/serial8250", // type unreadable: in stock
		"class/tty/ttyS2/device":        "-> devices/platform/serial8250",
		"class/tty/ttyS2/type":          "4\n", // old, but there
		"class/tty/ttyS3/device":        "-> devices/pnp0/00:04",
		"class/tty/ttyS3/type":          "0\n",
		"class/tty/ttyUSB9/device":      "-> devices/gone",
		"class/tty/ttyUSB7/dev":         "188:7\n", // no device
		"class/tty/tty0/device":         "-> devices/pnp0/00:04",
		"class/tty/hvc0/device":         "-> devices/pnp0/00:04",
		"class/tty/ttyUSB/device":       "-> devices/pnp0/00:04",
		"class/tty/ptmx/dev":            "5:2\n",
		"class/tty/ttyprintk/device":    "-> devices/pnp0/00:04",
	})
	got, err := sysfsPorts(root, "/dev")
	if err != nil {
		t.Fatal(err)
	}
	cp := Port{Product: "CP2102", Manufacturer: "Silicon Labs", VID: "10C4", PID: "EA60", Serial: "0001"}
	acm, usb10 := cp, cp
	acm.Path, usb10.Path = "/dev/ttyACM0", "/dev/ttyUSB10"
	want := []Port{acm, {Path: "/dev/ttyAMA0"}, {Path: "/dev/ttyS0"}, {Path: "/dev/ttyS2"},
		{Path: "/dev/ttyUSB0", Product: "USB[31m Serial", VID: "1A86", PID: "7523"}, usb10}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("ports (-want +got):\n%s", d)
	}
	if none, err := sysfsPorts(filepath.Join(root, "nowhere"), "/dev"); err != nil || none != nil {
		t.Errorf("no sysfs: %v, %v", none, err)
	}
}

func TestOnlyPort(t *testing.T) {
	one := Port{Path: "/dev/ttyUSB0", Manufacturer: "Silicon Labs", Product: "CP2102", VID: "10C4", PID: "EA60", Serial: "7"}
	two := Port{Path: "/dev/ttyACM0"}
	if path, err := onlyPort([]Port{one}); err != nil || path != one.Path {
		t.Errorf("one: %q, %v", path, err)
	}
	for _, tt := range []struct {
		ports []Port
		text  string
		gone  bool
	}{
		{nil, "serial:auto: no serial port found", true},
		{[]Port{one, two}, "serial:auto: 2 serial ports found: /dev/ttyUSB0 (Silicon Labs, CP2102, 10C4:EA60, serial 7), /dev/ttyACM0", false},
	} {
		path, err := onlyPort(tt.ports)
		ae, ok := errors.AsType[*AutoError](err)
		if path != "" || !ok || len(ae.Ports) != len(tt.ports) || err.Error() != tt.text || !errors.Is(err, ErrAmbiguous) || errors.Is(err, ErrGone) != tt.gone {
			t.Errorf("%d ports: %q, %v", len(tt.ports), path, err)
		}
	}
}

func TestPortsOfThisMachine(t *testing.T) {
	ports, err := Ports()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range ports {
		if a, err := Parse(p.Address().String()); err != nil || a != p.Address() {
			t.Errorf("%s: %+v, %v", p, a, err)
		}
	}
}
