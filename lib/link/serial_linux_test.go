package link_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"lander/lib/link"
)

// baud is the rate of a terminal as the kernel knows it.
func baud(t *testing.T, f *os.File) uint32 {
	t.Helper()
	rc, err := f.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var tio *unix.Termios
	if cerr := rc.Control(func(fd uintptr) { tio, err = unix.IoctlGetTermios(int(fd), unix.TCGETS2) }); cerr != nil || err != nil {
		t.Fatal(cerr, err)
	}
	if tio.Cflag&unix.CSIZE != unix.CS8 || tio.Cflag&(unix.PARENB|unix.CSTOPB|unix.CRTSCTS) != 0 {
		t.Errorf("not 8N1 without flow control: cflag %#x", tio.Cflag)
	}
	return tio.Ospeed
}

func TestSerialBaud(t *testing.T) {
	device, path := newPTY(t)
	for _, tt := range []struct {
		address, option int
		want            uint32
	}{{0, 0, 115200}, {0, 1_000_000, 1_000_000}, {9600, 1_000_000, 9600}, {74880, 0, 74880}} {
		c, err := link.Dial(t.Context(), link.Address{Scheme: link.Serial, Path: path, Baud: tt.address}, link.Options{Baud: tt.option})
		if err != nil {
			t.Fatal(err)
		}
		if got := baud(t, device); got != tt.want || c.Address().Baud != int(tt.want) {
			t.Errorf("%+v: rate %d, address %s", tt, got, c.Address())
		}
		for _, rate := range []int{460800, 921600, 123456} {
			if err := c.(*link.SerialPort).SetBaud(rate); err != nil || baud(t, device) != uint32(rate) {
				t.Errorf("set to %d: %d, %v", rate, baud(t, device), err)
			}
		}
		c.Close()
	}
}

// A script that is started while a port is open must not get hold of it.
func TestSerialIsNotInherited(t *testing.T) {
	_, path := newPTY(t)
	openSerial(t, path)
	out, err := exec.Command("ls", "-l", "/proc/self/fd").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if strings.Contains(string(out), path) || !strings.Contains(string(out), "1 -> ") {
		t.Errorf("the child has:\n%s", out)
	}
}
