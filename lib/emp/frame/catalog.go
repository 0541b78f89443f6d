package frame

import "slices"

// Info describes a command.
type Info struct {
	Command   Command
	Name      string
	Direction Direction
	Example   string // a payload as JSON text, never empty: null says it all
	Reply     string // an example of the body of a successful response
	About     string // one line for people

	request func([]byte) (Payload, error)
	reply   func([]byte) (Payload, error)
}

// Catalog lists every public command in the order of the ids.
func Catalog() []Info { return slices.Clone(catalog) }

// Describe returns the entry of one command.
func (c Command) Describe() (Info, bool) {
	if in := c.entry(); in != nil {
		return *in, true
	}
	return Info{}, false
}

// ParseRequest reads the payload of any command of the catalog. An unknown
// command is a StatusNotImplemented error.
func ParseRequest(c Command, payload []byte) (Payload, error) {
	in := c.entry()
	if in == nil {
		return nil, Errorf(StatusNotImplemented, "unsupported EMP command %d", uint16(c))
	}
	return in.request(payload)
}

// ParseReply reads the body of a successful response to any command of the
// catalog.
func ParseReply(c Command, body []byte) (Payload, error) {
	in := c.entry()
	if in == nil {
		return nil, Errorf(StatusNotImplemented, "unsupported EMP command %d", uint16(c))
	}
	return in.reply(body)
}

func typed[T Payload](parse func([]byte) (T, error)) func([]byte) (Payload, error) {
	return func(b []byte) (Payload, error) {
		p, err := parse(b)
		if err != nil {
			return nil, err
		}
		return p, nil
	}
}

// anyValue is a body that is carried as it is: agents use it for text.
func anyValue(b []byte) (Payload, error) {
	v, err := ParseValue(b)
	if err != nil {
		return nil, err
	}
	return v, nil
}

const execution = `{"id":"exec_01","status":"completed","exit_code":0,"stdout":"hello\n"}`

