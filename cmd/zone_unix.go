//go:build unix

package cmd

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"time"
)

// setZone makes the local time zone what the C library takes it for where Go
// knows names of zones only: a rule such as CET-1CEST,M3.5.0,M10.5.0/3, which
// TZ holds, or /etc/TZ on small systems that have no files of zones.
func setZone() {
	name, set := os.LookupEnv("TZ")
	if !set {
		if _, err := os.Stat("/etc/localtime"); !errors.Is(err, fs.ErrNotExist) {
			return
		}
		text, err := os.ReadFile("/etc/TZ")
		if err != nil {
			return
		}
		name = strings.TrimSpace(string(text))
	}
	if zone := zoneOf(name); zone != nil {
		time.Local = zone
	}
}

// zoneOf is the zone of a rule [POSIX.1 8.3 TZ], nil where Go finds the zone
// by itself or the text is no rule.
func zoneOf(rule string) *time.Location {
	names, _, _ := strings.Cut(rule, ",")
	if names == "" || names[0] == ':' || strings.ContainsAny(names, "/.") || len(rule) > 255 || strings.ContainsAny(rule, "\x00\n") {
		return nil
	}
	if _, err := time.LoadLocation(rule); err == nil {
		return nil
	}
	// A file of a zone ends in such a rule: one without any history
	// [RFC 8536 3], its only zone of a name that no rule gives.
	header := "TZif2" + strings.Repeat("\x00", 15+3*4)
	counts := "\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x02"
	body := "\x00\x00\x00\x00\x00\x00" + "?\x00"
	v1, v2 := header+counts+body, header+counts+body
	zone, err := time.LoadLocationFromTZData("Local", []byte(v1+v2+"\n"+rule+"\n"))
	if err != nil {
		return nil
	}
	if name, _ := time.Unix(0, 0).In(zone).Zone(); name == "?" {
		return nil
	}
	return zone
}
