package cmd

import (
	"path/filepath"
	"testing"
)

func TestPlaces(t *testing.T) {
	for _, c := range []struct {
		name                 string
		goos                 string
		root                 bool
		env                  map[string]string
		config, trust, state string
	}{
		{"a user", "linux", false, map[string]string{"HOME": "/home/u"}, "/home/u/.config/lander", "/home/u/.config/lander/trust", "/home/u/.local/state/lander"},
		{"a user with XDG", "linux", false, map[string]string{"HOME": "/home/u", "XDG_CONFIG_HOME": "/c", "XDG_STATE_HOME": "/s"}, "/c/lander", "/c/lander/trust", "/s/lander"},
		{"root", "linux", true, map[string]string{"HOME": "/root"}, "/root/.config/lander", "/etc/lander/trust", "/var/lib/lander"},
		{"root with XDG", "linux", true, map[string]string{"HOME": "/root", "XDG_CONFIG_HOME": "/c", "XDG_STATE_HOME": "/s"}, "/c/lander", "/c/lander/trust", "/s/lander"},
		{"nobody's home", "linux", false, nil, "/etc/lander", "/etc/lander/trust", "/var/lib/lander"},
		{"no directory of Windows elsewhere", "linux", false, map[string]string{"AppData": "/a", "ProgramData": "/p"}, "/etc/lander", "/etc/lander/trust", "/var/lib/lander"},
		{"Windows", "windows", false, map[string]string{"AppData": "/a", "LocalAppData": "/l", "ProgramData": "/p"}, "/a/lander", "/a/lander/trust", "/l/lander"},
		{"a shell with a home on Windows", "windows", false, map[string]string{"HOME": "/h", "AppData": "/a"}, "/h/.config/lander", "/h/.config/lander/trust", "/h/.local/state/lander"},
		{"a service on Windows", "windows", false, map[string]string{"ProgramData": "/p"}, "/p/lander", "/p/lander/trust", "/p/lander"},
	} {
		p := places{c.goos, c.root, func(name string) string { return c.env[name] }}
		for _, w := range [][3]string{{"config", p.config(), c.config}, {"trust", p.trust(), c.trust}, {"state", p.state(), c.state}} {
			if filepath.ToSlash(w[1]) != w[2] {
				t.Errorf("%s: %s is %s, not %s", c.name, w[0], w[1], w[2])
			}
		}
	}
}
