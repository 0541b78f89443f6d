package cmd

import (
	"os"
	"path/filepath"
	"runtime"
)

// places are where configuration and state live when nothing else is said.
type places struct {
	goos   string
	root   bool
	getenv environment
}

func (k *call) places() places { return herePlaces(k.getenv) }

func herePlaces(getenv environment) places {
	return places{runtime.GOOS, os.Geteuid() == 0, getenv}
}

// of is the first of the variables that is set, as a directory with sub below it.
func (p places) of(variable, sub string) string {
	if d := p.getenv(variable); d != "" {
		return filepath.Join(d, sub)
	}
	return ""
}

// config is the directory of a user's configuration.
func (p places) config() string {
	for _, d := range []string{p.of("XDG_CONFIG_HOME", "lander"), p.of("HOME", ".config/lander"), p.windows("AppData")} {
		if d != "" {
			return d
		}
	}
	return p.machine("/etc/lander")
}

// machineConfig is the directory of the configuration for all users.
func (p places) machineConfig() string { return p.machine("/etc/lander") }

// trust is the trust store.
func (p places) trust() string {
	if p.root && p.getenv("XDG_CONFIG_HOME") == "" {
		return filepath.Join(p.machineConfig(), "trust")
	}
	return filepath.Join(p.config(), "trust")
}

// state is the directory of serials, journal and what servers keep.
func (p places) state() string {
	home := p.of("HOME", ".local/state/lander")
	if p.root {
		home = ""
	}
	for _, d := range []string{p.of("XDG_STATE_HOME", "lander"), home, p.windows("LocalAppData")} {
		if d != "" {
			return d
		}
	}
	return p.machine("/var/lib/lander")
}

func (p places) windows(variable string) string {
	if p.goos != "windows" {
		return ""
	}
	return p.of(variable, "lander")
}

// machine is unix, or what stands for it on a system without such paths.
func (p places) machine(unix string) string {
	if d := p.windows("ProgramData"); d != "" {
		return d
	}
	return unix
}

// trustDir is the trust store to use.
func (k *call) trustDir() string {
	if d := k.cli.String("trust"); d != "" {
		return d
	}
	return k.places().trust()
}

// stateDir is the state directory to use.
func (k *call) stateDir() string {
	if d := k.cli.String("state"); d != "" {
		return d
	}
	return k.places().state()
}
