package sms_test

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"lander/lib/emp/frame"
	"lander/lib/sms"
	"lander/lib/sms/pdu"
)

// modem is a simulated one, written from TS 27.005.
type modem struct {
	t        *testing.T
	textOnly bool
	refuse   string // the answer to AT+CMGS's text

	mu    sync.Mutex
	w     io.Writer
	store map[int]string // PDUs in hex, or of text mode the two lines
	dcs   string
	sent  []string // "number|coding|text"
}

func (m *modem) say(format string, args ...any) { fmt.Fprintf(m.w, "\r\n"+format+"\r\n", args...) }

// serve answers until the line ends.
func (m *modem) serve(c io.ReadWriteCloser) {
	m.mu.Lock()
	m.w = c
	m.mu.Unlock()
	r := bufio.NewReader(c)
	echo := true
	for {
		text, err := r.ReadString('\r')
		if err != nil {
			return
		}
		text = strings.Trim(text, "\r\n\x1b")
		if text == "" {
			continue
		}
		if echo {
			io.WriteString(c, text+"\r")
		}
		m.mu.Lock()
		switch {
		case text == "ATE0":
			echo = false
			m.say("OK")
		case text == "AT+CMGF=0" && m.textOnly, strings.HasPrefix(text, "AT+CMEE"):
			m.say("ERROR")
		case strings.HasPrefix(text, "AT+CSMP="):
			m.dcs = text[strings.LastIndexByte(text, ',')+1:]
			m.say("OK")
		case strings.HasPrefix(text, "AT+CMGL"):
			for n := range m.store {
				m.say("+CMGL: %d,0,,20", n)
				m.say("00")
			}
			m.say("OK")
		case strings.HasPrefix(text, "AT+CMGR="):
			n, _ := strconv.Atoi(text[8:])
			if s, ok := m.store[n]; !ok {
				m.say("+CMS ERROR: 321")
			} else {
				if m.textOnly {
					m.say("+CMGR: %s", s)
				} else {
					m.say("+CMGR: 0,,%d\r\n%s", len(s)/2-1, s)
				}
				m.say("+CREG: 1") // it speaks in between
				m.say("OK")
			}
		case strings.HasPrefix(text, "AT+CMGD="):
			n, _ := strconv.Atoi(text[8:])
			delete(m.store, n)
			m.say("OK")
		case strings.HasPrefix(text, "AT+CMGS="):
			io.WriteString(c, "\r\n> ")
			m.mu.Unlock()
			body, err := r.ReadString(0x1a)
			m.mu.Lock()
			if err != nil {
				m.mu.Unlock()
				return
			}
			m.take(text[8:], strings.TrimSuffix(body, "\x1a"))
		default:
			m.say("OK")
		}
		m.mu.Unlock()
	}
}

func (m *modem) take(arg, body string) {
	if m.refuse != "" {
		m.say("%s", m.refuse)
		return
	}
	if m.textOnly {
		if m.dcs != "0" {
			b, err := hex.DecodeString(body)
			if err != nil {
				m.t.Errorf("%q is not hex", body)
			}
			n, _ := strconv.Atoi(m.dcs)
			body = pdu.Decode(pdu.Coding(n), b)
		}
		m.sent = append(m.sent, strings.Trim(arg, `"`)+"|"+m.dcs+"|"+body)
	} else {
		b, err := hex.DecodeString(body)
		if err != nil || strconv.Itoa(len(b)-1) != arg {
			m.t.Errorf("%s bytes announced, %q", arg, body)
		}
		s, err := pdu.ParseSubmit(b)
		if err != nil {
			m.t.Errorf("%q: %v", body, err)
		}
		m.sent = append(m.sent, fmt.Sprintf("%s|%d|%s", s.To, s.Coding, s.Text()))
	}
	m.say("+CMGS: 1")
	m.say("OK")
}

// come puts a message into the store and announces it.
func (m *modem) come(n int, content string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.store[n] = content
	m.say("+CMTI: \"SM\",%d", n)
}

func deliver(t *testing.T, from string, u pdu.Unit) string {
	t.Helper()
	b, err := pdu.Deliver{From: from, Unit: u}.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(b)
}

// start runs a Modem against the simulated one, over connections of dial.
func start(t *testing.T, m *modem, dial func(context.Context) (io.ReadWriteCloser, error)) (*sms.Modem, chan string) {
	t.Helper()
	came := make(chan string, 100)
	d := sms.New(sms.Options{Dial: dial, Receive: func(from, text string) { came <- from + "|" + text }, Timeout: 5 * time.Second})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the end: %v", err)
		}
	})
	return d, came
}

func pipe(m *modem) func(context.Context) (io.ReadWriteCloser, error) {
	return func(context.Context) (io.ReadWriteCloser, error) {
		a, b := net.Pipe()
		// A serial line has room for what nobody reads yet.
		q := newQueue(b)
		go m.serve(q)
		return a, nil
	}
}

// queue writes without waiting.
type queue struct {
	net.Conn
	out chan []byte
}

func newQueue(c net.Conn) *queue {
	q := &queue{c, make(chan []byte, 1000)}
	go func() {
		for b := range q.out {
			if _, err := c.Write(b); err != nil {
				return
			}
		}
	}()
	return q
}

func (q *queue) Write(b []byte) (int, error) {
	q.out <- append([]byte(nil), b...)
	return len(b), nil
}

