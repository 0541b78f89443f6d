package fleet

import (
	"errors"
	"fmt"
	"slices"

	"github.com/BurntSushi/toml"

	"lander/lib/m3da"
	"lander/lib/trust"
)

// Credentials are how a device and the gateway prove to each other who they
// are. The zero value is a plain session.
type Credentials struct {
	Auth     string // one of trust.M3DAAuths
	Cipher   string // one of trust.M3DACiphers
	Password []byte
	// Registration is the password with which devices that have none of their
	// own get one; see enrol.
	Registration []byte
}

func (c Credentials) keys(server, device string) (m3da.Keys, error) {
	if c.Auth == "" || c.Password == nil {
		return nil, nil
	}
	k, err := trust.NewM3DASecret(c.Password).Keys(server, device, c.Auth, c.Cipher)
	if err != nil {
		return nil, fmt.Errorf("the keys of %s: %w", device, err)
	}
	return k.Side(trust.M3DAServer), nil
}

// AnyDevice is the id of the credentials of all devices that have none of
// their own.
const AnyDevice = "*"

// ErrCredentials is wrapped by every fault of a credentials file.
var ErrCredentials = errors.New("credentials")

// MaxCredentials bounds a credentials file, in bytes.
const MaxCredentials = 64 << 20

// ParseCredentials reads a credentials file:
//
//	[[device]]
//	id = "gw-17"
//	auth = "hmac-sha1"         # or hmac-md5; "" for a plain session
//	cipher = "aes-ctr-256"     # or another one; "": payloads are not enciphered
//	password_file = "gw-17.pw"
//
//	[[device]]
//	id = "*"                   # all others
//	auth = "hmac-sha1"
//	registration_file = "r.pw" # in place of a password: they get one when they come first
//
// password reads a password file. A key that is not known is an error.
func ParseCredentials(text []byte, password func(path string) ([]byte, error)) (map[string]Credentials, error) {
	if len(text) > MaxCredentials {
		return nil, fmt.Errorf("%w: %d bytes, at most %d are read", ErrCredentials, len(text), MaxCredentials)
	}
	var file struct {
		Device []struct {
			ID           string `toml:"id"`
			Auth         string `toml:"auth"`
			Cipher       string `toml:"cipher"`
			PasswordFile string `toml:"password_file"`
			Registration string `toml:"registration_file"`
		} `toml:"device"`
	}
	meta, err := toml.Decode(string(text), &file)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCredentials, err)
	}
	if un := meta.Undecoded(); len(un) > 0 {
		return nil, fmt.Errorf("%w: unknown key %s", ErrCredentials, un[0])
	}
	out := map[string]Credentials{}
	for _, d := range file.Device {
		c := Credentials{Auth: d.Auth, Cipher: d.Cipher}
		_, twice := out[d.ID]
		switch {
		case d.ID == "":
			return nil, fmt.Errorf("%w: a device without id", ErrCredentials)
		case len(d.ID) > maxDeviceID:
			return nil, fmt.Errorf("%w: the id %.40q... is longer than %d bytes", ErrCredentials, d.ID, maxDeviceID)
		case !isDeviceID(d.ID):
			return nil, fmt.Errorf("%w: the id %q has a control character", ErrCredentials, d.ID)
		case twice:
			return nil, fmt.Errorf("%w: the device %s is there twice", ErrCredentials, d.ID)
		case !slices.Contains(trust.M3DAAuths, d.Auth):
			return nil, fmt.Errorf("%w: device %s: auth %q is not known", ErrCredentials, d.ID, d.Auth)
		case !slices.Contains(trust.M3DACiphers, d.Cipher):
			return nil, fmt.Errorf("%w: device %s: cipher %q is not known", ErrCredentials, d.ID, d.Cipher)
		case d.Auth == "" && (d.Cipher != "" || d.PasswordFile != "" || d.Registration != ""):
			return nil, fmt.Errorf("%w: device %s: a cipher or a password without auth", ErrCredentials, d.ID)
		case d.PasswordFile != "" && d.Registration != "":
			return nil, fmt.Errorf("%w: device %s: password_file and registration_file exclude each other", ErrCredentials, d.ID)
		case d.Auth != "" && d.PasswordFile == "" && d.Registration == "":
			return nil, fmt.Errorf("%w: device %s: password_file is missing, or registration_file", ErrCredentials, d.ID)
		case d.ID == AnyDevice && d.Registration == "":
			return nil, fmt.Errorf("%w: device %s: registration_file is missing", ErrCredentials, d.ID)
		}
		for _, p := range []struct {
			file string
			into *[]byte
		}{{d.PasswordFile, &c.Password}, {d.Registration, &c.Registration}} {
			if p.file == "" {
				continue
			}
			if *p.into, err = password(p.file); err != nil {
				return nil, fmt.Errorf("%w: device %s: %w", ErrCredentials, d.ID, err)
			}
			if len(*p.into) == 0 {
				return nil, fmt.Errorf("%w: device %s: the password in %s is empty", ErrCredentials, d.ID, p.file)
			}
		}
		out[d.ID] = c
	}
	return out, nil
}
