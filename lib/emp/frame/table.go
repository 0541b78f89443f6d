package frame

// The kinds of storage [EMP 4, 40]. The document and C clients say flash for
// what Lua clients call file: it is parsed as StorageFile.
const (
	StorageRAM   = "ram"
	StorageFile  = "file"
	storageFlash = "flash"
)

func (f *fields) storage() string {
	s := f.text(StorageRAM, "storage")
	f.oneOf("storage", s, StorageRAM, StorageFile, storageFlash)
	if s == storageFlash {
		s = StorageFile
	}
	return s
}

func storageOr(s string) string {
	if s == "" {
		return StorageRAM
	}
	return s
}

// TableNew makes a table, or finds the one of the same asset, path, storage
// and columns [EMP 4, 40].
type TableNew struct {
	Asset   string
	Storage string // StorageRAM or StorageFile; "" is sent as StorageRAM
	Policy  string // "" is sent as PolicyDefault
	Path    string
	Columns []Column
	Purge   bool
}

// Append implements Payload.
func (p TableNew) Append(dst []byte) []byte {
	return newObject(dst).text(p.Asset, "asset").text(storageOr(p.Storage), "storage").
		text(policyOr(p.Policy, PolicyDefault), "policy", "queue").text(p.Path, "path").
		value(columnList(p.Columns), "columns").flag(p.Purge, "purge").end()
}

// ParseTableNew reads the payload of CmdTableNew.
func ParseTableNew(b []byte) (TableNew, error) {
	f := parseFields(b)
	p := TableNew{
		Asset:   f.needText("asset"),
		Storage: f.storage(),
		Policy:  policyOr(f.text("", "policy", "queue"), PolicyDefault),
		Path:    f.text("", "path"),
		Columns: f.columns(false),
		Purge:   f.flag(false, "purge"),
	}
	if f.err != nil {
		return TableNew{}, f.err
	}
	return p, nil
}

// TableID is the body of the response to TableNew and ConsoNew, and the
// payload of TableReset [EMP 4, 40, 44, 45]: an opaque string.
type TableID string

// Append implements Payload.
func (p TableID) Append(dst []byte) []byte { return AppendString(dst, string(p)) }

// ParseTableID reads the body of the response to CmdTableNew or CmdConsoNew.
func ParseTableID(b []byte) (TableID, error) {
	s, err := parseText(b, "table id")
	return TableID(s), err
}

// TableRow adds a row [EMP 4, 41]. Row holds scalars by column name; null is
// the same as missing.
type TableRow struct {
	Table TableID
	Row   []Member
}

// Append implements Payload.
func (p TableRow) Append(dst []byte) []byte {
	return newObject(dst).text(string(p.Table), "table").value(Map(p.Row...), "row").end()
}

// ParseTableRow reads the payload of CmdTableRow. A list as row is taken for
// one without any known column, as the original does.
func ParseTableRow(b []byte) (TableRow, error) {
	f := parseFields(b)
	p := TableRow{Table: TableID(f.needText("table"))}
	row := f.get("row")
	if row.Scalar() {
		f.fail("row is %s, a map is wanted", row.Kind().some())
	}
	for _, m := range row.Members() {
		if !m.Value.Scalar() {
			f.fail("column %s is %s", m.Key, m.Value.Kind().some())
		}
		p.Row = append(p.Row, m)
	}
	if f.err != nil {
		return TableRow{}, f.err
	}
	return p, nil
}

// TableSetMaxRows sets the number of rows at which a table flushes itself
// [EMP 4, 43]; it is positive.
type TableSetMaxRows struct {
	Table   TableID
	MaxRows int64
}

// Append implements Payload.
func (p TableSetMaxRows) Append(dst []byte) []byte {
	return newObject(dst).text(string(p.Table), "table").number(p.MaxRows, "maxrows").end()
}

// ParseTableSetMaxRows reads the payload of CmdTableSetMaxRows.
func ParseTableSetMaxRows(b []byte) (TableSetMaxRows, error) {
	f := parseFields(b)
	p := TableSetMaxRows{TableID(f.needText("table")), f.number("maxrows")}
	if p.MaxRows <= 0 {
		f.fail("maxrows is not positive")
	}
	if f.err != nil {
		return TableSetMaxRows{}, f.err
	}
	return p, nil
}

// TableReset empties a table [EMP 4, 44].
type TableReset struct{ Table TableID }

// Append implements Payload.
func (p TableReset) Append(dst []byte) []byte {
	return newObject(dst).text(string(p.Table), "table").end()
}

// ParseTableReset reads the payload of CmdTableReset.
func ParseTableReset(b []byte) (TableReset, error) {
	f := parseFields(b)
	p := TableReset{TableID(f.needText("table"))}
	if f.err != nil {
		return TableReset{}, f.err
	}
	return p, nil
}

// ConsoNew sets up the consolidation of the table Src into a new one
// [EMP 4, 45]. Every column has a method.
type ConsoNew struct {
	Src         TableID
	Path        string
	Columns     []Column
	Storage     string // as in TableNew
	SendPolicy  string // of the destination; "" is sent as PolicyDefault
	ConsoPolicy string // of the source; "" is sent as PolicyDefault
	Purge       bool
}

// Append implements Payload.
func (p ConsoNew) Append(dst []byte) []byte {
	return newObject(dst).text(string(p.Src), "src").text(p.Path, "path").
		value(consoColumns(p.Columns), "columns").text(storageOr(p.Storage), "storage").
		text(policyOr(p.SendPolicy, PolicyDefault), "send_policy", "send_queue").
		text(policyOr(p.ConsoPolicy, PolicyDefault), "conso_policy", "conso_queue").
		flag(p.Purge, "purge").end()
}

// ParseConsoNew reads the payload of CmdConsoNew.
func ParseConsoNew(b []byte) (ConsoNew, error) {
	f := parseFields(b)
	p := ConsoNew{
		Src:         TableID(f.needText("src")),
		Path:        f.text("", "path"),
		Columns:     f.columns(true),
		Storage:     f.storage(),
		SendPolicy:  policyOr(f.text("", "send_policy", "send_queue"), PolicyDefault),
		ConsoPolicy: policyOr(f.text("", "conso_policy", "conso_queue"), PolicyDefault),
		Purge:       f.flag(false, "purge"),
	}
	if f.err != nil {
		return ConsoNew{}, f.err
	}
	return p, nil
}

// Trigger is the payload of ConsoTrigger, where Table is the source, and of
// SendTrigger [EMP 4, 46, 47].
type Trigger struct {
	Table     TableID
	DontReset bool // keep the rows
}

// Append implements Payload.
func (p Trigger) Append(dst []byte) []byte {
	return newObject(dst).text(string(p.Table), "table").flag(p.DontReset, "dont_reset").end()
}

// ParseTrigger reads the payload of CmdConsoTrigger and CmdSendTrigger.
func ParseTrigger(b []byte) (Trigger, error) {
	f := parseFields(b)
	p := Trigger{TableID(f.needText("table")), f.flag(false, "dont_reset")}
	if f.err != nil {
		return Trigger{}, f.err
	}
	return p, nil
}