var catalog = []Info{
	{CmdSendData, "SendData", ToApplication,
		`{"__class":"AWT-DA::Message","Path":"asset1.led","path":"asset1.led","TicketId":7,"ticketid":7,"Body":{"on":true},"body":{"on":true}}`,
		"null", "data coming from the server", typed(ParseSendData), anyValue},
	{CmdRegister, "Register", ToAgent, `"asset1"`,
		"null", "receive the messages to an asset", typed(ParseRegister), anyValue},
	{CmdUnregister, "Unregister", ToAgent, `"asset1"`,
		"null", "receive them no longer", typed(ParseUnregister), anyValue},
	{CmdConnectToServer, "ConnectToServer", ToAgent, `30`,
		"null", "connect in so many seconds; null connects and waits", typed(ParseConnectToServer), anyValue},
	{CmdRegisterSMSListener, "RegisterSMSListener", ToAgent, `["^%+33","hello"]`,
		"2", "receive SMS by sender and text, as Lua patterns", typed(ParseRegisterSMSListener), typed(ParseListenerID)},
	{CmdNewSMS, "NewSMS", ToApplication, `["+3312","say hello",2]`,
		"null", "an SMS has come: sender, text, listener id", typed(ParseNewSMS), anyValue},
	{CmdGetVariable, "GetVariable", ToAgent, `"config.agent.deviceId"`,
		`["012345678901234"]`, "read a variable, or list the children of a node", typed(ParseGetVariable), typed(ParseVariables)},
	{CmdSetVariable, "SetVariable", ToAgent, `["config.foo",{"a":1,"b":{"c":"x"}}]`,
		"null", "set variables; null deletes", typed(ParseSetVariable), anyValue},
	{CmdRegisterVariable, "RegisterVariable", ToAgent, `[["config.foo"],["config.agent.deviceId"]]`,
		`"DT_ID_0"`, "be notified of changes; the second list comes along", typed(ParseRegisterVariable), typed(ParseWatchID)},
	{CmdNotifyVariable, "NotifyVariable", ToApplication, `["DT_ID_0",{"config.agent.deviceId":"0123","config.foo.q":5}]`,
		"null", "variables have changed", typed(ParseNotifyVariable), anyValue},
	{CmdDeRegisterVariable, "DeRegisterVariable", ToAgent, `"DT_ID_0"`,
		"null", "end a RegisterVariable", typed(ParseWatchID), anyValue},
	{CmdSoftwareUpdate, "SoftwareUpdate", ToApplication, `["asset1.pkg1","1.2","/path/of/component",{"x":1}]`,
		"null", "install a component; empty strings remove it", typed(ParseSoftwareUpdate), anyValue},
	{CmdSoftwareUpdateResult, "SoftwareUpdateResult", ToAgent, `["asset1.pkg1",200]`,
		"null", "what came of it; 200 is success", typed(ParseSoftwareUpdateResult), anyValue},
	{CmdSoftwareUpdateStatus, "SoftwareUpdateStatus", ToApplication, `[1,"15%"]`,
		"null", "how an update goes", typed(ParseSoftwareUpdateStatus), anyValue},
	{CmdSoftwareUpdateRequest, "SoftwareUpdateRequest", ToAgent, `0`,
		"null", "pause (0), resume (1) or abort (2) an update", typed(ParseUpdateAction), anyValue},
	{CmdRegisterUpdateListener, "RegisterUpdateListener", ToAgent, `null`,
		"null", "receive SoftwareUpdateStatus", typed(ParseNothing), anyValue},
	{CmdUnregisterUpdateListener, "UnregisterUpdateListener", ToAgent, `null`,
		"null", "receive it no longer", typed(ParseNothing), anyValue},
	{CmdPData, "PData", ToAgent, `{"asset":"asset1","policy":"hourly","queue":"hourly","path":"p","data":{"x":1,"y":2}}`,
		"null", "send data when its policy says so", typed(ParsePData), anyValue},
	{CmdPFlush, "PFlush", ToAgent, `{"policy":"hourly","queue":"hourly"}`,
		"null", "send what waits for a policy; * for all", typed(ParsePFlush), anyValue},
	{CmdPAcknowledge, "PAcknowledge", ToAgent, `{"ticket":7,"status":0,"message":"ok","policy":"now","queue":"now","persisted":false}`,
		"null", "acknowledge a SendData", typed(ParsePAcknowledge), anyValue},
	{CmdTableNew, "TableNew", ToAgent, `{"asset":"asset1","storage":"ram","policy":"never","queue":"never","path":"t","columns":["timestamp","temp"],"purge":false}`,
		`"ram:asset1.t-temp-timestamp.tbl"`, "make or find a table", typed(ParseTableNew), typed(ParseTableID)},
	{CmdTableRow, "TableRow", ToAgent, `{"table":"ram:asset1.t-temp-timestamp.tbl","row":{"timestamp":1,"temp":25}}`,
		"null", "add a row", typed(ParseTableRow), anyValue},
	{CmdTableSetMaxRows, "TableSetMaxRows", ToAgent, `{"table":"ram:asset1.t-temp-timestamp.tbl","maxrows":100}`,
		"null", "flush the table at so many rows", typed(ParseTableSetMaxRows), anyValue},
	{CmdTableReset, "TableReset", ToAgent, `{"table":"ram:asset1.t-temp-timestamp.tbl"}`,
		"null", "empty a table", typed(ParseTableReset), anyValue},
	{CmdConsoNew, "ConsoNew", ToAgent, `{"src":"ram:asset1.t-temp-timestamp.tbl","path":"dst","columns":{"timestamp":"median","temp":"mean"},"storage":"ram","send_policy":"hourly","send_queue":"hourly","conso_policy":"daily","conso_queue":"daily","purge":false}`,
		`"ram:asset1.dst-temp-timestamp.tbl"`, "consolidate a table into another", typed(ParseConsoNew), typed(ParseTableID)},
	{CmdConsoTrigger, "ConsoTrigger", ToAgent, `{"table":"ram:asset1.t-temp-timestamp.tbl","dont_reset":false}`,
		"null", "consolidate now", typed(ParseTrigger), anyValue},
	{CmdSendTrigger, "SendTrigger", ToAgent, `{"table":"ram:asset1.t-temp-timestamp.tbl","dont_reset":false}`,
		"null", "send a table now", typed(ParseTrigger), anyValue},
	{CmdReboot, "Reboot", ToAgent, `"because"`,
		"null", "reboot; the reason goes to the log", typed(ParseReboot), anyValue},
	{CmdUnregisterSMSListener, "UnregisterSMSListener", ToAgent, `2`,
		"null", "end a RegisterSMSListener", typed(ParseListenerID), anyValue},
	{CmdSendSMS, "SendSMS", ToAgent, `["+33612345678","hi","8bits"]`,
		"null", "send an SMS: recipient, text, 7bits, 8bits or ucs2", typed(ParseSendSMS), anyValue},
	{CmdExecuteScript, "ExecuteScript", ToAgent, `{"url":"http://127.0.0.1/job.lua.signed","ticket":"t1","wait":true}`,
		execution, "run a signed script", typed(ParseExecuteScript), typed(ParseExecution)},
	{CmdSimulate, "Simulate", ToAgent, `{"command":"sms","from":"+3312","text":"say hello"}`,
		"null", "make a development agent send senddata, sms, update or updatestatus", typed(ParseSimulate), anyValue},
	{CmdExecutionStatus, "ExecutionStatus", ToAgent, `{"id":"exec_01"}`,
		execution, "how an execution goes", typed(ParseExecutionStatus), typed(ParseExecution)},
	{CmdStopExecution, "StopExecution", ToAgent, `{"id":"exec_01","force":false}`,
		execution, "stop an execution, by id or ticket", typed(ParseStopExecution), typed(ParseExecution)},
}
