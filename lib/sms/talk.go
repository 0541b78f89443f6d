package sms

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"lander/lib/sms/pdu"
)

// errText is a text that the modem's mode cannot carry.
var errText = errors.New("the modem works in text mode")

// talk is what is said over one line.
type talk struct {
	l        *line
	m        *Modem
	textMode bool
	parts    *parts
}

// begin brings the modem into the state that the rest counts on, and takes
// the messages that it has kept.
func (s *talk) begin() error {
	// A modem that was left in the middle of a text takes this for its end.
	if _, err := s.l.say("\x1b\rATE0\r", "ATE0", s.l.timeout); lost(err) {
		return err
	}
	if _, err := s.l.do("ATE0"); err != nil {
		return fmt.Errorf("setting up the modem: %w", err)
	}
	for _, optional := range []string{"AT+CMEE=1", "AT+CNMI=2,1,0,0,0"} {
		if _, err := s.l.do(optional); lost(err) {
			return err
		}
	}
	_, err := s.l.do("AT+CMGF=0")
	if lost(err) {
		return err
	}
	if err != nil {
		s.textMode = true
		for _, c := range []string{"AT+CMGF=1", "AT+CSDH=1"} {
			if _, err := s.l.do(c); err != nil {
				return fmt.Errorf("setting up the modem: %w", err)
			}
		}
		if _, err := s.l.do(`AT+CSCS="IRA"`); lost(err) {
			return err
		}
	}
	list := "AT+CMGL=4"
	if s.textMode {
		list = `AT+CMGL="ALL"`
	}
	kept, err := s.l.do(list)
	if lost(err) {
		return err
	}
	for _, k := range kept {
		if rest, ok := strings.CutPrefix(k, "+CMGL:"); ok {
			index, _, _ := strings.Cut(strings.TrimSpace(rest), ",")
			s.l.came = append(s.l.came, "+CMTI: \"SM\","+index)
		}
	}
	return nil
}

// collect takes the messages that the modem has announced.
func (s *talk) collect() error {
	for len(s.l.came) > 0 {
		at := s.l.came[0]
		s.l.came = s.l.came[1:]
		_, index, _ := strings.Cut(at, ",")
		n, err := strconv.Atoi(strings.TrimSpace(index))
		if err != nil {
			continue
		}
		lines, err := s.l.do(fmt.Sprintf("AT+CMGR=%d", n))
		if lost(err) {
			return err
		}
		if err == nil {
			s.received(lines)
		}
		if _, err := s.l.do(fmt.Sprintf("AT+CMGD=%d", n)); lost(err) {
			return err
		}
	}
	return nil
}

// received reads the answer to AT+CMGR.
func (s *talk) received(lines []string) {
	for i, l := range lines {
		head, ok := strings.CutPrefix(l, "+CMGR:")
		if !ok || i+1 >= len(lines) {
			continue
		}
		if s.textMode {
			s.receivedText(fields(head), strings.Join(lines[i+1:], "\n"))
			return
		}
		b, err := hex.DecodeString(lines[i+1])
		var m pdu.Deliver
		if err == nil {
			m, err = pdu.ParseDeliver(b)
		}
		if err != nil {
			s.m.o.Log.Warn("a message that is not understood", "error", err)
			return
		}
		if text, whole := s.parts.add(m); whole {
			s.m.o.Receive(m.From, text)
		}
		return
	}
}

// receivedText reads a message of text mode: status, sender, name, time and,
// where the modem shows them, type, first octet, protocol, coding.
func (s *talk) receivedText(head []string, text string) {
	if len(head) < 2 {
		return
	}
	if len(head) > 7 {
		if dcs, err := strconv.Atoi(head[7]); err == nil && dcs&0x0c != 0 {
			if b, err := hex.DecodeString(text); err == nil {
				text = pdu.Decode(pdu.Coding(dcs&0x0c), b)
			}
		}
	}
	s.m.o.Receive(head[1], text)
}

// fields splits a line at the commas outside of quotes. A field may be empty.
func fields(s string) (parts []string) {
	quoted, begin := false, 0
	for i := range len(s) + 1 {
		switch {
		case i == len(s) || s[i] == ',' && !quoted:
			parts = append(parts, strings.Trim(strings.TrimSpace(s[begin:i]), `"`))
			begin = i + 1
		case s[i] == '"':
			quoted = !quoted
		}
	}
	return parts
}

// send sends the parts of a message.
func (s *talk) send(out *outgoing) error {
	for i, u := range out.units {
		if err := out.ctx.Err(); err != nil && i == 0 {
			return fmt.Errorf("%w: %w", errText, err) // nobody waits for it any more
		}
		command, body, err := s.compose(out, u)
		if err != nil {
			return err
		}
		answer, err := s.l.do(command)
		if err != nil {
			return err
		}
		if len(answer) == 0 || answer[len(answer)-1] != prompt {
			return &Refusal{"OK where it should ask for the text"}
		}
		out.begun = true
		if _, err := s.l.say(body+"\x1a", body, 4*s.l.timeout); err != nil {
			return err
		}
	}
	return nil
}

// compose makes the command and the text of one message.
func (s *talk) compose(out *outgoing, u pdu.Unit) (command, body string, err error) {
	if !s.textMode {
		b, err := pdu.Submit{To: out.to, Unit: u}.Append(nil)
		if err != nil {
			return "", "", err
		}
		return fmt.Sprintf("AT+CMGS=%d", pdu.Length(b)), strings.ToUpper(hex.EncodeToString(b)), nil
	}
	if len(out.units) > 1 {
		return "", "", fmt.Errorf("%w: the message is too long for it", errText)
	}
	if _, err := s.l.do(fmt.Sprintf("AT+CSMP=17,167,0,%d", u.Coding)); err != nil {
		return "", "", err
	}
	body = strings.ToUpper(hex.EncodeToString(u.Data))
	if u.Coding == pdu.GSM7 {
		body = u.Text()
		for _, r := range body {
			if r < 0x20 && r != '\n' || r >= utf8.RuneSelf || r == 0x7f {
				return "", "", fmt.Errorf("%w: it has no %q in 7 bits", errText, r)
			}
		}
	}
	return fmt.Sprintf("AT+CMGS=\"%s\"", out.to), body, nil
}
