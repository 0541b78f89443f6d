package cmd

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/urfave/cli/v2"
)

// Set by the linker: -ldflags "-X lander/cmd.linkVersion=1.2.3
// -X lander/cmd.linkTime=2026-01-02T15:04:05Z". Empty, the build information
// that Go keeps is used.
var linkVersion, linkTime string

type versionInfo struct {
	Version   string            `json:"version"`
	Revision  string            `json:"revision"`
	Time      string            `json:"time"`
	Dirty     bool              `json:"dirty"`
	Go        string            `json:"go"`
	OS        string            `json:"os"`
	Arch      string            `json:"arch"`
	Protocols map[string]string `json:"protocols"`
}

// readVersion never fails: what is not known is empty, or "devel".
func readVersion() versionInfo {
	v := versionInfo{Version: "devel", Time: linkTime, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH, Protocols: protocols()}
	if info, ok := debug.ReadBuildInfo(); ok {
		if m := info.Main.Version; m != "" && m != "(devel)" {
			v.Version = m
		}
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				v.Revision = s.Value
			case "vcs.time":
				if v.Time == "" {
					v.Time = s.Value
				}
			case "vcs.modified":
				v.Dirty = s.Value == "true"
			}
		}
	}
	if linkVersion != "" {
		v.Version = linkVersion
	}
	return v
}

// protocols names the versions of what this build speaks.
func protocols() map[string]string {
	return map[string]string{"emp": "1", "m3da": "1", "luaota": "1", "sovd": "1.0.0", "jacdac": "1"}
}

// buildTime is when this program was made, or zero when nobody noted it: a
// clock before it is not set.
func buildTime() time.Time {
	t, err := time.Parse(time.RFC3339, readVersion().Time)
	if err != nil {
		return time.Time{}
	}
	return t
}

func versionCommand() *cli.Command {
	return verb{
		name:  "version",
		usage: "print the version and how this program was built",
		examples: []example{
			{"lander version", "one line for people"},
			{"lander version --json | jq -r .version", "the version alone"},
		},
		quick: true,
		run:   runVersion,
	}.command()
}

func runVersion(k *call) error {
	v := readVersion()
	return k.ui.result(v, func(w io.Writer) {
		fmt.Fprintf(w, "lander %s", v.Version)
		if v.Revision != "" {
			fmt.Fprintf(w, " (%.12s", v.Revision)
			if v.Dirty {
				fmt.Fprint(w, "+dirty")
			}
			fmt.Fprint(w, ")")
		}
		if v.Time != "" {
			fmt.Fprintf(w, " %s", v.Time)
		}
		fmt.Fprintf(w, " %s %s/%s\n", v.Go, v.OS, v.Arch)
	})
}
