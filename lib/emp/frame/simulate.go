package frame

// The values of Simulate.Command.
const (
	SimulateSendData     = "senddata"
	SimulateSMS          = "sms"
	SimulateUpdate       = "update"
	SimulateUpdateStatus = "updatestatus"
)

// Simulate makes an agent that was started for development send a command to
// its applications (extension 101). Command says which of the other fields
// count; the body of the response is what the application answered.
type Simulate struct {
	Command string

	Data   SendData             // SimulateSendData
	SMS    NewSMS               // SimulateSMS; the agent finds the listeners
	Update SoftwareUpdate       // SimulateUpdate
	Status SoftwareUpdateStatus // SimulateUpdateStatus
}

// Append implements Payload.
func (p Simulate) Append(dst []byte) []byte {
	o := newObject(dst).text(p.Command, "command")
	switch p.Command {
	case SimulateSendData:
		body := p.Data.Body
		if body.IsNull() {
			body = Map()
		}
		o.text(p.Data.Path, "path").number(p.Data.Ticket, "ticket").value(body, "body")
	case SimulateSMS:
		o.text(p.SMS.Sender, "from").text(p.SMS.Text, "text")
	case SimulateUpdate:
		o.text(p.Update.Component, "component").text(p.Update.Version, "version").
			text(p.Update.Location, "file")
		if !p.Update.Params.IsNull() {
			o.value(p.Update.Params, "params")
		}
	case SimulateUpdateStatus:
		o.number(p.Status.Event, "code").text(p.Status.Details, "details")
	}
	return o.end()
}

// ParseSimulate reads the payload of CmdSimulate.
func ParseSimulate(b []byte) (Simulate, error) {
	f := parseFields(b)
	p := Simulate{Command: f.needText("command")}
	switch p.Command {
	case SimulateSendData:
		p.Data = SendData{
			Class:  ClassMessage,
			Path:   f.needText("path"),
			Ticket: f.number("ticket"),
			Body:   f.dict("body"),
		}
	case SimulateSMS:
		p.SMS = NewSMS{Sender: f.needText("from"), Text: f.text("", "text")}
	case SimulateUpdate:
		p.Update = SoftwareUpdate{
			Component: f.needText("component"),
			Version:   f.text("", "version"),
			Location:  f.text("", "file"),
		}
		if !f.get("params").IsNull() {
			p.Update.Params = f.dict("params")
		}
	case SimulateUpdateStatus:
		p.Status = SoftwareUpdateStatus{f.number("code"), f.text("", "details")}
	default:
		f.fail("no such command to simulate: %q", p.Command)
	}
	if f.err != nil {
		return Simulate{}, f.err
	}
	return p, nil
}
