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
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"lander/lib/durable"
	"lander/lib/job"
)

// metadata is metadata.json of a script in the library, which people may
// write by hand.
type metadata struct {
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Filename    string          `json:"filename"` // as uploaded
	Format      string          `json:"format"`   // sh when it is not there
	CreatedAt   string          `json:"created_at"`
	Schema      json.RawMessage `json:"parameters_schema"`
}

const metadataName = "metadata.json"

var scriptFiles = map[string]string{job.FormatSh: "script.sh", job.FormatBash: "script.bash", job.FormatPython: "script.py", job.FormatLua: "script.lua", job.FormatLuac51: "script.luac", job.FormatDevs: "script.devs"}

// formatOf tells the format of an upload by its last extension, as written.
func formatOf(filename string) string {
	switch filepath.Ext(filename) {
	case ".py":
		return job.FormatPython
	case ".bash":
		return job.FormatBash
	case ".lua":
		return job.FormatLua
	case ".devs":
		return job.FormatDevs
	}
	return job.FormatSh
}

// dirName is an id as a name of a directory: those that are too long for one
// are cut and told apart by a digest.
func dirName(id string) string {
	if len(id) <= 200 {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return id[:150] + "-" + hex.EncodeToString(sum[:16])
}

func scriptDir(e Ref, id string) string { return dirName(e.ID) + "/" + dirName(id) }

// found is a script and where its bytes are.
type found struct {
	Script
	managed *ManagedScript // nil when it is in the library
	file    string         // path of the bytes: absolute, or in the library; "" when they are in the store
	shelved *sharedScript  // where they are in the store
	format  string
}

// find returns the script that the entity sees under the id.
func (f *Files) find(ctx context.Context, e Ref, id string) (found, error) {
	if m := f.managedScript(id); m != nil && visible(m.Filter, e.Kind, e.ID) {
		return found{Script: m.script(), managed: m, file: m.Path, format: m.Format}, nil
	}
	meta, err := f.readMetadata(scriptDir(e, id))
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrInvalid):
		if f.shelf == nil {
			return found{}, Errorf(KindNotFound, "Script not found: %s", id)
		}
		m, _, err := f.shelf.find(ctx, e, id)
		if err != nil {
			return found{}, err
		}
		return found{Script: m.script(id), shelved: &m, format: m.Format}, nil
	case err != nil:
		f.o.Log.Error("reading metadata of a script", "entity", e.Path(), "script", id, "error", err)
		return found{}, Errorf(KindInternal, "Failed to read script metadata")
	}
	return found{Script: meta.script(id), file: scriptDir(e, id) + "/" + scriptFiles[meta.Format], format: meta.Format}, nil
}

func (m *ManagedScript) script() Script {
	return Script{ID: m.ID, Name: m.Name, Description: m.Description, Managed: true, Proximity: m.Proximity != "", Schema: m.schema, Detail: &ScriptDetail{Format: m.Format}}
}

func (m *metadata) script(id string) Script {
	s := Script{ID: id, Name: m.Name, Description: m.Description, Detail: &ScriptDetail{Format: m.Format}}
	if given(m.Schema) {
		s.Schema = m.Schema
	}
	return s
}

// readMetadata reads metadata.json of one script. It must be small.
func (f *Files) readMetadata(dir string) (*metadata, error) {
	b, err := f.readFile(dir+"/"+metadataName, 1<<20)
	if err != nil {
		if e, ok := errors.AsType[*fs.PathError](err); ok && tooLong(e.Err) {
			return nil, fs.ErrNotExist
		}
		return nil, err
	}
	m := &metadata{Format: job.FormatSh}
	if err := json.Unmarshal(b, m); err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	if scriptFiles[m.Format] == "" {
		return nil, fmt.Errorf("%s: unknown format %q", dir, m.Format)
	}
	return m, nil
}

// readFile reads a file of the library; a path out of it is refused.
func (f *Files) readFile(name string, limit int64) ([]byte, error) {
	st, err := f.root.Stat(name)
	if err == nil {
		err = mustBeRegular(st)
	}
	if err != nil {
		return nil, err
	}
	file, err := f.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return readRegular(file, limit)
}

// mustBeRegular stands before the opening, too: that of a FIFO waits for a
// writer.
func mustBeRegular(st os.FileInfo) error {
	if !st.Mode().IsRegular() {
		return fmt.Errorf("%s is no regular file", st.Name())
	}
	return nil
}

