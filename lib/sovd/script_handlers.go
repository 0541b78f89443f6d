package sovd

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"os"

	"lander/lib/journal"
)

// onScripts makes the checks that every route of scripts begins with, in the
// order of the document: is there a provider, the ids, the entity.
func onScripts(kind string, serve func(*request, Ref) error) func(*request) error {
	return func(q *request) error {
		e, err := q.scriptTarget(kind)
		if err != nil {
			return err
		}
		return serve(q, e)
	}
}

// off reports whether there is no provider for the scripts of an entity.
func (g *Gateway) off(e Ref) bool {
	split, ok := g.scripts.p.(Split)
	return g.scripts.p == nil || ok && split.off(e)
}

// on reports whether any entity has scripts.
func (g *Gateway) on() bool {
	if !g.off(Ref{}) {
		return true
	}
	if g.c.Devices != nil {
		for e := range g.c.Devices.Entities() {
			if !g.off(Ref{Kind: e.Kind, ID: e.ID}) {
				return true
			}
		}
	}
	return false
}

func (q *request) scriptTarget(kind string) (Ref, error) {
	if q.g.off(Ref{Kind: kind, ID: q.params[0]}) {
		return Ref{}, Errorf(KindUnsupported, "Scripts backend not configured")
	}
	if len(q.params) > 1 && badID(q.params[1], "Script") != "" {
		return Ref{}, Errorf(KindParameter, "Invalid script ID format")
	}
	if len(q.params) > 2 && badID(q.params[2], "Execution") != "" {
		return Ref{}, Errorf(KindParameter, "Invalid execution ID format")
	}
	e, err := q.g.resolve(kind, q.params[0])
	if err != nil {
		return Ref{}, err
	}
	return Ref{Kind: kind, ID: e.ID}, nil
}

// scriptItem is a script with its link.
type scriptItem struct {
	Script
	Href string `json:"href"`
}

func itemOf(e Ref, s Script) scriptItem {
	return scriptItem{s, Base + "/" + e.Path() + "/scripts/" + s.ID}
}

func (q *request) listScripts(e Ref) error {
	list, err := q.g.scripts.ListScripts(q.r.Context(), e)
	if err != nil {
		return err
	}
	out := make([]scriptItem, 0, len(list))
	for _, s := range list {
		out = append(out, itemOf(e, s))
	}
	parent := Base + "/" + e.Path()
	return q.reply(http.StatusOK, object{"items": out, "_links": object{"self": parent + "/scripts", "parent": parent}})
}

func (q *request) getScript(e Ref) error {
	s, err := q.g.scripts.GetScript(q.r.Context(), e, q.params[1])
	if err != nil {
		return err
	}
	return q.reply(http.StatusOK, itemOf(e, s))
}

func (q *request) deleteScript(e Ref) error {
	err := q.g.scripts.DeleteScript(q.r.Context(), e, q.params[1])
	if jerr := q.note(journal.Line{Action: journal.ActionDelete, Name: e.Path() + "/scripts/" + q.params[1]}, err); err == nil {
		err = jerr
	}
	if err != nil {
		return err
	}
	q.w.WriteHeader(http.StatusNoContent)
	return nil
}

