package stage

import (
	"maps"
	"slices"

	"lander/lib/durable"
	"lander/lib/emp/frame"
)

// fileHead is the first line of the file, a durable.Log. A record is a JSON
// list that begins with a letter:
//
//	["p",policy,seq,[path,{key:value}],...]    records of one PData, numbered from seq
//	["a",policy,seq,ticket,status,text]        an acknowledge
//	["u",seq]                                  it is no more
//	["t",TableNew,max]                         a table, new or changed
//	["d",id]                                   it is no more
//	["c",source,destination,policy]            a consolidation
//	["r",id,seq,[value,...]]                   a row
//	["k",source,upto,destination,seq,[...]]    a consolidation was done
//	["s",upto,[policy,...],[table,...]]        what was sent, by sequence number
const fileHead = "lander stage 1\n"

func appendLine(dst []byte, letter string, vs ...frame.Value) []byte {
	start := len(dst)
	dst = durable.BeginRecord(dst)
	dst = frame.List(append([]frame.Value{frame.String(letter)}, vs...)...).Append(dst)
	return durable.EndRecord(dst, start)
}

func number(n uint64) frame.Value { return frame.Int(int64(n)) }

func appendRecords(dst []byte, policy string, seq uint64, rs []record) []byte {
	vs := []frame.Value{frame.String(policy), number(seq)}
	for _, r := range rs {
		vs = append(vs, frame.List(frame.String(r.path), frame.Map(r.fields...)))
	}
	return appendLine(dst, "p", vs...)
}

func appendAck(dst []byte, policy string, a *ack) []byte {
	return appendLine(dst, "a", frame.String(policy), number(a.seq), a.ticket, frame.Int(a.status), frame.String(a.text))
}

func appendUnack(dst []byte, seq uint64) []byte { return appendLine(dst, "u", number(seq)) }

func appendTable(dst []byte, t *table) []byte {
	spec := frame.TableNew{Asset: t.asset, Storage: frame.StorageFile, Policy: t.policy, Path: t.below, Columns: t.columns}
	v, err := frame.ParseValue(spec.Append(nil))
	if err != nil {
		panic(err) // of our own making
	}
	return appendLine(dst, "t", v, frame.Int(t.max))
}

func appendRemove(dst []byte, id frame.TableID) []byte {
	return appendLine(dst, "d", frame.String(string(id)))
}

func appendConso(dst []byte, src *table) []byte {
	return appendLine(dst, "c", frame.String(string(src.id)), frame.String(string(src.conso.dst.id)), frame.String(src.conso.policy))
}

func appendRow(dst []byte, id frame.TableID, r row) []byte {
	return appendLine(dst, "r", frame.String(string(id)), number(r.seq), frame.List(r.values...))
}

func appendConsolidated(dst []byte, src frame.TableID, upto uint64, to frame.TableID, r row) []byte {
	return appendLine(dst, "k", frame.String(string(src)), number(upto), frame.String(string(to)), number(r.seq), frame.List(r.values...))
}

func appendSent(dst []byte, upto uint64, policies []*policy, tables []*table) []byte {
	var names, ids []string
	for _, p := range policies {
		names = append(names, p.name)
	}
	for _, t := range tables {
		if t.flash {
			ids = append(ids, string(t.id))
		}
	}
	return appendLine(dst, "s", number(upto), frame.Strings(names), frame.Strings(ids))
}

// whole is the text of a file that holds the present state. mu is held.
func (s *Stage) whole() []byte {
	b := []byte(fileHead)
	// The numbering goes on where it was.
	b = appendLine(b, "s", number(s.seq), frame.List(), frame.List())
	for _, name := range slices.Sorted(maps.Keys(s.policies)) {
		p := s.policies[name]
		if !s.o.Volatile {
			for _, g := range p.groups {
				for _, r := range g.rows {
					rec := record{path: g.path}
					for i, c := range g.columns {
						rec.fields = append(rec.fields, frame.Member{Key: c, Value: r.values[i]})
					}
					b = appendRecords(b, name, r.seq, []record{rec})
				}
			}
		}
		for _, a := range p.acks {
			if a.flash {
				b = appendAck(b, name, a)
			}
		}
	}
	flash := slices.DeleteFunc(s.sortedTables(), func(t *table) bool { return !t.flash })
	for _, t := range flash {
		b = appendTable(b, t)
		for _, r := range t.rows {
			b = appendRow(b, t.id, r)
		}
	}
	for _, t := range flash {
		if t.conso != nil && t.conso.dst.flash {
			b = appendConso(b, t)
		}
	}
	return b
}

// sortedTables are the tables in the order of their ids. mu is held.
func (s *Stage) sortedTables() []*table {
	out := make([]*table, 0, len(s.tables))
	for _, id := range slices.Sorted(maps.Keys(s.tables)) {
		out = append(out, s.tables[id])
	}
	return out
}