func wait(t *testing.T, came chan string, want string) {
	t.Helper()
	select {
	case got := <-came:
		if got != want {
			t.Errorf("came %q, want %q", got, want)
		}
	case <-time.After(10 * time.Second):
		t.Fatalf("%q does not come", want)
	}
}

func send(d *sms.Modem, to, text, format string) error {
	return d.Send(context.Background(), frame.SendSMS{Recipient: to, Text: text, Format: format})
}

// conversation is the test of a line in PDU mode.
func conversation(t *testing.T, m *modem, d *sms.Modem, came chan string) {
	t.Helper()
	wait(t, came, "+111|kept") // from before
	long := strings.Repeat("0123456789", 40)
	for _, p := range [][3]string{{"+33612345678", "hi {€}", "7bits"}, {"1234", "octets é", "8bits"}, {"+1", "日本😀", "ucs2"}, {"+2", long, "7bits"}} {
		if err := send(d, p[0], p[1], p[2]); err != nil {
			t.Errorf("%v: %v", p, err)
		}
	}
	m.mu.Lock()
	want := []string{"+33612345678|0|hi {€}", "1234|4|octets é", "+1|8|日本😀", "+2|0|" + long[:153], "+2|0|" + long[153:306], "+2|0|" + long[306:]}
	if strings.Join(m.sent, "\n") != strings.Join(want, "\n") {
		t.Errorf("sent %q", m.sent)
	}
	m.mu.Unlock()
	for _, p := range [][3]string{{"no", "x", "7bits"}, {"+1\r", "x", "7bits"}, {"+1", "日", "7bits"}, {"+1", "x", "9bits"}} {
		if err := send(d, p[0], p[1], p[2]); err == nil {
			t.Errorf("%q is sent", p)
		}
	}
	m.come(3, deliver(t, "+4412", pdu.Unit{Coding: pdu.UCS2, Data: []byte{0x20, 0xac}}))
	wait(t, came, "+4412|€")
	// A long one, its parts in any order.
	data, _ := pdu.Encode(pdu.GSM7, long)
	units, err := pdu.Split(pdu.GSM7, data, 5)
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range []int{2, 0, 1} {
		m.come(10+i, deliver(t, "Lander", units[n]))
	}
	wait(t, came, "Lander|"+long)
	m.come(4, "nonsense")
	m.come(5, deliver(t, "+1", pdu.Unit{Coding: pdu.Octets, Data: []byte("after")}))
	wait(t, came, "+1|after")
	m.mu.Lock()
	m.refuse = "+CMS ERROR: 38"
	m.mu.Unlock()
	err = send(d, "+1", "x", "8bits")
	if r, ok := errors.AsType[*sms.Refusal](err); !ok || r.Text != "+CMS ERROR: 38" {
		t.Errorf("refused: %v", err)
	}
}

func TestPDUMode(t *testing.T) {
	m := &modem{t: t, store: map[int]string{1: deliver(t, "+111", pdu.Unit{Coding: pdu.Octets, Data: []byte("kept")})}}
	d, came := start(t, m, pipe(m))
	conversation(t, m, d, came)
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.store) != 0 {
		t.Errorf("%d messages stay in the modem", len(m.store))
	}
}

func TestTextMode(t *testing.T) {
	m := &modem{t: t, textOnly: true, store: map[int]string{}}
	d, came := start(t, m, pipe(m))
	for _, p := range [][3]string{{"+33612345678", "plain", "7bits"}, {"+1", "octets", "8bits"}, {"+1", "€", "ucs2"}} {
		if err := send(d, p[0], p[1], p[2]); err != nil {
			t.Errorf("%v: %v", p, err)
		}
	}
	m.mu.Lock()
	if got := strings.Join(m.sent, " "); got != "+33612345678|0|plain +1|4|octets +1|8|€" {
		t.Errorf("sent %s", got)
	}
	m.mu.Unlock()
	for _, text := range []string{"é", "a\x1ab", strings.Repeat("x", 161)} {
		if err := send(d, "+1", text, "7bits"); err == nil {
			t.Errorf("%q is sent", text)
		}
	}
	m.come(1, "\"REC UNREAD\",\"+4412\",,\"26/01/01,00:00:00+00\",145,4,0,0,\"+44\",145,5\r\nhello, you")
	wait(t, came, "+4412|hello, you")
	m.come(2, "\"REC UNREAD\",\"+4412\",\"A, B\",\"26/01/01,00:00:00+00\",145,4,0,8,\"+44\",145,5\r\n20AC")
	wait(t, came, "+4412|€")
}

// A line that is lost is opened again; without a modem Send ends.
func TestLostLine(t *testing.T) {
	m := &modem{t: t, store: map[int]string{}}
	lines := make(chan net.Conn, 10)
	d, _ := start(t, m, func(ctx context.Context) (io.ReadWriteCloser, error) {
		a, b := net.Pipe()
		go m.serve(newQueue(b))
		lines <- a
		return a, nil
	})
	if err := send(d, "+1", "one", "8bits"); err != nil {
		t.Fatal(err)
	}
	(<-lines).Close()
	if err := send(d, "+1", "two", "8bits"); err != nil {
		t.Fatal(err)
	}
	none := sms.New(sms.Options{Timeout: 10 * time.Millisecond})
	if err := send(none, "+1", "x", "8bits"); !errors.Is(err, sms.ErrNoModem) {
		t.Errorf("without a modem: %v", err)
	}
}
