package luavm

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"time"

	"lander/lib/job"
)

var osFuncs = library(func() funcs {
	return funcs{
		"clock": osClock, "date": osDate, "difftime": osDiffTime,
		"execute": osExecute, "exit": osExit, "getenv": osGetEnv, "remove": osRemove, "rename": osRename,
		"setlocale": osSetLocale, "time": osTime, "tmpname": osTmpName,
	}
})

func osClock(th *thread) int {
	r := th.st.run
	return th.retNumber(r.c.Now().Sub(r.start).Seconds())
}

func osDiffTime(th *thread) int {
	return th.retNumber(float64(toInt(th.checkNumber(1))) - float64(toInt(th.optNumber(2, 0))))
}

// osGetEnv knows the variables of the script alone: the environment is the
// host's.
func osGetEnv(th *thread) int {
	name := th.checkString(1)
	for _, v := range slices.Backward(th.st.run.c.Env) {
		if k, text, _ := strings.Cut(v, "="); k == name {
			return th.retString(text)
		}
	}
	return th.ret(value{})
}

func osSetLocale(th *thread) int {
	s := th.optString(1, "C")
	th.checkOption(2, "all", "all", "collate", "ctype", "monetary", "numeric", "time")
	if s == "" || s == "C" || s == "POSIX" {
		return th.retString("C")
	}
	return th.ret(value{})
}

// osExit ends the run with an exit code; nothing in the script catches it.
func osExit(th *thread) int {
	code := th.optInt(1, 0) & 0xff
	panic(&fatal{&Exit{Code: code, Err: job.Errorf(job.CodeExit, "exit code %d", code)}})
}

// result gives true, or nil with the message and number of an error. An error
// of a capability is raised.
func (th *thread) result(err error, name string) int {
	if err == nil {
		return th.retBool(true)
	}
	if je, ok := err.(*job.Error); ok {
		th.raiseErr(je)
	}
	s, n := errno(err)
	if name != "" {
		s = name + ": " + s
	}
	th.retError(s)
	th.push(number(float64(n)))
	return 3
}

func osRemove(th *thread) int {
	r := th.st.run
	name := th.checkString(1)
	return th.result(r.files.remove(name), name)
}

func osRename(th *thread) int {
	r := th.st.run
	from, to := th.checkString(1), th.checkString(2)
	return th.result(r.files.rename(from, to), from)
}

func osTmpName(th *thread) int {
	r := th.st.run
	dir, err := r.files.temporary()
	for n := 0; err == nil; n++ {
		name := fmt.Sprintf("%s/lua_%06x", dir, rand.Uint32()&0xffffff)
		f, e := r.files.open(name, os.O_RDWR|os.O_CREATE|os.O_EXCL)
		if e == nil {
			f.Close()
			return th.retString(name)
		}
		if n > 100 {
			err = e
		}
	}
	if je, ok := err.(*job.Error); ok {
		th.raiseErr(je)
	}
	th.errorf("unable to generate a unique filename")
	return 0
}

func osTime(th *thread) int {
	r := th.st.run
	now := r.c.Now()
	if th.arg(1).p == nil {
		return th.retNumber(float64(now.Unix()))
	}
	t := th.checkTable(1)
	th.setArgs(1)
	field := func(key string, def int) int {
		v := th.index(tableValue(t), th.st.string(key), -1)
		if n, ok := toNumber(v); ok {
			return int(int32(toInt(n)))
		}
		if def < 0 {
			th.errorf("field '%s' missing in date table", key)
		}
		return def
	}
	sec, min, hour := field("sec", 0), field("min", 0), field("hour", 12)
	day, month, year := field("day", -1), field("month", -1), field("year", -1)
	at := time.Date(year, time.Month(month), day, hour, min, sec, 0, now.Location())
	// As mktime: an hour said to be summer time where it is not, or not to be
	// where it is, is moved.
	if v := th.index(tableValue(t), th.st.string("isdst"), -1); v.p != nil && !v.falsy() != at.IsDST() {
		shift := -time.Hour
		if at.IsDST() {
			shift = time.Hour
		}
		at = at.Add(shift)
	}
	return th.retNumber(float64(at.Unix()))
}

