package sovd

import (
	"errors"
	"fmt"
	"time"

	"github.com/BurntSushi/toml"
)

// AuthFile is the TOML of --auth [formats: Auth file].
type AuthFile struct {
	Auth struct {
		RequireFor    string `toml:"require_auth_for"`
		Algorithm     string `toml:"algorithm"`
		SecretFile    string `toml:"secret_file"`
		PublicKeyFile string `toml:"public_key_file"`
		Issuer        string `toml:"issuer"`
		Access        int64  `toml:"token_expiry_seconds"`
		Refresh       int64  `toml:"refresh_token_expiry_seconds"`
	} `toml:"auth"`
	Clients []struct {
		ID      string `toml:"id"`
		Role    string `toml:"role"`
		Hash    string `toml:"secret_hash"`
		Enabled *bool  `toml:"enabled"`
	} `toml:"client"`
}

// ParseAuthFile reads the text of an auth file. A key that is not known is an
// error.
func ParseAuthFile(text []byte) (AuthFile, error) {
	var f AuthFile
	meta, err := toml.Decode(string(text), &f)
	if pe, ok := errors.AsType[toml.ParseError](err); ok {
		return AuthFile{}, fmt.Errorf("line %d: %s", pe.Position.Line, pe.Message)
	}
	if err != nil {
		return AuthFile{}, err
	}
	if extra := meta.Undecoded(); len(extra) > 0 {
		return AuthFile{}, fmt.Errorf("unknown key %s", extra[0])
	}
	return f, nil
}

// Options makes options of the file; keys, store and clock are the caller's.
func (f AuthFile) Options() AuthOptions {
	o := AuthOptions{
		RequireFor: f.Auth.RequireFor, Algorithm: f.Auth.Algorithm, Issuer: f.Auth.Issuer,
		Access: time.Duration(f.Auth.Access) * time.Second, Refresh: time.Duration(f.Auth.Refresh) * time.Second,
	}
	for _, c := range f.Clients {
		o.Clients = append(o.Clients, Client{ID: c.ID, Role: c.Role, Hash: c.Hash, Disabled: c.Enabled != nil && !*c.Enabled})
	}
	return o
}
