package link

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"time"

	"go.bug.st/serial"
)

// SerialPort is a Conn to a serial port: 8 data bits, no parity, 1 stop bit,
// no flow control. Opening it asserts DTR and RTS, as the system does, and
// leaves them so.
type SerialPort struct {
	duplex
	address Address
	port    serial.Port
	claim   io.Closer // what keeps other processes out
	ops     *stream   // lends its turns and its write deadline to the operations
}

// duplex is what reads and writes the port: the descriptor itself where the Go
// runtime can wait for it, else a stream over the library's calls, which know
// no deadline, and wait in a select that cannot take descriptors over 1023.
type duplex interface {
	io.ReadWriter
	SetReadDeadline(t time.Time) error
	SetWriteDeadline(t time.Time) error
}

// PortError is a fault of one serial port. Err is one of ErrBusy, ErrGone,
// ErrPermission and ErrNotSerial, or wraps what the system says.
type PortError struct {
	Port string // the device
	Err  error
}

func (e *PortError) Error() string { return fmt.Sprintf("serial port %s: %v", e.Port, e.Err) }

// Unwrap gives Err.
func (e *PortError) Unwrap() error { return e.Err }

// openSerial opens the device of a, or the only one there is.
func openSerial(a Address, o Options) (*SerialPort, error) {
	if a.Path == Auto {
		port, err := autoPort()
		if err != nil {
			return nil, err
		}
		a.Path = port
	}
	if a.Baud == 0 {
		a.Baud = o.Baud
	}
	if a.Baud == 0 {
		a.Baud = DefaultBaud
	}
	name := deviceName(a.Path)
	port, claim, file, err := openPort(name, &serial.Mode{BaudRate: a.Baud, DataBits: 8})
	if err != nil {
		return nil, portError(name, err)
	}
	return newSerialPort(a, port, claim, file), nil
}

// newSerialPort reads and writes file, or by the library's calls when it is
// nil.
func newSerialPort(a Address, port serial.Port, claim io.Closer, file *os.File) *SerialPort {
	p := &SerialPort{address: a, port: port, claim: claim}
	name := deviceName(a.Path)
	if file != nil {
		p.duplex, p.ops = portFile{name, file}, newStream(nil, nil)
	} else {
		p.ops = newStream(namedPort{name, port}, namedPort{name, port})
		p.duplex = p.ops
	}
	return p
}

// namedPort puts the port's name into the errors of the library's calls.
type namedPort struct {
	name string
	port serial.Port
}

func (p namedPort) Read(b []byte) (int, error) {
	n, err := p.port.Read(b)
	return n, portError(p.name, err)
}

// Write goes on where a signal cut a blocked call short.
func (p namedPort) Write(b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var m int
		m, err = p.port.Write(b[n:])
		if n += m; m == 0 && err == nil {
			err = io.ErrShortWrite
		}
	}
	return n, portError(p.name, err)
}

// portFile does the same for a descriptor.
type portFile struct {
	name string
	file *os.File
}

func (f portFile) Read(b []byte) (int, error) {
	n, err := f.file.Read(b)
	if err == io.EOF {
		err = ErrGone // what a port gives that was pulled out
	}
	return n, portError(f.name, err)
}

func (f portFile) Write(b []byte) (int, error) {
	n, err := f.file.Write(b)
	return n, portError(f.name, err)
}

func (f portFile) SetReadDeadline(t time.Time) error {
	return portError(f.name, f.file.SetReadDeadline(t))
}

func (f portFile) SetWriteDeadline(t time.Time) error {
	return portError(f.name, f.file.SetWriteDeadline(t))
}

// portError sorts what the serial library and the system say.
func portError(name string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return os.ErrDeadlineExceeded
	case errors.Is(err, fs.ErrClosed):
		return net.ErrClosed
	}
	sort := err
	if pe, ok := errors.AsType[*serial.PortError](err); ok {
		switch pe.Code() {
		case serial.PortBusy:
			sort = ErrBusy
		case serial.PortNotFound, serial.PortClosed:
			sort = ErrGone // closed, but not by us: the device was pulled out
		case serial.PermissionDenied:
			sort = ErrPermission
		case serial.InvalidSerialPort:
			sort = ErrNotSerial
		}
	}
	switch {
	case sort != err:
	case errors.Is(err, ErrBusy), errors.Is(err, ErrNotSerial), errors.Is(err, ErrGone):
	case isGone(err), errors.Is(err, fs.ErrNotExist):
		sort = ErrGone
	case errors.Is(err, fs.ErrPermission):
		sort = ErrPermission
	default:
		if pe, ok := errors.AsType[*fs.PathError](err); ok {
			sort = pe.Err
		}
	}
	if sort == ErrPermission {
		sort = fmt.Errorf("%w (%s)", ErrPermission, permissionHint)
	}
	return &PortError{Port: name, Err: sort}
}

// Address implements Conn: the device that was opened, and the rate it was
// opened with.
func (p *SerialPort) Address() Address { return p.address }

// SetWriteDeadline implements Conn. It is also the deadline of the operations
// below.
func (p *SerialPort) SetWriteDeadline(t time.Time) error {
	if err := p.ops.SetWriteDeadline(t); err != nil || p.duplex == duplex(p.ops) {
		return err
	}
	return p.duplex.SetWriteDeadline(t)
}

// SetBaud changes the rate of both directions. What was written before should
// be drained first.
func (p *SerialPort) SetBaud(baud int) error {
	return p.do(func() error { return p.port.SetMode(&serial.Mode{BaudRate: baud, DataBits: 8}) })
}

// SetDTR sets the line Data Terminal Ready; true asserts it. A port without
// modem lines takes it as done.
func (p *SerialPort) SetDTR(on bool) error {
	return p.do(func() error { return lineless(p.port.SetDTR(on)) })
}

// SetRTS sets the line Request To Send, like SetDTR.
func (p *SerialPort) SetRTS(on bool) error {
	return p.do(func() error { return lineless(p.port.SetRTS(on)) })
}

// Drain waits until everything written has left the port, or for the write
// deadline.
func (p *SerialPort) Drain() error { return p.do(p.port.Drain) }

// Discard forgets what has been received and not read yet.
func (p *SerialPort) Discard() error {
	err := p.do(p.port.ResetInputBuffer)
	p.ops.discard()
	return err
}

// do runs op, which may block in the driver, under the write deadline.
func (p *SerialPort) do(op func() error) error {
	return p.ops.exclusive(func() error {
		_, err := p.ops.fly(func() (int, error) { return 0, portError(p.address.Path, op()) })
		return err
	})
}

// closeWait bounds how long Close tries to get a blocked call out of a driver.
const closeWait = time.Second

// Close implements Conn. It waits for what the port still does, unless a
// driver keeps a call for longer than a second.
func (p *SerialPort) Close() error {
	if !p.ops.shut() {
		return nil
	}
	// Closing the port below a call does not wake it: throw away what it
	// waits to write.
	for until := time.Now().Add(closeWait); p.ops.aloft() && time.Now().Before(until); time.Sleep(time.Millisecond) {
		p.port.ResetOutputBuffer()
	}
	err := portError(p.address.Path, p.port.Close())
	p.ops.readers.Wait()
	return errors.Join(err, p.claim.Close())
}
