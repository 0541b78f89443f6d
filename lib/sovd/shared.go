package sovd

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"lander/lib/job"
	"lander/lib/store"
)

// Shared is a library of scripts in a store, which all gateways on that store
// have. It is for scripts that run elsewhere, on the devices of a fleet: what
// the manifest has, and the limits, are those of the Files that it is made
// from. A script is there when its metadata are: they are written after its
// last part, and go before its first.
//
//	scripts/KIND/ENTITY/ID  the metadata
//	scriptparts/ID/NNNN     the bytes, up to store.MaxValue each
//	scriptpending/ID        while parts may be there without metadata
type Shared struct {
	f  *Files
	st store.Store

	mu    sync.Mutex
	swept time.Time
}

// Shared returns the library in st.
func (f *Files) Shared(st store.Store) *Shared { return &Shared{f: f, st: st} }

// sharedScript is the metadata of a script in a store.
type sharedScript struct {
	metadata
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
	Parts  int    `json:"parts"`
}

// What was left of uploads and deletions that broke off goes after a day.
const (
	pendingKept  = 24 * time.Hour
	pendingSwept = time.Hour
)

func sharedPrefix(e Ref) string { return "scripts/" + e.Kind + "/" + store.Word(dirName(e.ID)) }

func sharedKey(e Ref, id string) string { return sharedPrefix(e) + "/" + store.Word(dirName(id)) }

func partsPrefix(id string) string { return "scriptparts/" + store.Word(dirName(id)) }

func partKey(id string, n int) string { return fmt.Sprintf("%s/%04d", partsPrefix(id), n) }

func pendingKey(id string) string { return "scriptpending/" + store.Word(dirName(id)) }

// managed returns a script of the manifest that the entity sees.
func (s *Shared) managed(e Ref, id string) bool {
	m := s.f.managedScript(id)
	return m != nil && visible(m.Filter, e.Kind, e.ID)
}

func (s *Shared) find(ctx context.Context, e Ref, id string) (sharedScript, store.Revision, error) {
	entry, err := s.st.Get(ctx, sharedKey(e, id))
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrKey) {
		return sharedScript{}, 0, Errorf(KindNotFound, "Script not found: %s", id)
	}
	if err != nil {
		return sharedScript{}, 0, fmt.Errorf("reading the script %s: %w", id, err)
	}
	m := sharedScript{metadata: metadata{Format: job.FormatSh}}
	if err := json.Unmarshal(entry.Value, &m); err != nil {
		s.f.o.Log.Error("reading metadata of a script", "entity", e.Path(), "script", id, "error", err)
		return sharedScript{}, 0, Errorf(KindInternal, "Failed to read script metadata")
	}
	return m, entry.Rev, nil
}

// read gives the bytes of a script, whole and unaltered.
func (s *Shared) read(ctx context.Context, id string, m sharedScript) ([]byte, error) {
	b := make([]byte, 0, min(m.Size, int64(m.Parts)*store.MaxValue))
	for n := range m.Parts {
		entry, err := s.st.Get(ctx, partKey(id, n))
		if err != nil {
			return nil, fmt.Errorf("reading the script %s: %w", id, err)
		}
		b = append(b, entry.Value...)
	}
	if sum := sha256.Sum256(b); int64(len(b)) != m.Size || hex.EncodeToString(sum[:]) != m.SHA256 {
		return nil, fmt.Errorf("reading the script %s: its bytes are not those that came in", id)
	}
	return b, nil
}

// ListScripts lists what the entity sees, as ScriptProvider says.
func (s *Shared) ListScripts(ctx context.Context, e Ref) ([]Script, error) {
	var out []Script
	managed := s.f.managed.Load()
	for i := range managed.list {
		if m := &managed.list[i]; visible(m.Filter, e.Kind, e.ID) {
			out = append(out, m.script())
		}
	}
	n := len(out)
	for entry, err := range s.st.List(ctx, sharedPrefix(e)) {
		if errors.Is(err, store.ErrDamaged) {
			s.f.o.Log.Error("listing scripts", "entity", e.Path(), "error", err)
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("listing scripts: %w", err)
		}
		m := sharedScript{metadata: metadata{Format: job.FormatSh}}
		id, err := store.Text(entry.Key[strings.LastIndexByte(entry.Key, '/')+1:])
		if err != nil || json.Unmarshal(entry.Value, &m) != nil || s.managed(e, id) {
			continue
		}
		out = append(out, m.script(id))
	}
	sortScripts(out[n:])
	return out, nil
}