func readRegular(file *os.File, limit int64) ([]byte, error) {
	st, err := file.Stat()
	if err == nil {
		err = mustBeRegular(st)
	}
	if err != nil {
		return nil, err
	}
	buf := bytes.NewBuffer(make([]byte, 0, min(st.Size(), limit)+bytes.MinRead))
	n, err := buf.ReadFrom(io.LimitReader(file, limit+1))
	if err == nil && n > limit {
		err = fmt.Errorf("%s is longer than %d bytes", st.Name(), limit)
	}
	return buf.Bytes(), err
}

// ListScripts implements ScriptProvider. The library is read each time, so
// that it may be filled by hand.
func (f *Files) ListScripts(ctx context.Context, e Ref) ([]Script, error) {
	out, err := f.listFiles(e)
	if err != nil || f.shelf == nil {
		return out, err
	}
	kept, err := f.shelf.ListScripts(ctx, e)
	if err != nil {
		return nil, err
	}
	managed := 0
	for managed < len(out) && out[managed].Managed {
		managed++
	}
	there := map[string]bool{}
	for _, s := range out {
		there[s.ID] = true
	}
	for _, s := range kept {
		if !s.Managed && !there[s.ID] {
			out = append(out, s)
		}
	}
	sortScripts(out[managed:])
	return out, nil
}

func (f *Files) listFiles(e Ref) ([]Script, error) {
	var out []Script
	managed := f.managed.Load()
	for i := range managed.list { // sorted by the manifest
		if m := &managed.list[i]; visible(m.Filter, e.Kind, e.ID) {
			out = append(out, m.script())
		}
	}
	n := len(out)
	dir, err := f.root.Open(dirName(e.ID))
	if errors.Is(err, fs.ErrNotExist) {
		return out, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing scripts: %w", err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("listing scripts: %w", err)
	}
	slices.Sort(names)
	for _, id := range names {
		if badID(id, "Script") != "" || managed.byID[id] != nil && visible(managed.byID[id].Filter, e.Kind, e.ID) {
			continue
		}
		m, err := f.readMetadata(dirName(e.ID) + "/" + id)
		if err != nil {
			f.o.Log.Debug("skipping a script of the library", "entity", e.Path(), "script", id, "error", err)
			continue
		}
		out = append(out, m.script(id))
	}
	sortScripts(out[n:])
	return out, nil
}

// GetScript implements ScriptProvider.
func (f *Files) GetScript(ctx context.Context, e Ref, id string) (Script, error) {
	s, err := f.find(ctx, e, id)
	if err != nil {
		return Script{}, err
	}
	if f.o.Signed != nil {
		if err := f.o.Signed.describe(ctx, f, e, &s); err != nil {
			f.o.Log.Debug("a script that would be refused", "script", id, "error", err)
		}
	}
	return s.Script, nil
}

// DeleteScript implements ScriptProvider. Executions survive their script.
func (f *Files) DeleteScript(ctx context.Context, e Ref, id string) error {
	if f.managedScript(id) != nil {
		return Errorf(KindManaged, "Cannot delete managed script: %s", id)
	}
	s, err := f.find(ctx, e, id)
	if kindOf(err) == KindNotFound {
		return err
	}
	f.mu.RLock()
	if f.shared() || f.using[e.Path()+"/"+id] > 0 {
		for xid, x := range f.execs {
			if x.script == id && x.entity == e && !x.status().Final() {
				f.mu.RUnlock()
				return Errorf(KindRunning, "Cannot delete script with running execution: %s", xid)
			}
		}
	}
	if s.shelved != nil {
		f.mu.RUnlock()
		return f.shelf.DeleteScript(ctx, e, id)
	}
	defer f.mu.RUnlock()
	if f.using[e.Path()+"/"+id] > 0 {
		return Errorf(KindRunning, "Cannot delete script with running execution")
	}
	dir := scriptDir(e, id)
	// Without its metadata it is no script any more: that is the one step
	// that counts.
	if err := f.root.Remove(dir + "/" + metadataName); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return Errorf(KindNotFound, "Script not found: %s", id)
		}
		return fmt.Errorf("deleting a script: %w", err)
	}
	parent := filepath.Join(f.o.Dir, dirName(e.ID))
	if err := f.root.RemoveAll(dir); err != nil {
		// The rest goes with a later start.
		f.o.Log.Warn("a part of a deleted script stays", "directory", dir, "error", err)
		parent = filepath.Join(parent, filepath.Base(dir))
	}
	if err := durable.SyncDir(parent); err != nil {
		return fmt.Errorf("deleting a script: %w", err)
	}
	return nil
}