// What the 32 bits of the year in a C time hold, in seconds of its own zone.
const (
	firstTime = -67768040609740800
	lastTime  = 67768036191676799
)

func osDate(th *thread) int {
	r := th.st.run
	format := th.optString(1, "%c")
	at := r.c.Now()
	if th.arg(2).p != nil {
		at = time.Unix(th.checkWide(2), 0).In(at.Location())
	}
	format, _, _ = strings.Cut(format, "\x00")
	if format != "" && format[0] == '!' {
		at = at.In(gmt)
		format = format[1:]
	}
	if _, offset := at.Zone(); at.Unix() < firstTime-int64(offset) || at.Unix() > lastTime-int64(offset) {
		return th.ret(value{})
	}
	if format == "*t" {
		return th.ret(tableValue(dateTable(th.st, at)))
	}
	return th.retString(strftime(format, at))
}

// gmt is UTC under the name that C's gmtime gives it.
var gmt = time.FixedZone("GMT", 0)

func dateTable(st *state, at time.Time) *table {
	t := st.newTable(0, 9)
	for _, f := range []struct {
		k string
		v int
	}{
		{"sec", at.Second()}, {"min", at.Minute()}, {"hour", at.Hour()}, {"day", at.Day()}, {"month", int(at.Month())},
		{"year", at.Year()}, {"wday", int(at.Weekday()) + 1}, {"yday", at.YearDay()},
	} {
		t.setString(st, f.k, number(float64(f.v)))
	}
	t.setString(st, "isdst", boolean(at.IsDST()))
	return t
}

// strftime formats a time as C's strftime does in the C locale.
func strftime(format string, t time.Time) string {
	var out []byte
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			out = append(out, format[i])
			continue
		}
		i++
		out = append(out, timeField(format[i], t)...)
	}
	return string(out)
}

func timeField(c byte, t time.Time) string {
	two := func(n int) string { return fmt.Sprintf("%02d", n) }
	isoYear, isoWeek := t.ISOWeek()
	hour12 := (t.Hour()+11)%12 + 1
	switch c {
	case 'a':
		return t.Format("Mon")
	case 'A':
		return t.Format("Monday")
	case 'b', 'h':
		return t.Format("Jan")
	case 'B':
		return t.Format("January")
	case 'c':
		return t.Format("Mon Jan _2 15:04:05 2006")
	case 'C':
		return two(t.Year() / 100)
	case 'd':
		return two(t.Day())
	case 'D', 'x':
		return t.Format("01/02/06")
	case 'e':
		return fmt.Sprintf("%2d", t.Day())
	case 'F':
		return t.Format("2006-01-02")
	case 'g':
		return two(isoYear % 100)
	case 'G':
		return fmt.Sprint(isoYear)
	case 'H':
		return two(t.Hour())
	case 'I':
		return two(hour12)
	case 'j':
		return fmt.Sprintf("%03d", t.YearDay())
	case 'k':
		return fmt.Sprintf("%2d", t.Hour())
	case 'l':
		return fmt.Sprintf("%2d", hour12)
	case 'm':
		return two(int(t.Month()))
	case 'M':
		return two(t.Minute())
	case 'n':
		return "\n"
	case 'p':
		return t.Format("PM")
	case 'P':
		return t.Format("pm")
	case 'r':
		return t.Format("03:04:05 PM")
	case 'R':
		return t.Format("15:04")
	case 's':
		return fmt.Sprint(t.Unix())
	case 'S':
		return two(t.Second())
	case 't':
		return "\t"
	case 'T', 'X':
		return t.Format("15:04:05")
	case 'u':
		return fmt.Sprint((int(t.Weekday())+6)%7 + 1)
	case 'U':
		return two((t.YearDay() + 6 - int(t.Weekday())) / 7)
	case 'V':
		return two(isoWeek)
	case 'w':
		return fmt.Sprint(int(t.Weekday()))
	case 'W':
		return two((t.YearDay() + 6 - (int(t.Weekday())+6)%7) / 7)
	case 'y':
		return two(t.Year() % 100)
	case 'Y':
		return fmt.Sprint(t.Year())
	case 'z':
		return t.Format("-0700")
	case 'Z':
		zone, _ := t.Zone()
		return zone
	case '%':
		return "%"
	}
	return "%" + string([]byte{c})
}