// uploadScript takes the parts of a multipart body as they come: the file
// goes to the provider while it is read, and the metadata may stand before or
// behind it.
func (q *request) uploadScript(e Ref) error {
	typ, params, err := mime.ParseMediaType(q.r.Header.Get("Content-Type"))
	if err != nil && typ == "" || typ != "multipart/form-data" {
		return Errorf(KindInput, "Expected Content-Type: multipart/form-data")
	}
	if params["boundary"] == "" {
		return Errorf(KindInput, "Malformed multipart body: no boundary")
	}
	if err := q.g.audit.ready(q.r.Context()); err != nil {
		return err
	}
	q.hurry(uploadTime)
	up := &uploading{parts: multipart.NewReader(q.r.Body, params["boundary"])}
	part, err := up.untilFile()
	if err != nil {
		return err
	}
	sum := sha256.New()
	u := Upload{
		Filename: part.FileName(), Body: io.TeeReader(content{up, part}, sum), Actor: q.actor.Name, Check: up.rest,
		Name: func() string { return textOr(up.meta["name"], part.FileName()) }, Description: func() string { return textOr(up.meta["description"], "") },
		Schema: func() json.RawMessage { return up.meta["parameters_schema"] },
	}
	s, err := q.g.scripts.UploadScript(q.r.Context(), e, u)
	line := journal.Line{Action: journal.ActionUpload, Name: e.Path() + "/scripts/" + s.ID}
	if d := s.Detail; d != nil {
		line.Format, line.SHA256, line.KeyID, line.Serial = d.Format, d.SHA256, d.KeyID, d.Serial
	}
	if line.SHA256 == "" && err == nil { // of a bundle it is the payload's
		line.SHA256 = hex.EncodeToString(sum.Sum(nil))
	}
	if jerr := q.note(line, err); err == nil && jerr != nil {
		// Who is told that it failed sends it again: there must not be two.
		err = errors.Join(jerr, q.g.scripts.DeleteScript(context.WithoutCancel(q.r.Context()), e, s.ID))
	}
	if err != nil {
		return err
	}
	q.w.Header().Set("Location", Base+"/"+e.Path()+"/scripts/"+s.ID)
	return q.reply(http.StatusCreated, object{"id": s.ID, "name": s.Name})
}

// uploading is a multipart body on its way.
type uploading struct {
	parts *multipart.Reader
	meta  map[string]json.RawMessage // those of another type are ignored
	seen  bool                       // metadata: the first one counts
	bad   error
}

// textOr is a JSON text, and what else there is when it is none.
func textOr(v json.RawMessage, other string) string {
	var s *string
	if json.Unmarshal(v, &s) != nil || s == nil {
		return other
	}
	return *s
}

// untilFile reads up to the part that holds the script.
func (u *uploading) untilFile() (*multipart.Part, error) {
	for n := 0; ; n++ {
		p, err := u.parts.NextPart()
		if errors.Is(err, io.EOF) {
			if n == 0 {
				return nil, Errorf(KindInput, "Malformed multipart body")
			}
			if u.bad != nil {
				return nil, u.bad
			}
			return nil, Errorf(KindInput, "Missing required multipart field: file")
		}
		if err != nil {
			return nil, u.broken(err)
		}
		if p.FormName() == "file" {
			return p, u.bad
		}
		if err := u.other(p); err != nil {
			return nil, err
		}
	}
}

// rest reads what comes behind the file.
func (u *uploading) rest() error {
	for {
		p, err := u.parts.NextPart()
		if errors.Is(err, io.EOF) {
			return u.bad
		}
		if err != nil {
			return u.broken(err)
		}
		if err := u.other(p); err != nil {
			return err
		}
	}
}

// other takes a part that is not the file: metadata, or something to skip.
func (u *uploading) other(p *multipart.Part) error {
	if p.FormName() != "metadata" || u.seen {
		if _, err := io.Copy(io.Discard, p); err != nil {
			return u.broken(err)
		}
		return nil
	}
	u.seen = true
	b, err := io.ReadAll(io.LimitReader(p, maxJSON+1))
	if err != nil {
		return u.broken(err)
	}
	if len(b) > maxJSON {
		return plainAnswer(http.StatusRequestEntityTooLarge, "Metadata too large")
	}
	if len(b) > 0 && !json.Valid(b) {
		u.bad = Errorf(KindInput, "Invalid JSON in metadata field")
		return nil
	}
	u.meta = membersOf(b) // an array: accepted and ignored
	return nil
}

// broken words what is wrong with the body itself. Whatever its reader says but
// for bounds of size and time is a body that is not as it should be.
func (u *uploading) broken(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return err
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return plainAnswer(http.StatusRequestTimeout, "Request body took too long")
	}
	return Errorf(KindInput, "Malformed multipart body")
}

// content is the file's part, whose errors are those of the body.
type content struct {
	u    *uploading
	part io.Reader
}

func (c content) Read(b []byte) (int, error) {
	n, err := c.part.Read(b)
	if err != nil && err != io.EOF {
		err = c.u.broken(err)
	}
	return n, err
}
