package frame

// SoftwareUpdate hands a component to the asset that its name begins with
// [EMP 4, 20]. Version and Location are empty to remove the component.
type SoftwareUpdate struct {
	Component string
	Version   string
	Location  string // path or URL, with an optional :user@password
	Params    Value  // a map, or null when there are none
}

// Append implements Payload. Missing strings go out as empty ones, as the
// document says: C clients demand three strings.
func (p SoftwareUpdate) Append(dst []byte) []byte {
	vs := []Value{String(p.Component), String(p.Version), String(p.Location)}
	if !p.Params.IsNull() {
		vs = append(vs, p.Params)
	}
	return List(vs...).Append(dst)
}

// ParseSoftwareUpdate reads the payload of CmdSoftwareUpdate, and the
// original's removal without strings.
func ParseSoftwareUpdate(b []byte) (SoftwareUpdate, error) {
	a, err := parseArgs(b, 4)
	if err != nil {
		return SoftwareUpdate{}, err
	}
	var p SoftwareUpdate
	if p.Component, err = a.needText(0, "component"); err != nil {
		return SoftwareUpdate{}, err
	}
	if p.Version, err = a.text(1, "version"); err != nil {
		return SoftwareUpdate{}, err
	}
	if p.Location, err = a.text(2, "location"); err != nil {
		return SoftwareUpdate{}, err
	}
	if v := a.at(3); !v.IsNull() {
		m, ok := asMap(v)
		if !ok {
			return SoftwareUpdate{}, badf("parameters are %s, a map is wanted", v.Kind().some())
		}
		p.Params = m
	}
	return p, nil
}

// SoftwareUpdateResult is what came of a SoftwareUpdate [EMP 4, 21]: 200 is
// success, every other code fails the whole update.
type SoftwareUpdateResult struct {
	Component string
	Code      int64
}

// Append implements Payload.
func (p SoftwareUpdateResult) Append(dst []byte) []byte {
	return List(String(p.Component), Int(p.Code)).Append(dst)
}

// ParseSoftwareUpdateResult reads the payload of CmdSoftwareUpdateResult.
func ParseSoftwareUpdateResult(b []byte) (SoftwareUpdateResult, error) {
	a, err := parseArgs(b, 2)
	if err != nil {
		return SoftwareUpdateResult{}, err
	}
	c, err := a.needText(0, "component")
	if err != nil {
		return SoftwareUpdateResult{}, err
	}
	n, err := a.needInt(1, "result code")
	if err != nil {
		return SoftwareUpdateResult{}, err
	}
	return SoftwareUpdateResult{c, n}, nil
}

// The events of SoftwareUpdateStatus [EMP 4, 22].
const (
	UpdateNew                = 0
	UpdateDownloadInProgress = 1
	UpdateDownloadOK         = 2
	UpdateCRCOK              = 3
	UpdateInProgress         = 4 // details: the component
	UpdateFailed             = 5 // details: the reason
	UpdateSuccessful         = 6
	UpdatePaused             = 7
)

// SoftwareUpdateStatus tells the listeners how an update goes [EMP 4, 22].
type SoftwareUpdateStatus struct {
	Event   int64
	Details string
}

// Append implements Payload.
func (p SoftwareUpdateStatus) Append(dst []byte) []byte {
	return List(Int(p.Event), String(p.Details)).Append(dst)
}

// ParseSoftwareUpdateStatus reads the payload of CmdSoftwareUpdateStatus.
func ParseSoftwareUpdateStatus(b []byte) (SoftwareUpdateStatus, error) {
	a, err := parseArgs(b, 2)
	if err != nil {
		return SoftwareUpdateStatus{}, err
	}
	n, err := a.needInt(0, "event")
	if err != nil {
		return SoftwareUpdateStatus{}, err
	}
	s, err := a.text(1, "details")
	if err != nil {
		return SoftwareUpdateStatus{}, err
	}
	return SoftwareUpdateStatus{n, s}, nil
}

// UpdateAction is the payload of SoftwareUpdateRequest [EMP 4, 23].
type UpdateAction int64

// The actions.
const (
	UpdatePause  UpdateAction = 0
	UpdateResume UpdateAction = 1
	UpdateAbort  UpdateAction = 2
)

// Append implements Payload.
func (p UpdateAction) Append(dst []byte) []byte { return Int(int64(p)).Append(dst) }

// ParseUpdateAction reads the payload of CmdSoftwareUpdateRequest.
func ParseUpdateAction(b []byte) (UpdateAction, error) {
	v, err := ParseValue(b)
	if err != nil {
		return 0, err
	}
	n, ok := v.Int()
	if !ok || n < int64(UpdatePause) || n > int64(UpdateAbort) {
		return 0, badf("no such update request: %v", v.Kind())
	}
	return UpdateAction(n), nil
}
