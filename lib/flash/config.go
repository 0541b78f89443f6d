package flash

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"lander/lib/durable"
	"lander/lib/luaota"
	"lander/lib/luaota/record"
)

// maxConfig is what the original client reads of config.json [luaOTA 8].
const maxConfig = 1024

// defaultPort is that of the provisioning service.
const defaultPort = 8266

// Register writes the manifest of a new board into the tree of the provisioning
// service, with a fresh secret. The manifest of a board that is known is left
// as it is, and the board gets the secret that it names.
type Register struct {
	Dir    string
	Server string // address of the service for the board's configuration, when it has none
	Port   int
}

// manifest is ESP-<decimal chip id>.json.
func (r *Register) manifest(chip string) string {
	return filepath.Join(r.Dir, "ESP-"+chip+".json")
}

// TreeError is a manifest in the tree of the provisioning service that cannot be
// used.
type TreeError struct {
	Path string
	Err  error
}

func (e *TreeError) Error() string { return e.Path + ": " + e.Err.Error() }

// Unwrap gives the cause.
func (e *TreeError) Unwrap() error { return e.Err }

// read reads a manifest; nil: it is not there. It must have the member.
func (r *Register) read(path, member string) (record.Object, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, &TreeError{path, durable.Cause(err)}
	}
	o, err := record.ParseObject(b)
	if err == nil && o.Get(member) == "" {
		err = fmt.Errorf("it has no %s", member)
	}
	if err != nil {
		return nil, &TreeError{path, err}
	}
	return o, nil
}

// secret is what the tree has for the board; "" when it does not know it.
func (r *Register) secret(chip string) (string, error) {
	o, err := r.read(r.manifest(chip), "secret")
	if o == nil || err != nil {
		return "", err
	}
	if s := o.Text("secret"); s != "" {
		return s, nil
	}
	return "", &TreeError{r.manifest(chip), errors.New("its secret is no text, or empty")}
}

// write makes the manifest: that of default.json with the board's own secret.
func (r *Register) write(chip, secret string) (string, error) {
	o, err := r.read(filepath.Join(r.Dir, "default.json"), "files")
	if err != nil {
		return "", err
	}
	if o == nil {
		o = record.Object{{Key: "secret", Value: record.String(secret)}, {Key: "files", Value: "[]"}}
	}
	o = o.With("old_secrets", "").With("secret", record.String(secret))
	path := r.manifest(chip)
	return path, durable.WriteFile(path, append(o.Append(nil), '\n'), 0o600)
}

// freshSecret is 128 bits from the system, in 32 characters: the original's
// server breaks on more than 64 [luaOTA 2].
func freshSecret() string {
	var b [16]byte
	rand.Read(b[:]) // it never fails
	return hex.EncodeToString(b[:])
}

// config is the config.json that the board should have; nil: the one it has.
func (w *work) config() ([]byte, []string, error) {
	o := w.o.Config
	if o == nil {
		if len(w.o.Set) == 0 && w.o.Register == nil {
			if w.base == nil {
				return nil, []string{"the board has no luaOTA/config.json, and none is given: --device-config FILE, or --set ssid=... --set server=... with the secrets"}, nil
			}
			return nil, w.lacking(w.base), nil
		}
		o = w.base
	}
	for _, m := range w.o.Set {
		o = o.With(m.Key, m.Value)
	}
	var problems []string
	if r := w.o.Register; r != nil {
		var err error
		if o, problems, err = w.registered(r, o); err != nil {
			return nil, nil, err
		}
	}
	if o.Get("port") == "" {
		o = o.With("port", record.Int(defaultPort))
	}
	text := append(o.Append(nil), '\n')
	problems = append(problems, w.lacking(o)...)
	if len(text) > maxConfig {
		problems = append(problems, fmt.Sprintf("%s has %d bytes, and a client reads %d", luaota.ConfigName, len(text), maxConfig))
	}
	return text, problems, nil
}

// registered fills in what the registration knows.
func (w *work) registered(r *Register, o record.Object) (record.Object, []string, error) {
	chip := w.report.Device.Chip
	if chip == "" {
		return o, []string{"the board does not say its chip id, and cannot be registered"}, nil
	}
	known, err := r.secret(chip)
	if err != nil {
		return o, nil, fmt.Errorf("registering the board: %w", err)
	}
	given := w.o.Set.Text("secret")
	if given == "" {
		given = w.o.Config.Text("secret")
	}
	switch {
	case known != "" && given != "" && known != given:
		return o, []string{fmt.Sprintf("%s has another secret than the one given", r.manifest(chip))}, nil
	case known != "" && known != w.secret: // else it is from this very run
		w.secret = ""
		o = o.With("secret", record.String(known))
	default:
		if w.secret == "" {
			if w.secret = given; given == "" {
				w.secret = freshSecret()
			}
		}
		o = o.With("secret", record.String(w.secret))
	}
	if o.Text("server") == "" && r.Server != "" {
		o = o.With("server", record.String(r.Server))
	}
	if o.Get("port") == "" && r.Port != 0 {
		o = o.With("port", record.Int(int64(r.Port)))
	}
	return o, nil, nil
}

// lacking says what a client needs and a configuration has not [OTA 3.6].
func (w *work) lacking(o record.Object) []string {
	var out []string
	for _, k := range []string{"ssid", "server", "secret"} {
		if o.Text(k) == "" {
			out = append(out, fmt.Sprintf("the configuration has no %s", k))
		}
	}
	if o.Get("port") != "" {
		if n, ok := o.Get("port").Int(); !ok || n < 1 || n > 65535 {
			out = append(out, fmt.Sprintf("the configuration's port is %s", o.Get("port")))
		}
	}
	if len(o.Text("secret")) > 64 {
		out = append(out, "the secret has more than 64 bytes, which the original's server does not take")
	}
	if strings.Contains(o.Text("secret"), `\`) {
		out = append(out, "the secret has a backslash, which a board that is updated does not write back correctly")
	}
	if !w.o.Own {
		for _, k := range []string{"ssid", "spwd"} {
			if strings.Contains(o.Text(k), `\`) {
				out = append(out, fmt.Sprintf("%s has a backslash, which the original's client does not escape", k))
			}
		}
	}
	return out
}
