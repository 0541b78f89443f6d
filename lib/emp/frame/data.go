package frame

// The names of the mandatory policies [EMP 5].
const (
	PolicyDefault = "default"
	PolicyNow     = "now"
	PolicyNever   = "never"
	PolicyOnBoot  = "on_boot"
	PolicyAll     = "*" // PFlush: all but never
)

// policyOr is the name, or the default that the command has for it.
func policyOr(name, missing string) string {
	if name == "" {
		return missing
	}
	return name
}

// PData pushes unstructured data [EMP 4, 30]. Data is a map, possibly nested
// and with dotted keys, or a scalar whose key is the last segment of Path.
type PData struct {
	Asset  string
	Policy string // "" is sent as PolicyDefault
	Path   string
	Data   Value
}

// Append implements Payload.
func (p PData) Append(dst []byte) []byte {
	return newObject(dst).text(p.Asset, "asset").
		text(policyOr(p.Policy, PolicyDefault), "policy", "queue").
		text(p.Path, "path").value(p.Data, "data").end()
}

// ParsePData reads the payload of CmdPData.
func ParsePData(b []byte) (PData, error) {
	f := parseFields(b)
	p := PData{
		Asset:  f.needText("asset"),
		Policy: policyOr(f.text("", "policy", "queue"), PolicyDefault),
		Path:   f.text("", "path"),
		Data:   f.get("data"),
	}
	switch {
	case f.err != nil:
	case p.Data.Kind() == KindList && p.Data.Len() > 0:
		f.fail("bad record key")
	case p.Data.Kind() == KindList:
		p.Data = Map()
	case p.Data.Scalar() && p.Path == "":
		f.fail("no path and no key")
	}
	if f.err != nil {
		return PData{}, f.err
	}
	return p, nil
}

// PFlush sends what waits for a policy [EMP 4, 32].
type PFlush struct{ Policy string }

// Append implements Payload.
func (p PFlush) Append(dst []byte) []byte {
	return newObject(dst).text(policyOr(p.Policy, PolicyDefault), "policy", "queue").end()
}

// ParsePFlush reads the payload of CmdPFlush; null is the default policy.
func ParsePFlush(b []byte) (PFlush, error) {
	f := parseFields(b)
	p := PFlush{policyOr(f.text("", "policy", "queue"), PolicyDefault)}
	if f.err != nil {
		return PFlush{}, f.err
	}
	return p, nil
}

// PAcknowledge answers a SendData that had a ticket [EMP 4, 33].
type PAcknowledge struct {
	Ticket    Value // an integer; the original lets any scalar pass
	Status    int64 // 0: fine
	Message   string
	Policy    string // "" is sent as PolicyNow
	Persisted bool
}

// Append implements Payload.
func (p PAcknowledge) Append(dst []byte) []byte {
	return newObject(dst).value(p.Ticket, "ticket").number(p.Status, "status").
		opt(p.Message, "message").
		text(policyOr(p.Policy, PolicyNow), "policy", "queue").
		flag(p.Persisted, "persisted").end()
}

// ParsePAcknowledge reads the payload of CmdPAcknowledge. A status of true is
// 0 and of false -1.
func ParsePAcknowledge(b []byte) (PAcknowledge, error) {
	f := parseFields(b)
	p := PAcknowledge{
		Ticket:    f.get("ticket"),
		Message:   f.text("", "message"),
		Policy:    policyOr(f.text("", "policy", "queue"), PolicyNow),
		Persisted: f.flag(false, "persisted"),
	}
	if p.Ticket.IsNull() {
		f.fail("ticket is missing")
	}
	if !p.Ticket.Scalar() {
		f.fail("ticket is %s", p.Ticket.Kind().some())
	}
	if ok, is := f.get("status").Bool(); !is {
		p.Status = f.number("status")
	} else if !ok {
		p.Status = -1
	}
	if f.err != nil {
		return PAcknowledge{}, f.err
	}
	return p, nil
}
