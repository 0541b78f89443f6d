package sms

import (
	"fmt"
	"testing"
)

func TestFields(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{`"REC UNREAD","+4915112345",,"26/11/23,10:00:00+04"`, `["REC UNREAD" "+4915112345" "" "26/11/23,10:00:00+04"]`},
		{` "REC UNREAD", "+49151" ,"",,145,4,0,8`, `["REC UNREAD" "+49151" "" "" "145" "4" "0" "8"]`},
		{`"REC READ","123",,,145,4,0,8`, `["REC READ" "123" "" "" "145" "4" "0" "8"]`},
		{`"a,,b",,,,"c"`, `["a,,b" "" "" "" "c"]`},
		{`,1,`, `["" "1" ""]`},
		{`"open,1`, `["open,1"]`},
		{``, `[""]`},
	} {
		if got := fmt.Sprintf("%q", fields(c.line)); got != c.want {
			t.Errorf("%s: %s, want %s", c.line, got, c.want)
		}
	}
}

// An answer that ends with its first line is no message.
func TestReceivedWithoutBody(t *testing.T) {
	for _, text := range []bool{false, true} {
		got := 0
		m := New(Options{Receive: func(string, string) { got++ }})
		s := &talk{m: m, textMode: text, parts: newParts()}
		s.received([]string{`+CMGR: 0,,5`})
		s.received([]string{"OK"})
		s.received(nil)
		if got != 0 {
			t.Error("a message came out of it")
		}
	}
}
