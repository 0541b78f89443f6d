package frame

import (
	"fmt"
	"strings"
)

// Register asks for the messages to an asset [EMP 4, 2]. The name is the
// first segment of their paths: not empty, without dot, NUL or newline.
type Register struct{ Name string }

// Append implements Payload.
func (p Register) Append(dst []byte) []byte { return AppendString(dst, p.Name) }

// ParseRegister reads the payload of CmdRegister.
func ParseRegister(b []byte) (Register, error) {
	s, err := parseText(b, "asset name")
	if err != nil {
		return Register{}, err
	}
	switch {
	case s == "":
		return Register{}, &NameError{s, "is empty"}
	case strings.Contains(s, "."):
		return Register{}, &NameError{s, "has a dot"}
	case strings.ContainsAny(s, "\x00\r\n"):
		return Register{}, &NameError{s, "has a NUL or a newline"}
	}
	return Register{s}, nil
}

// NameError is a name that no asset can have. It unwraps to BAD_PARAMETER; a
// server answers it with a null body, as a name that is taken [EMP 3].
type NameError struct{ Name, Why string }

func (e *NameError) Error() string { return fmt.Sprintf("asset name %q %s", e.Name, e.Why) }

// Unwrap gives the Status.
func (*NameError) Unwrap() error { return StatusBadParameter }

// Unregister ends a Register [EMP 4, 3].
type Unregister struct{ Name string }

// Append implements Payload.
func (p Unregister) Append(dst []byte) []byte { return AppendString(dst, p.Name) }

// ParseUnregister reads the payload of CmdUnregister.
func ParseUnregister(b []byte) (Unregister, error) {
	s, err := parseText(b, "asset name")
	return Unregister{s}, err
}

func parseText(b []byte, what string) (string, error) {
	if s, ok := PlainString(b); ok {
		return string(s), nil
	}
	v, err := ParseValue(b)
	if err != nil {
		return "", err
	}
	s, ok := v.Str()
	if !ok {
		return "", badf("%s is %s, a string is wanted", what, v.Kind().some())
	}
	return s, nil
}

// ConnectToServer asks for a session with the server [EMP 4, 4]. With Wait
// the response comes when the session has ended; else the session begins
// Latency seconds from now. A negative latency is parsed: it is answered with
// StatusCommunicationError, not with the status of a bad payload.
type ConnectToServer struct {
	Wait    bool
	Latency int64 // seconds; 0 when Wait
}

// Append implements Payload.
func (p ConnectToServer) Append(dst []byte) []byte {
	if p.Wait {
		return Value{}.Append(dst)
	}
	return Int(p.Latency).Append(dst)
}

// ParseConnectToServer reads the payload of CmdConnectToServer.
func ParseConnectToServer(b []byte) (ConnectToServer, error) {
	v, err := ParseValue(b)
	if err != nil {
		return ConnectToServer{}, err
	}
	if v.IsNull() {
		return ConnectToServer{Wait: true}, nil
	}
	n, ok := v.Int()
	if !ok {
		return ConnectToServer{}, badf("latency is no integer")
	}
	return ConnectToServer{Latency: n}, nil
}

// Reboot asks for a reboot and says why [EMP 4, 50].
type Reboot struct{ Reason string }

// Append implements Payload.
func (p Reboot) Append(dst []byte) []byte {
	if p.Reason == "" {
		return Value{}.Append(dst)
	}
	return AppendString(dst, p.Reason)
}

// ParseReboot reads the payload of CmdReboot.
func ParseReboot(b []byte) (Reboot, error) {
	v, err := ParseValue(b)
	if err != nil {
		return Reboot{}, err
	}
	s, ok := v.Str()
	if !ok && !v.IsNull() {
		return Reboot{}, badf("reason is %s, a string is wanted", v.Kind().some())
	}
	return Reboot{s}, nil
}

// ClassMessage is the class that C clients demand of a SendData, and
// ClassResponse that of a Lua acknowledge [EMP 4, 1].
const (
	ClassMessage  = "AWT-DA::Message"
	ClassResponse = "Response"
)

// SendData carries a message of the server to an asset [EMP 4, 1]. Path
// begins with the asset's name.
type SendData struct {
	Class  string // "" is sent as ClassMessage
	Path   string
	Ticket int64 // 0: no acknowledge wanted
	Body   Value // a map
}

// Append implements Payload. Every field goes out in the spelling of the
// document and of C clients and in that of Lua clients.
func (p SendData) Append(dst []byte) []byte {
	class := p.Class
	if class == "" {
		class = ClassMessage
	}
	o := newObject(dst).text(class, "__class").text(p.Path, "Path", "path")
	if p.Ticket != 0 {
		o.number(p.Ticket, "TicketId", "ticketid")
	}
	body := p.Body
	if body.IsNull() {
		body = Map()
	}
	return o.value(body, "Body", "body").end()
}

// ParseSendData reads the payload of CmdSendData.
func ParseSendData(b []byte) (SendData, error) {
	f := parseFields(b)
	p := SendData{
		Class:  f.text(ClassMessage, "__class"),
		Path:   f.needText("Path", "path"),
		Ticket: f.number("TicketId", "ticketid"),
		Body:   f.get("Body", "body"),
	}
	if p.Class == "" {
		p.Class = ClassMessage
	}
	if m, ok := asMap(p.Body); ok {
		p.Body = m
	}
	if f.err != nil {
		return SendData{}, f.err
	}
	return p, nil
}
