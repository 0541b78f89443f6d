package sovd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"lander/lib/bundle"
	"lander/lib/durable"
	"lander/lib/job"
)

// UploadScript implements ScriptProvider. The body goes straight to a file in
// a directory of its own; the metadata, which make it a script, come last, so
// that a crash leaves no half script.
func (f *Files) UploadScript(ctx context.Context, e Ref, u Upload) (s Script, err error) {
	if f.shelf != nil {
		return f.shelf.UploadScript(ctx, e, u)
	}
	if f.o.NoUploads {
		return Script{}, Errorf(KindInput, "Script uploads are disabled by configuration")
	}
	id, dir, err := f.newScript(e)
	if err != nil {
		return Script{}, err
	}
	defer func() {
		if err != nil {
			f.root.RemoveAll(scriptDir(e, id))
		}
	}()
	format := formatOf(u.Filename)
	path := filepath.Join(dir, scriptFiles[format])
	if err := f.receive(path, u.Body); err != nil {
		return Script{}, err
	}
	if err := u.Check(); err != nil {
		return Script{}, err
	}
	m := metadata{Name: u.Name(), Description: u.Description(), Filename: filepath.Base(u.Filename), Format: format, CreatedAt: f.now().String(), Schema: u.Schema()}
	if u.Filename == "" {
		m.Filename = ""
	}
	if given(m.Schema) {
		if _, err := compileSchema(m.Schema); err != nil {
			return Script{}, Errorf(KindInput, "The parameters schema of the metadata is no valid JSON schema")
		}
	}
	s = m.script(id)
	if f.o.Signed != nil {
		detail, format, err := f.o.Signed.admit(f, e, path)
		if err != nil {
			return Script{}, err
		}
		if format != m.Format {
			if err := f.root.Rename(scriptDir(e, id)+"/"+scriptFiles[m.Format], scriptDir(e, id)+"/"+scriptFiles[format]); err != nil {
				return Script{}, fmt.Errorf("keeping an upload: %w", err)
			}
			m.Format = format
		}
		s.Detail = detail
	}
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return Script{}, fmt.Errorf("keeping an upload: %w", err)
	}
	if err := durable.WriteFile(filepath.Join(dir, metadataName), append(b, '\n'), 0o600); err != nil {
		return Script{}, fmt.Errorf("keeping an upload: %w", err)
	}
	return s, durable.SyncDir(filepath.Dir(dir))
}

// newScript makes the directory of a new id; that no other has it is the
// file system's word.
func (f *Files) newScript(e Ref) (id, dir string, err error) {
	parent := filepath.Join(f.o.Dir, dirName(e.ID))
	if err := durable.MkdirAll(parent, 0o700); err != nil {
		return "", "", fmt.Errorf("keeping an upload: %w", err)
	}
	for range 3 {
		id = newScriptID(f.o.Clock(), f.o.Random)
		err = f.root.Mkdir(scriptDir(e, id), 0o700)
		if !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	if err != nil {
		return "", "", fmt.Errorf("keeping an upload: %w", err)
	}
	return id, filepath.Join(parent, id), nil
}

func (f *Files) receive(path string, body io.Reader) error {
	file, err := durable.Create(path, 0o600)
	if err != nil {
		return fmt.Errorf("keeping an upload: %w", err)
	}
	defer file.Abort()
	n, err := io.Copy(file, io.LimitReader(body, f.o.MaxFile+1))
	if err != nil {
		return fmt.Errorf("receiving an upload: %w", err)
	}
	if n > f.o.MaxFile {
		return Errorf(KindTooLarge, "Script file exceeds maximum size of %s", megabytes(f.o.MaxFile))
	}
	return file.Commit()
}

func megabytes(n int64) string {
	if n%(1<<20) == 0 {
		return fmt.Sprintf("%d MB", n>>20)
	}
	return fmt.Sprintf("%d bytes", n)
}

// loaded is a script ready to run.
type loaded struct {
	payload []byte
	format  string
	sha256  string
	keyID   string
	serial  *int64
	file    string   // where payload lies, when it was not signed
	task    job.Task // with what the signature says of rights
}

// bytes reads a script, and returns its digest too.
func (f *Files) bytes(ctx context.Context, s found) (b []byte, sum string, err error) {
	if s.shelved != nil {
		b, err = f.shelf.read(ctx, s.ID, *s.shelved)
		return b, s.shelved.SHA256, err
	}
	stat, open := os.Stat, os.Open
	if s.managed == nil {
		stat, open = f.root.Stat, f.root.Open
	}
	return f.read.get(s.file, max(f.o.MaxFile, 64<<20), stat, open)
}

// load reads the bytes of a script, and verifies them when they are signed or
// have to be.
func (f *Files) load(ctx context.Context, e Ref, s found) (loaded, error) {
	b, sum, err := f.bytes(ctx, s)
	if err != nil {
		f.o.Log.Error("reading a script", "entity", e.Path(), "script", s.ID, "error", err)
		return loaded{}, Errorf(KindInternal, "Failed to read script file")
	}
	switch {
	case f.o.Signed != nil && s.managed != nil:
		return f.o.Signed.openNow(ctx, f, e, s, b)
	case f.o.Signed != nil:
		return f.o.Signed.open(ctx, f, e, s, b)
	case f.o.Bundles != nil && bundle.Is(b):
		return f.o.Bundles.openNow(ctx, f, e, s, b)
	}
	file := s.file
	if s.managed == nil && file != "" {
		file = filepath.Join(f.o.Dir, file)
	}
	return loaded{payload: b, format: s.format, sha256: sum, file: file, task: job.Task{Capabilities: f.o.granted()}}, nil
}
