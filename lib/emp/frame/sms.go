package frame

// RegisterSMSListener asks for the messages whose sender and text match
// [EMP 4, 7]: Lua patterns, searched, not anchored; "" matches all.
type RegisterSMSListener struct {
	Sender string
	Text   string
}

// Append implements Payload.
func (p RegisterSMSListener) Append(dst []byte) []byte {
	return List(String(p.Sender), String(p.Text)).Append(dst)
}

// ParseRegisterSMSListener reads the payload of CmdRegisterSMSListener.
func ParseRegisterSMSListener(b []byte) (RegisterSMSListener, error) {
	a, err := parseArgs(b, 2)
	if err != nil {
		return RegisterSMSListener{}, err
	}
	from, err := a.text(0, "sender pattern")
	if err != nil {
		return RegisterSMSListener{}, err
	}
	text, err := a.text(1, "message pattern")
	if err != nil {
		return RegisterSMSListener{}, err
	}
	return RegisterSMSListener{from, text}, nil
}

// ListenerID is the body of the response to RegisterSMSListener and the
// payload of UnregisterSMSListener [EMP 4, 51].
type ListenerID int64

// Append implements Payload.
func (p ListenerID) Append(dst []byte) []byte { return Int(int64(p)).Append(dst) }

// ParseListenerID reads the payload of CmdUnregisterSMSListener, and the body
// of the response to CmdRegisterSMSListener.
func ParseListenerID(b []byte) (ListenerID, error) {
	v, err := ParseValue(b)
	if err != nil {
		return 0, err
	}
	n, ok := v.Int()
	if !ok {
		return 0, badf("listener id is no integer")
	}
	return ListenerID(n), nil
}

// NewSMS hands a message to the listener ID [EMP 4, 8].
type NewSMS struct {
	Sender string
	Text   string
	ID     ListenerID
}

// Append implements Payload.
func (p NewSMS) Append(dst []byte) []byte {
	return List(String(p.Sender), String(p.Text), Int(int64(p.ID))).Append(dst)
}

// ParseNewSMS reads the payload of CmdNewSMS.
func ParseNewSMS(b []byte) (NewSMS, error) {
	a, err := parseArgs(b, 3)
	if err != nil {
		return NewSMS{}, err
	}
	from, err := a.text(0, "sender")
	if err != nil {
		return NewSMS{}, err
	}
	text, err := a.text(1, "message")
	if err != nil {
		return NewSMS{}, err
	}
	id, err := a.needInt(2, "listener id")
	if err != nil {
		return NewSMS{}, err
	}
	return NewSMS{from, text, ListenerID(id)}, nil
}

// The formats of SendSMS. Others are parsed: they are answered NOT_AVAILABLE
// [EMP 3].
const (
	SMS7Bits = "7bits"
	SMS8Bits = "8bits"
	SMSUCS2  = "ucs2"
)

// SendSMS sends a message [EMP 4, 52].
type SendSMS struct {
	Recipient string
	Text      string
	Format    string
}

// KnownFormat tells whether the format is one of the three.
func (p SendSMS) KnownFormat() bool {
	return p.Format == SMS7Bits || p.Format == SMS8Bits || p.Format == SMSUCS2
}

// Append implements Payload.
func (p SendSMS) Append(dst []byte) []byte {
	return List(String(p.Recipient), String(p.Text), String(p.Format)).Append(dst)
}

// ParseSendSMS reads the payload of CmdSendSMS: three strings.
func ParseSendSMS(b []byte) (SendSMS, error) {
	a, err := parseArgs(b, 3)
	if err != nil {
		return SendSMS{}, err
	}
	var p SendSMS
	if p.Recipient, err = a.needText(0, "recipient"); err != nil {
		return SendSMS{}, err
	}
	if p.Text, err = a.needText(1, "message"); err != nil {
		return SendSMS{}, err
	}
	if p.Format, err = a.needText(2, "format"); err != nil {
		return SendSMS{}, err
	}
	return p, nil
}
