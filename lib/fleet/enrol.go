package fleet

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"lander/lib/m3da"
	"lander/lib/m3da/envelope"
	"lander/lib/store"
	"lander/lib/trust"
)

// enrolled is the secret that a device got by its registration [M3DA 4.1],
// under fleetsecrets/<device>.
type enrolled struct {
	Device string `json:"device"`
	Secret []byte `json:"secret_b64"`
	// Used says that the device has proved that it has it. From then on the
	// registration password gets nobody another one.
	Used bool `json:"used"`

	rev store.Revision
}

func secretKey(device string) string { return "fleetsecrets/" + store.Word(device) }

// credentials are those of a device, false when it may not connect.
func (f *Fleet) credentials(id string) (Credentials, bool) {
	if f.o.Devices == nil {
		return Credentials{}, true
	}
	c, ok := f.o.Devices[id]
	if !ok || id == AnyDevice {
		c, ok = f.o.Devices[AnyDevice]
	}
	return c, ok
}

// loadEnrolled reads the secret of a device, nil when it has none.
func (f *Fleet) loadEnrolled(device string) (*enrolled, error) {
	e, err := f.o.Store.Get(f.ctx, secretKey(device))
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	x := &enrolled{rev: e.Rev}
	if err == nil {
		err = json.Unmarshal(e.Value, x)
	}
	if err == nil && len(x.Secret) != len(trust.M3DASecret{}) {
		err = errors.New("it has another length")
	}
	if err != nil {
		return nil, fmt.Errorf("reading the secret of %s: %w", device, err)
	}
	return x, nil
}

func (f *Fleet) saveEnrolled(x *enrolled) (err error) {
	x.rev, err = f.put(secretKey(x.Device), x, x.rev)
	return err
}

// enrolledKeys are the keys of a device that has registered. unused is its
// secret when it is not known yet that the device has it.
func (f *Fleet) enrolledKeys(id string, c Credentials) (keys m3da.Keys, unused *enrolled, ok bool) {
	if !isDeviceID(id) {
		return nil, nil, false
	}
	x, err := f.loadEnrolled(id)
	if err != nil {
		f.o.Log.Error("letting a device in", "device", id, "error", err)
	}
	if x == nil {
		return nil, nil, false
	}
	k, err := trust.M3DASecret(x.Secret).Keys(f.o.ServerID, id, c.Auth, c.Cipher)
	if err != nil {
		f.o.Log.Error("letting a device in", "device", id, "error", err)
		return nil, nil, false
	}
	if !x.Used {
		unused = x
	}
	return k.Side(trust.M3DAServer), unused, true
}

// confirm notes that a device has proved that it has its secret.
func (f *Fleet) confirm(c *connection) {
	x := c.enrolled
	if x == nil {
		return
	}
	c.enrolled = nil
	x.Used = true
	if err := f.saveEnrolled(x); err != nil && !errors.Is(err, store.ErrConflict) {
		f.o.Log.Error("noting that a device has its secret", "device", x.Device, "error", err)
	}
}

// register begins the registrations of devices.
func (f *Fleet) register() func(device string) (m3da.Enrolment, bool) {
	return func(id string) (m3da.Enrolment, bool) {
		c, ok := f.credentials(id)
		if !ok || c.Registration == nil || !isDeviceID(id) {
			return m3da.Enrolment{}, false
		}
		r, err := trust.NewM3DARegistration(trust.M3DAServer, c.Registration, f.o.ServerID, id)
		if err != nil {
			f.o.Log.Error("registering a device", "device", id, "error", err)
			return m3da.Enrolment{}, false
		}
		return m3da.Enrolment{Registration: r, Secret: func() (string, error) { return f.newSecret(id) }, Done: func() error {
			f.o.Log.Info("a device has registered", "device", id)
			return nil
		}}, true
	}
}

// errEnrolled is what a device is told that has used its secret: it, or
// whoever comes in its name, gets no other.
var errEnrolled = fmt.Errorf("the device has a secret already, and has used it: %w", &m3da.StatusError{Status: envelope.StatusForbidden})

// newSecret makes the secret of a device, durable before the device hears of
// it. One that the device has not used yet is given out again.
func (f *Fleet) newSecret(device string) (string, error) {
	for {
		x, err := f.loadEnrolled(device)
		switch {
		case err != nil:
			return "", err
		case x != nil && x.Used:
			return "", errEnrolled
		case x != nil:
			return string(x.Secret), nil
		}
		x = &enrolled{Device: device, Secret: make([]byte, len(trust.M3DASecret{}))}
		if _, err := io.ReadFull(f.o.Random, x.Secret); err != nil {
			return "", fmt.Errorf("making a secret: %w", err)
		}
		if err := f.saveEnrolled(x); err == nil {
			return string(x.Secret), nil
		} else if !errors.Is(err, store.ErrConflict) {
			return "", err
		}
	}
}
