package devtree

import (
	"errors"
	"log/slog"

	"lander/lib/durable"
	"lander/lib/emp/frame"
)

// fileHead is the first line of the file, a durable.Log. Each record is one
// confirmed change: the JSON list of [path, value] pairs in their order, null
// for a deletion.
const fileHead = "lander tree 1\n"

// appendRecord adds the line of a record.
func appendRecord(dst []byte, ops []op) []byte {
	start := len(dst)
	dst = append(durable.BeginRecord(dst), '[')
	for i, o := range ops {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = frame.SetVariable{Path: o.path, Value: o.value}.Append(dst)
	}
	return durable.EndRecord(append(dst, ']'), start)
}

func parseOps(rec []byte) ([]op, error) {
	v, err := frame.ParseValue(rec)
	if err != nil {
		return nil, err
	}
	var ops []op
	for _, e := range v.Elems() {
		pair := e.Elems()
		if len(pair) != 2 || !pair[1].Scalar() {
			return nil, errors.New("no pair of path and value")
		}
		path, ok := pair[0].Str()
		if !ok || path == "" || !isClean(path) {
			return nil, errors.New("no path")
		}
		ops = append(ops, op{path, pair[1]})
	}
	if len(ops) == 0 {
		return nil, errors.New("empty record")
	}
	return ops, nil
}

// applyRecord is what a log hands its records to.
func applyRecord(apply func([]op)) func([]byte) error {
	return func(rec []byte) error {
		ops, err := parseOps(rec)
		if err == nil {
			apply(ops)
		}
		return err
	}
}

// openLog opens or makes the file and replays its records.
func openLog(path string, log *slog.Logger, apply func([]op)) (*durable.Log, error) {
	l, o, err := durable.OpenLog(path, fileHead, applyRecord(apply))
	if o.Bad > 0 {
		log.Error("the variable tree's file is damaged", "file", path, "bad_records", o.Bad)
	}
	if o.Torn > 0 {
		log.Warn("the variable tree's file ends inside a change that was never confirmed", "file", path, "bytes", o.Torn)
	}
	return l, err
}
