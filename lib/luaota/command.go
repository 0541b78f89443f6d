package luaota

import "lander/lib/luaota/record"

// The commands [OTA 4]. The last three are ours: only a device that announced
// the stronger mode is sent them.
const (
	ActHello   = "HI"
	ActPut     = "pu" // keep data for the next dl or cm
	ActFile    = "dl" // write what was kept and data as a file
	ActCompile = "cm" // compile it to a .lc file
	ActMove    = "mv"
	ActList    = "ls"
	ActUpload  = "ul"
	ActRestart = "restart"
	ActRemove  = "rm" // delete a file; a missing one is fine
	ActHash    = "sh" // answer the size and hash of a file
	ActStrong  = "sx" // do nothing but answer: begins the stronger mode
)

// Command is a record for a device: its fields in the order of the wire, and
// the data behind them.
type Command struct {
	Action string
	Fields record.Object
	Data   []byte
	// Reads is how many bytes of data the answer brings: an ul answer does
	// not say.
	Reads int
}

// Put keeps data on the device for the next File or Compile.
func Put(data []byte) Command {
	return Command{Action: ActPut, Fields: record.Object{{Key: "data", Value: record.Int(int64(len(data)))}}, Data: data}
}

// File writes what was put and data to name.
func File(name string, data []byte) Command { return transfer(ActFile, name, data) }

// Compile compiles what was put and data, to name with .lc for its last four
// bytes.
func Compile(name string, data []byte) Command { return transfer(ActCompile, name, data) }

func transfer(action, name string, data []byte) Command {
	return Command{Action: action, Fields: record.Object{
		{Key: "data", Value: record.Int(int64(len(data)))}, {Key: "name", Value: record.String(name)},
	}, Data: data}
}

// Move renames a file; one that stands at to is lost.
func Move(from, to string) Command {
	return Command{Action: ActMove, Fields: record.Object{{Key: "from", Value: record.String(from)}, {Key: "to", Value: record.String(to)}}}
}

// List asks for the names and sizes of all files.
func List() Command { return Command{Action: ActList} }

// Upload asks for n bytes of a file; the caller knows from List that they are
// there.
func Upload(name string, offset, n int) Command {
	return Command{Action: ActUpload, Fields: record.Object{
		{Key: "name", Value: record.String(name)}, {Key: "offset", Value: record.Int(int64(offset))}, {Key: "len", Value: record.Int(int64(n))},
	}, Reads: n}
}

// Remove deletes a file.
func Remove(name string) Command {
	return Command{Action: ActRemove, Fields: record.Object{{Key: "name", Value: record.String(name)}}}
}

// Hash asks for the size and hash of a file.
func Hash(name string) Command {
	return Command{Action: ActHash, Fields: record.Object{{Key: "name", Value: record.String(name)}}}
}

// text is the record's JSON, with a nonce when one is due.
func (c Command) text(dst []byte, nonce string) []byte {
	o := make(record.Object, 0, len(c.Fields)+2)
	o = append(o, record.Member{Key: "a", Value: record.String(c.Action)})
	o = append(o, c.Fields...)
	if nonce != "" {
		o = append(o, record.Member{Key: "n", Value: record.String(nonce)})
	}
	return o.Append(dst)
}

// Room is how many bytes of data fit one record of the stronger mode that
// carries a name.
func Room(name string) int {
	head := len(transfer(ActFile, name, nil).text(nil, "")) + 4 + 2*record.SealBytes + 1
	return record.MaxRecord - head
}
