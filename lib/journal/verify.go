package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"lander/lib/durable"
)

// Report is what Verify found.
type Report struct {
	Files   int    // files read
	Lines   uint64 // lines that stand in the chain
	First   uint64 // seq of the first line; above 1 when older files are not there
	Last    uint64 // seq of the last line, 0 when there is none
	Hash    string // hash of the last line: the head to keep elsewhere
	Torn    int64  // bytes of a line at the end that a crash left, 0 when there is none
	Repairs int    // lines that the journal wrote about itself
	HeadSeq uint64 // seq of the line whose hash is the wanted head, 0 when none was wanted
}

// BrokenError names the first place where the chain does not hold.
type BrokenError struct {
	File string // path, empty when a bare reader was verified
	Line int    // counted from 1 within the file; 0: the journal as a whole
	Why  string
}

func (e *BrokenError) Error() string {
	at := "the journal"
	if e.File != "" {
		at = e.File
	}
	if e.Line > 0 {
		at = fmt.Sprintf("%s line %d", at, e.Line)
	}
	return at + ": " + e.Why
}

// Verify reads one file of a journal and checks that each line fits its hash
// and follows the one before. The first line may carry on an older file. When
// head is not empty the line with this hash must be there; lines may follow
// it. A chain that does not hold is a *BrokenError, and the Report then covers
// what came before. Verify holds at most one line of at most MaxLine bytes.
func Verify(ctx context.Context, r io.Reader, head string) (Report, error) {
	v := verifier{head: head}
	if err := v.file(ctx, "", r, true); err != nil {
		return v.rep, err
	}
	return v.rep, v.finish("")
}

// VerifyDir verifies the rotated files and the current file of the journal in
// dir as one chain. Beside head, journal.head must be in the chain. Appends
// may go on meanwhile: what they add after VerifyDir began is not looked at.
// A directory without a journal is fs.ErrNotExist.
func VerifyDir(ctx context.Context, dir, head string) (Report, error) {
	files, current, size, kept, err := snapshot(ctx, dir)
	if err != nil {
		return Report{}, fmt.Errorf("verifying the journal in %s: %w", dir, err)
	}
	if current != nil {
		defer current.Close()
	}
	v := verifier{head: head, kept: kept}
	for i, path := range files {
		f, err := os.Open(path)
		if err != nil {
			return v.rep, fmt.Errorf("verifying the journal in %s: %w", dir, err)
		}
		err = v.file(ctx, path, f, current == nil && i == len(files)-1)
		f.Close()
		if err != nil {
			return v.rep, err
		}
	}
	if current != nil {
		if err := v.file(ctx, current.Name(), io.LimitReader(current, size), true); err != nil {
			return v.rep, err
		}
	}
	return v.rep, v.finish(dir)
}

// snapshot fixes what VerifyDir reads: under the lock between processes, or
// without it when the directory may only be read.
func snapshot(ctx context.Context, dir string) (files []string, current *os.File, size int64, kept tail, err error) {
	wait, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if _, err := os.Stat(dir); err != nil {
		return nil, nil, 0, kept, durable.Cause(err)
	}
	lock, err := lockDir(wait, dir)
	switch {
	case err == nil:
		defer lock.Release()
	case !errors.Is(err, fs.ErrPermission) && !errors.Is(err, syscall.EROFS):
		return nil, nil, 0, kept, err
	}
	if files, err = rotated(dir); err != nil {
		return nil, nil, 0, kept, err
	}
	if kept, err = readHead(filepath.Join(dir, HeadName)); err != nil {
		return nil, nil, 0, kept, err
	}
	current, err = os.Open(filepath.Join(dir, FileName))
	if errors.Is(err, fs.ErrNotExist) && (len(files) > 0 || kept.seq > 0) {
		return files, nil, 0, kept, nil
	}
	if err != nil {
		return nil, nil, 0, kept, err
	}
	st, err := current.Stat()
	if err != nil {
		current.Close()
		return nil, nil, 0, kept, err
	}
	return files, current, st.Size(), kept, nil
}

type verifier struct {
	rep  Report
	head string // hash that must be met
	kept tail   // journal.head, which must be met too; seq 0: there is none

	metKept bool
}

// file verifies one file; only the last may have a torn tail.
func (v *verifier) file(ctx context.Context, path string, r io.Reader, last bool) error {
	v.rep.Files++
	in := newLines(r)
	for n := 1; ; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return fmt.Errorf("verifying the journal: %w", ctx.Err())
		}
		b, err := in.next()
		broken := func(format string, args ...any) error {
			return &BrokenError{File: path, Line: n, Why: fmt.Sprintf(format, args...)}
		}
		switch {
		case err == io.EOF:
			return nil
		case errors.Is(err, errTorn) && last:
			v.rep.Torn = in.size
			return nil
		case errors.Is(err, errTorn), errors.Is(err, errLong):
			return broken("%v", err)
		case err != nil:
			return fmt.Errorf("verifying the journal %s: %w", path, err)
		}
		l, err := ParseLine(b)
		switch {
		case err != nil:
			return broken("%v", err)
		case v.rep.Lines == 0 && l.Seq == 1 && l.Prev != Zero:
			return broken("the first line has a line before it")
		case v.rep.Lines > 0 && l.Prev != v.rep.Hash:
			return broken("does not follow the line before: prev is %s, the hash before is %s", l.Prev, v.rep.Hash)
		case v.rep.Lines > 0 && l.Seq != v.rep.Last+1:
			return broken("seq %d follows seq %d", l.Seq, v.rep.Last)
		}
		v.line(l)
	}
}

func (v *verifier) line(l Line) {
	if v.rep.Lines == 0 {
		v.rep.First = l.Seq
	}
	v.rep.Lines++
	v.rep.Last, v.rep.Hash = l.Seq, l.Hash
	if l.Action == ActionRepair {
		v.rep.Repairs++
	}
	if l.Hash == v.head {
		v.rep.HeadSeq = l.Seq
	}
	if l.Seq == v.kept.seq && l.Hash == v.kept.hash {
		v.metKept = true
	}
}

func (v *verifier) finish(dir string) error {
	if v.head != "" && v.rep.HeadSeq == 0 {
		return &BrokenError{File: dir, Why: fmt.Sprintf("no line has the hash %s: lines were cut off or rewritten", v.head)}
	}
	if v.kept.seq > 0 && !v.metKept {
		return &BrokenError{File: dir, Why: fmt.Sprintf("%s says seq %d hash %s, which is not in the chain: lines were cut off or rewritten", HeadName, v.kept.seq, v.kept.hash)}
	}
	return nil
}