// GetScript returns one of them, as ScriptProvider says.
func (s *Shared) GetScript(ctx context.Context, e Ref, id string) (Script, error) {
	if s.managed(e, id) {
		return s.f.GetScript(ctx, e, id)
	}
	m, _, err := s.find(ctx, e, id)
	if err != nil {
		return Script{}, err
	}
	sc := m.script(id)
	if s.f.o.Signed == nil {
		return sc, nil
	}
	b, err := s.read(ctx, id, m)
	if err == nil {
		v, verr := s.f.o.Signed.verify(e, bytes.NewReader(b), s.f.o.Clock())
		if err = verr; err == nil {
			sc.Detail = detailOf(v)
			err = v.Payload.Close()
		}
	}
	if err != nil {
		s.f.o.Log.Debug("a script that would be refused", "script", id, "error", err)
	}
	return sc, nil
}

// ReadScript returns a script with its bytes, checked.
func (s *Shared) ReadScript(ctx context.Context, e Ref, id string) (Source, error) {
	if s.managed(e, id) {
		return s.f.ReadScript(ctx, e, id)
	}
	m, _, err := s.find(ctx, e, id)
	if err != nil {
		return Source{}, err
	}
	b, err := s.read(ctx, id, m)
	if err != nil {
		s.f.o.Log.Error("reading a script", "entity", e.Path(), "script", id, "error", err)
		return Source{}, Errorf(KindInternal, "Failed to read script file")
	}
	sc := found{Script: m.script(id), format: m.Format}
	src := Source{Script: sc.Script, Format: m.Format, Bytes: b}
	if s.f.o.Signed != nil {
		if src.Spend, err = s.f.o.Signed.readable(s.f, e, b); err != nil {
			return Source{}, err
		}
	}
	return src, nil
}

// UploadScript keeps a script for the entity, as ScriptProvider says.
func (s *Shared) UploadScript(ctx context.Context, e Ref, u Upload) (Script, error) {
	f := s.f
	if f.o.NoUploads {
		return Script{}, Errorf(KindInput, "Script uploads are disabled by configuration")
	}
	s.sweep(ctx)
	dir, err := os.MkdirTemp(f.o.State, "upload-")
	if err != nil {
		return Script{}, fmt.Errorf("keeping an upload: %w", err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "script")
	if err := f.receive(path, u.Body); err != nil {
		return Script{}, err
	}
	if err := u.Check(); err != nil {
		return Script{}, err
	}
	m := sharedScript{metadata: metadata{Name: u.Name(), Description: u.Description(), Format: formatOf(u.Filename), CreatedAt: f.now().String(), Schema: u.Schema()}}
	if u.Filename != "" {
		m.Filename = filepath.Base(u.Filename)
	}
	if given(m.Schema) {
		if _, err := compileSchema(m.Schema); err != nil {
			return Script{}, Errorf(KindInput, "The parameters schema of the metadata is no valid JSON schema")
		}
	}
	var detail *ScriptDetail
	if f.o.Signed != nil {
		if detail, m.Format, err = f.o.Signed.admit(f, e, path); err != nil {
			return Script{}, err
		}
	}
	id := newScriptID(f.o.Clock(), f.o.Random)
	if err := s.keep(ctx, e, id, path, &m); err != nil {
		return Script{}, fmt.Errorf("keeping an upload: %w", err)
	}
	sc := m.script(id)
	if detail != nil {
		sc.Detail = detail
	}
	return sc, nil
}

// keep writes the parts of a script, and then its metadata.
func (s *Shared) keep(ctx context.Context, e Ref, id, path string, m *sharedScript) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	// Who uploads may have gone when the last part is written.
	ctx = context.WithoutCancel(ctx)
	pending, err := s.st.Put(ctx, pendingKey(id), []byte(s.f.now().String()), 0)
	if err != nil {
		return err
	}
	sum := sha256.New()
	part := make([]byte, store.MaxValue)
	for {
		n, err := io.ReadFull(file, part)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return err
		}
		sum.Write(part[:n])
		if _, err := s.st.Put(ctx, partKey(id, m.Parts), part[:n], 0); err != nil {
			return err
		}
		m.Size += int64(n)
		m.Parts++
	}
	m.SHA256 = hex.EncodeToString(sum.Sum(nil))
	b, err := json.Marshal(m)
	if err == nil {
		_, err = s.st.Put(ctx, sharedKey(e, id), b, 0)
	}
	if err != nil {
		return err
	}
	if err := s.st.Delete(ctx, pendingKey(id), pending); err != nil {
		s.f.o.Log.Warn("tidying up after an upload", "script", id, "error", err)
	}
	return nil
}

