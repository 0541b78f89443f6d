//go:build !windows

package cmd

import (
	"os"
	"strings"
)

// machineID is the machine id of systemd or D-Bus, or "".
func machineID() string {
	for _, path := range []string{"/etc/machine-id", "/var/lib/dbus/machine-id"} {
		b, err := os.ReadFile(path)
		if id := strings.TrimSpace(string(b)); err == nil && id != "" {
			return id
		}
	}
	return ""
}
