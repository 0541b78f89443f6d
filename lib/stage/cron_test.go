package stage

import (
	"testing"
	"time"
)

func TestCron(t *testing.T) {
	from := time.Date(2026, 1, 30, 23, 58, 30, 0, time.UTC) // a Friday
	for text, want := range map[string]string{
		"* * * * *":        "2026-01-30 23:59",
		"*/15 * * * *":     "2026-01-31 00:00",
		"5,10 1-3 * * *":   "2026-01-31 01:05",
		"0 0 29 2 *":       "2028-02-29 00:00",
		"0 12 * * 0":       "2026-02-01 12:00",
		"0 12 * * 7":       "2026-02-01 12:00",
		"0 12 15 * 1":      "2026-02-02 12:00", // either day
		"59 23 * * 1-5":    "2026-01-30 23:59",
		"0 6 1 */3 *":      "2026-04-01 06:00",
		"10-40/20 0 * * *": "2026-01-31 00:10",
		"50/5 23 * * *":    "2026-01-31 23:50",
		"7/60 * * * *":     "2026-01-31 00:07",
		"0 0 */65535 * *":  "2026-02-01 00:00",
	} {
		c, err := parseCron(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		at, ok := c.next(from)
		if got := at.Format("2006-01-02 15:04"); !ok || got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	for _, text := range []string{"", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "*/0 * * * *", "a * * * *", "5-1 * * * *", "1-x * * * *", "-5 * * * *", "+5 * * * *", "1-+5 * * * *", "*/+5 * * * *", "05x * * * *", "0 0 */9223372036854775807 * *", "0 0 */-1 * *", ", * * * *", "-1 * * * *"} {
		if _, err := parseCron(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
	c, err := parseCron("0 0 31 2 *")
	if err != nil {
		t.Fatal(err)
	}
	if at, ok := c.next(from); ok {
		t.Errorf("February 31st comes at %v", at)
	}
}

func FuzzCron(f *testing.F) {
	f.Add("*/5 1-4,7 * 2 1")
	f.Add("0 0 */9223372036854775807 * *")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseCron(text)
		if err != nil {
			if c != nil {
				t.Fatal("a cron beside an error")
			}
			return
		}
		from := time.Date(2026, 1, 30, 23, 58, 30, 0, time.UTC)
		if at, ok := c.next(from); ok && (!at.After(from) || !c.matches(at)) {
			t.Fatalf("%q: %v does not match", text, at)
		}
	})
}
