package frame

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// One table for parsing and appending: what comes in, and the canonical text
// of what was understood; out "" means a bad parameter.
var payloads = []struct {
	cmd     Command
	in, out string
}{
	{CmdRegister, `"asset1"`, `"asset1"`},
	{CmdRegister, ` "é" `, `"é"`},
	{CmdRegister, `""`, ""},
	{CmdRegister, `"a.b"`, ""},
	{CmdRegister, `5`, ""},
	{CmdRegister, `["a"]`, ""},
	{CmdRegister, ``, ""},
	{CmdRegister, `"a","b"`, ""},
	{CmdUnregister, `"asset1"`, `"asset1"`},
	{CmdUnregister, `null`, ""},

	{CmdConnectToServer, ``, `null`},
	{CmdConnectToServer, `null`, `null`},
	{CmdConnectToServer, `30`, `30`},
	{CmdConnectToServer, `0`, `0`},
	{CmdConnectToServer, `30.0`, `30`},
	{CmdConnectToServer, `-1`, `-1`},
	{CmdConnectToServer, `1.5`, ""},
	{CmdConnectToServer, `"30"`, ""},
	{CmdConnectToServer, `[]`, ""},
	{CmdReboot, ``, `null`},
	{CmdReboot, `"because"`, `"because"`},
	{CmdReboot, `5`, ""},

	{CmdRegisterSMSListener, `["^%+33","hello"]`, `["^%+33","hello"]`},
	{CmdRegisterSMSListener, `["+33"]`, `["+33",""]`},
	{CmdRegisterSMSListener, `[]`, `["",""]`},
	{CmdRegisterSMSListener, `[null,"x"]`, `["","x"]`},
	{CmdRegisterSMSListener, `[1,"x"]`, ""},
	{CmdRegisterSMSListener, `["a","b","c"]`, ""},
	{CmdRegisterSMSListener, `"a"`, ""},
	{CmdUnregisterSMSListener, `2`, `2`},
	{CmdUnregisterSMSListener, `null`, ""},
	{CmdUnregisterSMSListener, ``, ""},
	{CmdUnregisterSMSListener, `"2"`, ""},
	{CmdNewSMS, `["+3312","say hello",2]`, `["+3312","say hello",2]`},
	{CmdNewSMS, `["+3312","say hello"]`, ""},
	{CmdSendSMS, `["+33612345678","hi","8bits"]`, `["+33612345678","hi","8bits"]`},
	{CmdSendSMS, `["+33612345678","","ucs2"]`, `["+33612345678","","ucs2"]`},
	{CmdSendSMS, `["+33612345678","hi"]`, ""},
	{CmdSendSMS, `["+33612345678",5,"8bits"]`, ""},

	{CmdGetVariable, `"config.agent"`, `"config.agent"`},
	{CmdGetVariable, `""`, `""`},
	{CmdGetVariable, `["a.b","a"]`, `["a.b","a"]`},
	{CmdGetVariable, `[]`, `[]`},
	{CmdGetVariable, `{}`, `[]`},
	{CmdGetVariable, ``, ""},
	{CmdGetVariable, `null`, ""},
	{CmdGetVariable, `5`, ""},
	{CmdGetVariable, `true`, ""},
	{CmdGetVariable, `[1]`, ""},
	{CmdGetVariable, `["a",["b"]]`, ""},
	{CmdGetVariable, `{"a":1}`, ""},
	{CmdSetVariable, `["config.foo",1]`, `["config.foo",1]`},
	{CmdSetVariable, `["config.foo",1.0]`, `["config.foo",1.0]`},
	{CmdSetVariable, `["config.foo",{"a":1,"b":{"c":"x"}}]`, `["config.foo",{"a":1,"b":{"c":"x"}}]`},
	{CmdSetVariable, `["",{"config.foo.z":3}]`, `["",{"config.foo.z":3}]`},
	{CmdSetVariable, `[{"config.foo.z":3}]`, `["",{"config.foo.z":3}]`},
	{CmdSetVariable, `[{"config.foo.z":3},null]`, `["",{"config.foo.z":3}]`},
	{CmdSetVariable, `[null,{"config.foo.z":3}]`, `["",{"config.foo.z":3}]`},
	{CmdSetVariable, `["config.foo.a",null]`, `["config.foo.a",null]`},
	{CmdSetVariable, `["config.foo.a"]`, `["config.foo.a",null]`},
	{CmdSetVariable, `["config.l",[10,20]]`, `["config.l",[10,20]]`},
	{CmdSetVariable, `["config.f",false]`, `["config.f",false]`},
	{CmdSetVariable, `"config.foo"`, ""},
	{CmdSetVariable, `[]`, ""},
	{CmdSetVariable, `[null,1]`, ""},
	{CmdSetVariable, `[1,2]`, ""},
	{CmdSetVariable, `[{"a":1},2]`, ""},
	{CmdSetVariable, `["a",1,2]`, ""},
	{CmdSetVariable, `{}`, ""},
	{CmdRegisterVariable, `[["config.foo"],["config.agent.deviceId"]]`, `[["config.foo"],["config.agent.deviceId"]]`},
	{CmdRegisterVariable, `["a.b"]`, `[["a.b"],[]]`},
	{CmdRegisterVariable, `[["a"]]`, `[["a"],[]]`},
	{CmdRegisterVariable, `["a","b"]`, `[["a"],["b"]]`},
	{CmdRegisterVariable, `[["a"],null]`, `[["a"],[]]`},
	{CmdRegisterVariable, `[["a"],{}]`, `[["a"],[]]`},
	{CmdRegisterVariable, `[[],["b"]]`, `[[],["b"]]`},
	{CmdRegisterVariable, `[]`, ""},
	{CmdRegisterVariable, `[null,["b"]]`, ""},
	{CmdRegisterVariable, `[["a",1]]`, ""},
	{CmdRegisterVariable, `[["a"],5]`, ""},
	{CmdRegisterVariable, `["p",["a"],["b"]]`, ""},
	{CmdRegisterVariable, `"a"`, ""},
	{CmdNotifyVariable, `["DT_ID_0",{"config.agent.deviceId":"0123","config.foo.q":5}]`, `["DT_ID_0",{"config.agent.deviceId":"0123","config.foo.q":5}]`},
	{CmdNotifyVariable, `["DT_ID_0",[]]`, `["DT_ID_0",{}]`},
	{CmdNotifyVariable, `["DT_ID_0",{"a":null}]`, `["DT_ID_0",{"a":null}]`},
	{CmdNotifyVariable, `[null,{}]`, ""},
	{CmdNotifyVariable, `["DT_ID_0",[1]]`, ""},
	{CmdDeRegisterVariable, `"DT_ID_0"`, `"DT_ID_0"`},
	{CmdDeRegisterVariable, `null`, ""},
	{CmdDeRegisterVariable, ``, ""},
	{CmdDeRegisterVariable, `""`, ""},

	{CmdSoftwareUpdate, `["a.pkg1","1.2","/path/of/component",{"l":[1,2],"x":1}]`, `["a.pkg1","1.2","/path/of/component",{"l":[1,2],"x":1}]`},
	{CmdSoftwareUpdate, `["a.pkg1","1.2","/path/of/component"]`, `["a.pkg1","1.2","/path/of/component"]`},
	{CmdSoftwareUpdate, `["a.pkg1","1.2","/p",[]]`, `["a.pkg1","1.2","/p",{}]`},
	{CmdSoftwareUpdate, `["a.pkg2"]`, `["a.pkg2","",""]`},
	{CmdSoftwareUpdate, `["a.pkg2",null,null,{"x":1}]`, `["a.pkg2","","",{"x":1}]`},
	{CmdSoftwareUpdate, `[]`, ""},
	{CmdSoftwareUpdate, `["a.pkg2",1]`, ""},
	{CmdSoftwareUpdate, `["a.pkg2","","",5]`, ""},
	{CmdSoftwareUpdateResult, `["a.pkg1",200]`, `["a.pkg1",200]`},
	{CmdSoftwareUpdateResult, `["a.pkg1"]`, ""},
	{CmdSoftwareUpdateStatus, `[1,"15%"]`, `[1,"15%"]`},
	{CmdSoftwareUpdateStatus, `[0]`, `[0,""]`},
	{CmdSoftwareUpdateRequest, `0`, `0`},
	{CmdSoftwareUpdateRequest, `2`, `2`},
	{CmdSoftwareUpdateRequest, `3`, ""},
	{CmdSoftwareUpdateRequest, `null`, ""},
	{CmdRegisterUpdateListener, ``, `null`},
	{CmdRegisterUpdateListener, `null`, `null`},
	{CmdUnregisterUpdateListener, `[]`, `null`},
	{CmdUnregisterUpdateListener, `1`, ""},

	{CmdPData, `{"asset":"a","policy":"hourly","path":"p","data":{"x":1,"y":2}}`, `{"asset":"a","policy":"hourly","queue":"hourly","path":"p","data":{"x":1,"y":2}}`},
	{CmdPData, `{"asset":"a","queue":"hourly","path":"p","data":5}`, `{"asset":"a","policy":"hourly","queue":"hourly","path":"p","data":5}`},
	{CmdPData, `{"asset":"a","data":[]}`, `{"asset":"a","policy":"default","queue":"default","path":"","data":{}}`},
	{CmdPData, `{"asset":"a","path":"p"}`, `{"asset":"a","policy":"default","queue":"default","path":"p","data":null}`},
	{CmdPData, `{"asset":"a","path":"","data":5}`, ""},
	{CmdPData, `{"asset":"a","path":"p","data":[1]}`, ""},
	{CmdPData, `{"path":"p","data":5}`, ""},
	{CmdPData, `{"asset":5,"path":"p","data":5}`, ""},
	{CmdPData, `"x"`, ""},
	{CmdPFlush, `{"policy":"hourly"}`, `{"policy":"hourly","queue":"hourly"}`},
	{CmdPFlush, `{}`, `{"policy":"default","queue":"default"}`},
	{CmdPFlush, `[]`, `{"policy":"default","queue":"default"}`},
	{CmdPFlush, `null`, `{"policy":"default","queue":"default"}`},
	{CmdPFlush, `{"policy":"*"}`, `{"policy":"*","queue":"*"}`},
	{CmdPFlush, `{"policy":5}`, ""},
	{CmdPFlush, `[1]`, ""},
	{CmdPAcknowledge, `{"ticket":7,"status":0,"message":"ok","policy":"now","persisted":false}`, `{"ticket":7,"status":0,"message":"ok","policy":"now","queue":"now","persisted":false}`},
	{CmdPAcknowledge, `{"ticket":7}`, `{"ticket":7,"status":0,"policy":"now","queue":"now","persisted":false}`},
	{CmdPAcknowledge, `{"ticket":"t","status":true,"persisted":1}`, `{"ticket":"t","status":0,"policy":"now","queue":"now","persisted":true}`},
	{CmdPAcknowledge, `{"ticket":7,"status":false,"queue":"daily","persisted":0}`, `{"ticket":7,"status":-1,"policy":"daily","queue":"daily","persisted":false}`},
	{CmdPAcknowledge, `{"status":0}`, ""},
	{CmdPAcknowledge, `{"ticket":[7]}`, ""},
	{CmdPAcknowledge, `{"ticket":7,"status":"x"}`, ""},
	{CmdPAcknowledge, `{"ticket":7,"persisted":2}`, ""},

	{CmdTableNew, `{"asset":"a","storage":"ram","policy":"never","path":"t","columns":["timestamp","temp"],"purge":false}`,
		`{"asset":"a","storage":"ram","policy":"never","queue":"never","path":"t","columns":["timestamp","temp"],"purge":false}`},
	{CmdTableNew, `{"asset":"a","storage":"flash","queue":"q","path":"t","columns":["x"],"purge":1}`,
		`{"asset":"a","storage":"file","policy":"q","queue":"q","path":"t","columns":["x"],"purge":true}`},
	{CmdTableNew, `{"asset":"a","path":"t","columns":[{"name":"x","serialization":"deltasvector","factor":0.1,"asfloat":1,"consolidation":"mean"},"y"]}`,
		`{"asset":"a","storage":"ram","policy":"default","queue":"default","path":"t","columns":[{"name":"x","serialization":"deltasvector","factor":0.1,"asfloat":true,"consolidation":"mean"},"y"],"purge":false}`},
	{CmdTableNew, `{"asset":"a","storage":"file","path":"t","columns":[{"name":"x","serialization":"quasiperiodicvector","period":60}]}`,
		`{"asset":"a","storage":"file","policy":"default","queue":"default","path":"t","columns":[{"name":"x","serialization":"quasiperiodicvector","period":60}],"purge":false}`},
	{CmdTableNew, `{"asset":"a","path":"t","columns":[{"name":"x","serialization":"deltasvector"}]}`, ""},
	{CmdTableNew, `{"asset":"a","path":"t","columns":[{"name":"x","serialization":"quasiperiodicvector"}]}`, ""},
	{CmdTableNew, `{"asset":"a","path":"t","columns":[{"name":"x","serialization":"quickest"}]}`, ""},
	{CmdTableNew, `{"asset":"a","path":"t","columns":[{"serialization":"list"}]}`, ""},
	{CmdTableNew, `{"asset":"a","path":"t","columns":[{"name":"x","consolidation":"mode"}]}`, ""},
	{CmdTableNew, `{"asset":"a","path":"t","columns":[{"name":"x","factor":"1"}]}`, ""},
	{CmdTableNew, `{"asset":"a","path":"t","columns":[]}`, ""},
	{CmdTableNew, `{"asset":"a","path":"t","columns":["x","x"]}`, ""},
	{CmdTableNew, `{"asset":"a","path":"t","columns":[""]}`, ""},
	{CmdTableNew, `{"asset":"a","path":"t","columns":{"x":"mean"}}`, ""},
	{CmdTableNew, `{"asset":"a","path":"t","columns":"x"}`, ""},
	{CmdTableNew, `{"asset":"a","storage":"disk","path":"t","columns":["x"]}`, ""},
	{CmdTableNew, `{"path":"t","columns":["x"]}`, ""},
	{CmdTableRow, `{"table":"id","row":{"timestamp":1,"temp":25}}`, `{"table":"id","row":{"timestamp":1,"temp":25}}`},
	{CmdTableRow, `{"table":"id","row":{"temp":null}}`, `{"table":"id","row":{"temp":null}}`},
	{CmdTableRow, `{"table":"id","row":[]}`, `{"table":"id","row":{}}`},
	{CmdTableRow, `{"table":"id","row":[1,2]}`, `{"table":"id","row":{}}`},
	{CmdTableRow, `{"table":"id"}`, ""},
	{CmdTableRow, `{"table":"id","row":5}`, ""},
	{CmdTableRow, `{"table":"id","row":{"x":{}}}`, ""},
	{CmdTableRow, `{"row":{}}`, ""},
	{CmdTableSetMaxRows, `{"table":"id","maxrows":100}`, `{"table":"id","maxrows":100}`},
	{CmdTableSetMaxRows, `{"table":"id","maxrows":0}`, ""},
	{CmdTableSetMaxRows, `{"table":"id"}`, ""},
	{CmdTableSetMaxRows, `{"table":"id","maxrows":"9"}`, ""},
	{CmdTableReset, `{"table":"id"}`, `{"table":"id"}`},
	{CmdTableReset, `"id"`, ""},
	{CmdConsoNew, `{"src":"id","path":"dst","columns":{"timestamp":"median","temp":"mean"},"storage":"ram","send_policy":"hourly","conso_policy":"daily","purge":false}`,
		`{"src":"id","path":"dst","columns":{"timestamp":"median","temp":"mean"},"storage":"ram","send_policy":"hourly","send_queue":"hourly","conso_policy":"daily","conso_queue":"daily","purge":false}`},
	{CmdConsoNew, `{"src":"id","path":"dst","columns":[{"name":"t","serialization":"list","consolidation":"sum"}],"storage":"flash","send_queue":"never"}`,
		`{"src":"id","path":"dst","columns":[{"name":"t","serialization":"list","consolidation":"sum"}],"storage":"file","send_policy":"never","send_queue":"never","conso_policy":"default","conso_queue":"default","purge":false}`},
	{CmdConsoNew, `{"src":"id","path":"dst","columns":["t"]}`, ""},
	{CmdConsoNew, `{"src":"id","path":"dst","columns":{"t":"mode"}}`, ""},
	{CmdConsoNew, `{"src":"id","path":"dst","columns":{"t":5}}`, ""},
	{CmdConsoNew, `{"path":"dst","columns":{"t":"sum"}}`, ""},
	{CmdConsoTrigger, `{"table":"id","dont_reset":true}`, `{"table":"id","dont_reset":true}`},
	{CmdConsoTrigger, `{"table":"id","dont_reset":1}`, `{"table":"id","dont_reset":true}`},
	{CmdSendTrigger, `{"table":"id"}`, `{"table":"id","dont_reset":false}`},
	{CmdSendTrigger, `{"table":"id","dont_reset":"x"}`, ""},
	{CmdSendTrigger, `{}`, ""},

	{CmdSendData, `{"ticketid":7,"path":"a.x.y","body":{"n":null,"k":1,"z":[1,2]},"__class":"Message"}`,
		`{"__class":"Message","Path":"a.x.y","path":"a.x.y","TicketId":7,"ticketid":7,"Body":{"n":null,"k":1,"z":[1,2]},"body":{"n":null,"k":1,"z":[1,2]}}`},
	{CmdSendData, `{"Path":"a.x","Body":[]}`, `{"__class":"AWT-DA::Message","Path":"a.x","path":"a.x","Body":{},"body":{}}`},
	{CmdSendData, `{"Body":{}}`, ""},
	{CmdSendData, `[1]`, ""},

	{CmdExecuteScript, `{"url":"http://h/x","ticket":7,"args":{"a":1}}`, `{"url":"http://h/x","ticket":"7","args":{"a":1},"wait":true}`},
	{CmdExecuteScript, `{"bundle_b64":"aGk=","signature":"s","wait":false,"args":[]}`, `{"bundle_b64":"aGk=","signature":"s","args":{},"wait":false}`},
	{CmdExecuteScript, `{"bundle_b64":"aGk"}`, ""},
	{CmdExecuteScript, `{"bundle_b64":"aGl="}`, ""},
	{CmdExecuteScript, `{"url":"u","bundle_b64":"aGk="}`, ""},
	{CmdExecuteScript, `{}`, ""},
	{CmdExecuteScript, `{"url":"u","args":[1]}`, ""},
	{CmdExecuteScript, `{"url":"u","ticket":1.5}`, ""},
	{CmdSimulate, `{"command":"senddata","path":"a.x","ticket":3,"body":{"k":1}}`, `{"command":"senddata","path":"a.x","ticket":3,"body":{"k":1}}`},
	{CmdSimulate, `{"command":"senddata","path":"a.x"}`, `{"command":"senddata","path":"a.x","ticket":0,"body":{}}`},
	{CmdSimulate, `{"command":"sms","from":"+3312","text":"hi"}`, `{"command":"sms","from":"+3312","text":"hi"}`},
	{CmdSimulate, `{"command":"update","component":"a.p","version":"1"}`, `{"command":"update","component":"a.p","version":"1","file":""}`},
	{CmdSimulate, `{"command":"updatestatus","code":5,"details":"no"}`, `{"command":"updatestatus","code":5,"details":"no"}`},
	{CmdSimulate, `{"command":"dance"}`, ""},
	{CmdSimulate, `{}`, ""},
	{CmdExecutionStatus, `{"id":"exec_01"}`, `{"id":"exec_01"}`},
	{CmdExecutionStatus, `{}`, ""},
	{CmdStopExecution, `{"id":"exec_01"}`, `{"id":"exec_01","force":false}`},
	{CmdStopExecution, `{"ticket":5,"force":true}`, `{"ticket":"5","force":true}`},
	{CmdStopExecution, `{"id":"a","ticket":"b"}`, ""},
	{CmdStopExecution, `{}`, ""},
}