// DeleteScript deletes a script, as ScriptProvider says.
func (s *Shared) DeleteScript(ctx context.Context, e Ref, id string) error {
	if s.f.managedScript(id) != nil {
		return Errorf(KindManaged, "Cannot delete managed script: %s", id)
	}
	_, rev, err := s.find(ctx, e, id)
	if err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	_, err = s.st.Put(ctx, pendingKey(id), []byte(s.f.now().String()), 0)
	if err != nil && !errors.Is(err, store.ErrConflict) {
		return fmt.Errorf("deleting a script: %w", err)
	}
	err = s.st.Delete(ctx, sharedKey(e, id), rev)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict) {
		return Errorf(KindNotFound, "Script not found: %s", id)
	}
	if err == nil {
		err = s.clear(ctx, id)
	}
	if err != nil {
		return fmt.Errorf("deleting a script: %w", err)
	}
	return nil
}

// clear removes the parts of a script that has no metadata.
func (s *Shared) clear(ctx context.Context, id string) error {
	for _, prefix := range []string{partsPrefix(id), pendingKey(id)} {
		for entry, err := range s.st.List(ctx, prefix) {
			if err == nil {
				err = s.st.Delete(ctx, entry.Key, entry.Rev)
			}
			if err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrConflict) {
				return err
			}
		}
	}
	return nil
}

// sweep clears what uploads and deletions have left that broke off.
func (s *Shared) sweep(ctx context.Context) {
	now := s.f.o.Clock()
	s.mu.Lock()
	due := now.Sub(s.swept) >= pendingSwept
	if due {
		s.swept = now
	}
	s.mu.Unlock()
	if !due {
		return
	}
	err := s.sweepAll(ctx, now)
	if err != nil {
		s.f.o.Log.Warn("clearing what is left of uploads that broke off", "error", err)
	}
}

func (s *Shared) sweepAll(ctx context.Context, now time.Time) error {
	var old []string
	for entry, err := range s.st.List(ctx, "scriptpending") {
		if errors.Is(err, store.ErrDamaged) {
			continue
		}
		if err != nil {
			return err
		}
		at, err := time.Parse(time.RFC3339, string(entry.Value))
		word := entry.Key[strings.LastIndexByte(entry.Key, '/')+1:]
		if err != nil || now.Sub(at) < pendingKept {
			continue
		}
		old = append(old, word)
	}
	if len(old) == 0 {
		return nil
	}
	whole := map[string]bool{}
	for entry, err := range s.st.List(ctx, "scripts") {
		if err != nil {
			return err
		}
		whole[entry.Key[strings.LastIndexByte(entry.Key, '/')+1:]] = true
	}
	for _, word := range old {
		if whole[word] {
			continue // its upload was finished, or its deletion not begun
		}
		id, err := store.Text(word)
		if err == nil {
			err = s.clear(ctx, id)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
