//go:build unix

package cmd

import (
	"strings"
	"testing"
	"time"
)

func TestZoneOfRule(t *testing.T) {
	winter, summer := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC), time.Date(2026, 7, 15, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct{ rule, winter, summer string }{
		{"CET-1CEST,M3.5.0,M10.5.0/3", "13:00 CET", "14:00 CEST"},
		{"<+0330>-3:30", "15:30 +0330", "15:30 +0330"},
		{"XYZ4", "08:00 XYZ", "08:00 XYZ"},
		{"AAA3BBB", "09:00 AAA", "10:00 BBB"}, // the rule of the United States where none is given
		{"NZST-12NZDT,M9.5.0,M4.1.0/3", "01:00 NZDT", "00:00 NZST"},
	} {
		zone := zoneOf(tt.rule)
		if zone == nil {
			t.Errorf("%s: no zone", tt.rule)
			continue
		}
		if w, s := winter.In(zone).Format("15:04 MST"), summer.In(zone).Format("15:04 MST"); w != tt.winter || s != tt.summer {
			t.Errorf("%s: %s, %s; want %s, %s", tt.rule, w, s, tt.winter, tt.summer)
		}
	}
	for _, rule := range []string{"", "UTC", ":CET-1", "/etc/localtime", "nonsense", "CET", "CET-1\nX", "CET-", "../../x-1", "A-1", strings.Repeat("X", 300) + "-1"} {
		if zone := zoneOf(rule); zone != nil {
			t.Errorf("%q is a zone: %v", rule, time.Unix(0, 0).In(zone))
		}
	}
}
