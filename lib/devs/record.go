package devs

import (
	"bytes"
	"regexp"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"lander/lib/jacdac/packet"
)

// Kind is what a Record tells.
type Kind string

// The kinds of records.
const (
	KindMessage Kind = "message"
	KindPanic   Kind = "panic"
	KindChange  Kind = "change"  // another program
	KindRestart Kind = "restart" // the device began anew
	KindGone    Kind = "gone"    // silent, or the connection is lost
	KindBack    Kind = "back"    // heard again
	KindNotice  Kind = "notice"  // about the logging itself, such as that there is no source
)

// Sources of messages.
const (
	SourceLogMessage = "log_message" // reports of the manager
	SourceSerial     = "serial"      // text between the frames
	SourceLogger     = "logger"      // reports of the logger service
	SourceEvent      = "event"
)

// Record is one thing that a device told.
type Record struct {
	Time    time.Time
	Device  packet.DeviceID // zero: not known which
	Kind    Kind
	Source  string
	Counter *int   // of log messages
	Level   string // log, info, error, debug, warn, data, firmware
	Message string
	Lost    int // messages that are missing before this one
	Place   *Place
	Panic   *Panic

	of *followed // whose program tells the place; nil: none
}

// maxLine bounds a line or a message that has no end.
const maxLine = 64 << 10

// fragments joins the parts of log messages of one device, as bytes: a part
// may end inside a character. [JD 4, log_message]
type fragments struct {
	started bool
	next    byte
	last    []byte // the newest part: a bus may bring it twice
	buf     []byte
}

// take returns the whole message when payload ends one. lost counts the
// parts that are missing.
func (f *fragments) take(payload []byte) (msg string, counter int, lost int, ok bool) {
	if len(payload) < 2 {
		return "", 0, 0, false
	}
	c, flags := payload[0], payload[1]
	if f.started {
		if bytes.Equal(payload, f.last) {
			return "", int(c), 0, false
		}
		lost = int(c - f.next)
	}
	f.last = append(f.last[:0], payload...)
	f.started, f.next = true, c+1
	if lost > 0 {
		f.buf = f.buf[:0] // the rest of another message
	}
	if len(f.buf)+len(payload) > maxLine {
		f.buf = f.buf[:0]
		lost++
	}
	f.buf = append(f.buf, payload[2:]...)
	if flags&logContinued != 0 {
		return "", int(c), lost, false
	}
	msg = text(f.buf)
	f.buf = f.buf[:0]
	return msg, int(c), lost, true
}

// text is a message as it may be shown.
func text(b []byte) string {
	for _, c := range b {
		if c < ' ' && c != '\n' && c != '\t' || c >= utf8.RuneSelf || c == 0x7f {
			return cleanText(b)
		}
	}
	return string(b)
}

func cleanText(b []byte) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 {
			return -1
		}
		return r
	}, strings.ToValidUTF8(string(b), "\uFFFD"))
}

// lines cuts log text into lines. Frames between two pieces do not end one.
type lines struct{ buf []byte }

func (l *lines) take(b []byte, line func(string)) {
	for _, c := range b {
		if c != '\n' && len(l.buf) < maxLine {
			l.buf = append(l.buf, c)
			continue
		}
		line(string(l.buf))
		l.buf = l.buf[:0]
	}
}

var (
	ansi   = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile("\x1b\\[[0-9;?]*[A-Za-z]") })
	uptime = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^DM \(\d+\): `) })
)

// levels are what the first two characters of a line of device text mean.
var levels = map[string]string{"> ": "log", "* ": "info", "! ": "error", "? ": "debug", "# ": "data"}

// parseLine reads a line of device text. ok is false for an empty one.
func parseLine(line string) (level, message string, ok bool) {
	line = ansi().ReplaceAllString(line, "")
	line = strings.Trim(cleanText([]byte(line)), "\x00")
	line = uptime().ReplaceAllString(strings.TrimRight(line, " \t"), "")
	if len(line) >= 2 {
		if level, ok := levels[line[:2]]; ok {
			return level, line[2:], true
		}
	}
	return "firmware", line, line != ""
}
