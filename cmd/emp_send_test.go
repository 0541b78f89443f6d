package cmd

import (
	"encoding/json"
	"testing"
	"time"

	"lander/lib/emp/frame"
)

// What a response carries is shown as JSON, or for what it is; never as null
// when it is something.
func TestResponseShown(t *testing.T) {
	for _, c := range []struct{ body, want string }{
		{"", `{"payload":null}`},
		{" null ", `{"payload":null}`},
		{` {"a":1.50} `, `{"payload":{"a":1.50}}`},
		{"hello", `{"payload":null,"payload_b64":"aGVsbG8="}`},
		{`"a" "b"`, `{"payload":null,"payload_b64":"ImEiICJiIg=="}`},
		{"\"\xff\"", `{"payload":null,"payload_b64":"Iv8i"}`},
	} {
		line := result(frame.CmdGetVariable, frame.Response{Body: []byte(c.body)}, time.Second)
		got, err := json.Marshal(line)
		if err != nil {
			t.Fatalf("%q: %v", c.body, err)
		}
		var want map[string]json.RawMessage
		var have map[string]json.RawMessage
		json.Unmarshal([]byte(c.want), &want)
		json.Unmarshal(got, &have)
		if string(have["payload"]) != string(want["payload"]) || string(have["payload_b64"]) != string(want["payload_b64"]) {
			t.Errorf("%q is shown as %s, want %s", c.body, got, c.want)
		}
	}
}