func TestPayloads(t *testing.T) {
	seen := map[Command]bool{}
	for _, tt := range payloads {
		seen[tt.cmd] = true
		p, err := ParseRequest(tt.cmd, []byte(tt.in))
		if tt.out == "" {
			if !errors.Is(err, StatusBadParameter) || p != nil {
				t.Errorf("%v %s: %+v, error %v, want a bad parameter", tt.cmd, tt.in, p, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%v %s: %v", tt.cmd, tt.in, err)
			continue
		}
		if got := string(p.Append(nil)); got != tt.out {
			t.Errorf("%v %s\n got %s\nwant %s", tt.cmd, tt.in, got, tt.out)
		}
		again, err := ParseRequest(tt.cmd, []byte(tt.out))
		if diff := cmp.Diff(p, again, valueEqual); err != nil || diff != "" {
			t.Errorf("%v %s comes back different: %v %s", tt.cmd, tt.out, err, diff)
		}
	}
	for _, in := range Catalog() {
		if !seen[in.Command] {
			t.Errorf("%s has no row in the table", in.Name)
		}
	}
}

func TestReplies(t *testing.T) {
	for _, tt := range []struct {
		cmd     Command
		in, out string
	}{
		{CmdGetVariable, `["0123"]`, `["0123"]`},
		{CmdGetVariable, `[null,["config","update"]]`, `[null,["config","update"]]`},
		{CmdGetVariable, `[{"a":1},["a.b"]]`, `[{"a":1},["a.b"]]`},
		{CmdGetVariable, `[null]`, `[null,[]]`},
		{CmdGetVariable, `[[],[]]`, `[[],[]]`},
		{CmdGetVariable, `5`, ""},
		{CmdGetVariable, `[1,2]`, ""},
		{CmdRegisterVariable, `"DT_ID_0"`, `"DT_ID_0"`},
		{CmdRegisterVariable, `7`, ""},
		{CmdRegisterSMSListener, `2`, `2`},
		{CmdTableNew, `"ram:a.t-temp-timestamp.tbl"`, `"ram:a.t-temp-timestamp.tbl"`},
		{CmdRegister, ``, `null`},
		{CmdPFlush, `"no server"`, `"no server"`},
		{CmdExecuteScript, `{"id":"exec_01"}`, `{"id":"exec_01"}`},
		{CmdExecuteScript, `null`, ""},
	} {
		p, err := ParseReply(tt.cmd, []byte(tt.in))
		if tt.out == "" {
			if !errors.Is(err, StatusBadParameter) || p != nil {
				t.Errorf("%v %s: %+v, error %v", tt.cmd, tt.in, p, err)
			}
		} else if err != nil || string(p.Append(nil)) != tt.out {
			t.Errorf("%v %s: %+v, error %v", tt.cmd, tt.in, p, err)
		}
	}
	if _, err := ParseReply(CmdGetVariable, []byte(`[null,"handler not found"]`)); !errors.Is(err, StatusNotFound) || err.Error() != "handler not found" {
		t.Errorf("the original's text in place of the children: %v", err)
	}
	for _, parse := range []func(Command, []byte) (Payload, error){ParseRequest, ParseReply} {
		if _, err := parse(53, nil); !errors.Is(err, StatusNotImplemented) {
			t.Errorf("unknown command: %v", err)
		}
	}
}

func TestErrorsNameTheField(t *testing.T) {
	for in, want := range map[string]string{
		`{"path":"p"}`:                   "asset is missing",
		`{"asset":"a","policy":[1]}`:     "policy is a list, a string is wanted",
		`{"asset":"a","path":"p"`:        "malformed JSON at byte 23: no comma or end of the map",
		`{"asset":"a","data":[1]}`:       "bad record key",
		"{\"asset\":\"\xff\",\"a\":[1]}": "malformed JSON at byte 12: string is not UTF-8",
	} {
		if _, err := ParsePData([]byte(in)); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", in, err, want)
		}
	}
}

func TestCatalog(t *testing.T) {
	ids := "1 2 3 4 7 8 9 10 11 12 13 20 21 22 23 24 25 30 32 33 40 41 43 44 45 46 47 50 51 52 100 101 102 103"
	toApp := "1 8 12 20 22"
	var all, app []string
	for _, in := range Catalog() {
		id := fmt.Sprint(uint16(in.Command))
		all = append(all, id)
		if in.Direction == ToApplication {
			app = append(app, id)
		}
		p, err := ParseRequest(in.Command, []byte(in.Example))
		if err != nil {
			t.Errorf("%s: example %s: %v", in.Name, in.Example, err)
		} else if got := string(p.Append(nil)); got != in.Example {
			t.Errorf("%s: example\n     %s\ngives %s", in.Name, in.Example, got)
		}
		r, err := ParseReply(in.Command, []byte(in.Reply))
		if err != nil {
			t.Errorf("%s: reply %s: %v", in.Name, in.Reply, err)
		} else if got := string(r.Append(nil)); got != in.Reply {
			t.Errorf("%s: reply %s gives %s", in.Name, in.Reply, got)
		}
		for _, name := range []string{in.Name, strings.ToLower(in.Name), id} {
			if c, ok := Lookup(name); c != in.Command || !ok {
				t.Errorf("Lookup(%s) = %v, %v", name, c, ok)
			}
		}
		if in.Command.String() != in.Name || in.Command.Direction() != in.Direction || in.About == "" || in.Command.Private() {
			t.Errorf("%s: %v %v %q", in.Name, in.Command, in.Command.Direction(), in.About)
		}
	}
	if got := strings.Join(all, " "); got != ids {
		t.Errorf("ids\n got %s\nwant %s", got, ids)
	}
	if got := strings.Join(app, " "); got != toApp {
		t.Errorf("to the application: %s, want %s", got, toApp)
	}
	if c, ok := Lookup("UnregisterVariable"); c != CmdDeRegisterVariable || !ok {
		t.Error("the original's name of DeRegisterVariable is not known")
	}
	if c, ok := Lookup("53"); c != 53 || !ok || c.String() != "command 53" {
		t.Errorf("Lookup(53) = %v, %v", c, ok)
	}
	for _, s := range []string{"", "Nope", "65536", "-1", "1x"} {
		if _, ok := Lookup(s); ok {
			t.Errorf("Lookup(%q) succeeds", s)
		}
	}
	if !PrivateFirst.Private() || !PrivateLast.Private() || Command(199).Private() || Command(240).Private() {
		t.Error("the private range is 200 to 239")
	}
}

func FuzzRequest(f *testing.F) {
	for _, tt := range payloads {
		f.Add(uint16(tt.cmd), []byte(tt.in))
	}
	for _, in := range Catalog() {
		f.Add(uint16(in.Command), []byte(in.Reply))
	}
	f.Fuzz(func(t *testing.T, id uint16, b []byte) {
		for _, parse := range []func(Command, []byte) (Payload, error){ParseRequest, ParseReply} {
			p, err := parse(Command(id), b)
			if err != nil {
				if p != nil {
					t.Fatalf("%+v beside %v", p, err)
				}
				if _, ok := errors.AsType[Status](err); !ok {
					t.Fatalf("error without a status: %v", err)
				}
				continue
			}
			text := p.Append(nil)
			again, err := parse(Command(id), text)
			if err != nil {
				t.Fatalf("%v %q: canonical %s: %v", Command(id), b, text, err)
			}
			if got := again.Append(nil); !bytes.Equal(got, text) {
				t.Fatalf("%v %q: %s, then %s", Command(id), b, text, got)
			}
		}
	})
}
