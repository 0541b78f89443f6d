package journal

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"lander/lib/durable"
)

// keepBuffer is the largest buffer that is kept for the next commit, in bytes.
const keepBuffer = 64 << 10

// commit writes the lines of a batch and syncs them. The caller holds token
// and lock. On error the file is as it was.
func (j *Journal) commit(batch []*pending) error {
	if err := j.refresh(); err != nil {
		j.drop()
		return fmt.Errorf("appending to the journal %s: %w", j.path, durable.Cause(err))
	}
	at := j.tail
	now := j.clock().UTC().Format(TimeLayout)
	buf := j.buf[:0]
	add := func(l *Line) {
		l.Seq, l.Time, l.Prev = at.seq+1, now, at.hash
		buf = AppendLine(buf, *l)
		l.Hash = hashOf(buf)
		at.seq, at.hash = l.Seq, l.Hash
	}
	for _, l := range j.repairs {
		add(&l)
	}
	for _, p := range batch {
		for i := range p.lines {
			add(&p.lines[i])
		}
	}
	if j.buf = buf; cap(buf) > keepBuffer {
		j.buf = nil
	}
	if j.max > 0 && j.tail.size > 0 && j.tail.size+int64(len(buf)) > j.max {
		if err := j.rotate(); err != nil {
			// An oversized file is better than no journal: Windows does not
			// rename what another process has open.
			j.log.Warn("journal not rotated", "path", j.path, "error", err)
		}
	}
	at.size = j.tail.size + int64(len(buf))
	if err := j.write(buf, at); err != nil {
		err = durable.Cause(err)
		// What was not acknowledged must not stay.
		if j.file != nil {
			if terr := j.file.Truncate(j.tail.size); terr != nil {
				err = fmt.Errorf("%w; and taking it back: %w", err, durable.Cause(terr))
			}
		}
		j.drop()
		return fmt.Errorf("appending to the journal %s: %w", j.path, err)
	}
	j.tail, j.repairs = at, nil
	return nil
}

// write puts buf at the end of the file, and at into the head.
func (j *Journal) write(buf []byte, at tail) error {
	if j.file == nil {
		if err := j.open(); err != nil {
			return err
		}
	}
	// A torn tail is overwritten, not cut first: a crash in between leaves
	// another torn tail and not a gap that nobody notes.
	if _, err := j.file.WriteAt(buf, j.tail.size); err != nil {
		return err
	}
	if j.tail.torn > 0 {
		if err := j.file.Truncate(at.size); err != nil {
			return err
		}
	}
	if err := j.file.Sync(); err != nil {
		return err
	}
	// The head is written after the lines and not synced: after a power cut
	// it may be behind them, never before them.
	return writeHead(filepath.Join(j.dir, HeadName), at)
}

// refresh makes file and tail agree with the disk, where other processes
// append, rotate and die.
func (j *Journal) refresh() error {
	st, err := os.Stat(j.path)
	if err == nil && j.file != nil && os.SameFile(st, j.info) && st.Size() == j.tail.size {
		return nil
	}
	j.drop()
	if err := j.open(); err != nil {
		return err
	}
	t, err := readTail(j.file)
	if errors.Is(err, errDamaged) {
		return j.setAside()
	}
	if err != nil {
		return err
	}
	if t.torn > 0 {
		j.noteTorn(t)
	}
	size, torn := t.size, t.torn
	if size == 0 {
		// Just rotated, or the first start: the chain ends in an older file.
		if t, err = j.olderTail(); err != nil {
			return err
		}
	}
	head, err := readHead(filepath.Join(j.dir, HeadName))
	if err != nil {
		return err
	}
	if head.seq > t.seq || head.seq == t.seq && head.hash != t.hash {
		j.repair(fmt.Sprintf("%s is at seq %d hash %s, the journal ends at seq %d", HeadName, head.seq, head.hash, t.seq), "")
	}
	if t.seq == 0 && head.seq > 0 {
		t = head // every file is gone: at least no seq comes twice
	}
	t.size, t.torn = size, torn
	j.tail = t
	return nil
}

// open opens the current file and makes it durably when it is not there.
func (j *Journal) open() error {
	f, err := os.OpenFile(j.path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		if f, err = os.OpenFile(j.path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); err == nil {
			err = durable.SyncDir(j.dir)
		}
	}
	if err != nil {
		if f != nil {
			f.Close()
		}
		return err
	}
	if j.info, err = f.Stat(); err != nil {
		f.Close()
		return err
	}
	if !j.info.Mode().IsRegular() {
		f.Close()
		return errors.New("not a regular file")
	}
	j.file = f
	return nil
}

// olderTail is the end of the chain in the newest rotated file, or the zero
// chain.
func (j *Journal) olderTail() (tail, error) {
	none := tail{hash: Zero}
	files, err := rotated(j.dir)
	if err != nil || len(files) == 0 {
		return none, err
	}
	f, err := os.Open(files[len(files)-1])
	if err != nil {
		return none, err
	}
	defer f.Close()
	t, err := readTail(f)
	if errors.Is(err, errDamaged) {
		return lastGood(f)
	}
	return t, err
}

// setAside rotates a file whose last line is damaged, so that the damage stays
// for Verify to show and the journal goes on.
func (j *Journal) setAside() error {
	t, err := lastGood(j.file)
	if err != nil {
		return err
	}
	head, err := readHead(filepath.Join(j.dir, HeadName))
	if err != nil {
		return err
	}
	if head.seq > t.seq {
		t = head
	}
	if err := j.rotate(); err != nil {
		return err
	}
	j.repair(fmt.Sprintf("the last line of the file before is damaged; the chain goes on from seq %d", t.seq), "")
	t.size, t.torn = 0, 0
	j.tail = t
	return j.open()
}

// rotate renames the current file; the next one is made when it is written.
func (j *Journal) rotate() error {
	files, err := rotated(j.dir)
	if err != nil {
		return err
	}
	n := 1
	if len(files) > 0 {
		n = rotation(filepath.Base(files[len(files)-1])) + 1
	}
	to := filepath.Join(j.dir, fmt.Sprintf(rotatedName, n))
	// Closed first, for the systems that do not rename open files.
	j.file.Close()
	j.file = nil
	if err := os.Rename(j.path, to); err != nil {
		return errors.Join(err, j.open())
	}
	j.log.Info("journal rotated", "to", to)
	j.tail.size = 0
	return durable.SyncDir(j.dir)
}

func (j *Journal) noteTorn(t tail) {
	sum := ""
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(j.file, t.size, t.torn)); err == nil {
		sum = fmt.Sprintf("%x", h.Sum(nil))
	}
	j.repair(fmt.Sprintf("cut %d bytes of a torn line", t.torn), sum)
}

// repair queues a line of the journal about itself. It stays queued while
// appends fail, and is not queued again when the next one finds the same.
func (j *Journal) repair(reason, sum string) {
	if slices.ContainsFunc(j.repairs, func(l Line) bool { return l.Reason == reason && l.SHA256 == sum }) {
		return
	}
	j.log.Warn("journal repaired", "path", j.path, "reason", reason)
	j.repairs = append(j.repairs, Line{Source: "journal", Actor: "journal", Action: ActionRepair, Name: FileName, SHA256: sum, Reason: reason, Outcome: "repaired"})
}
