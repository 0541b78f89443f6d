package sovd_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"lander/lib/job"
	"lander/lib/sovd"
	"lander/lib/sovd/sovdtest"
	"lander/lib/store"
)

// shelf is a provider with its scripts in a store.
type shelf struct {
	*sovd.Shared
	files *sovd.Files
}

func (s shelf) StartExecution(ctx context.Context, e sovd.Ref, script string, st sovd.Start) (sovd.Execution, error) {
	return s.files.StartExecution(ctx, e, script, st)
}

func (s shelf) GetExecution(ctx context.Context, e sovd.Ref, script, id string) (sovd.Execution, error) {
	return s.files.GetExecution(ctx, e, script, id)
}

func (s shelf) ControlExecution(ctx context.Context, e sovd.Ref, script, id string, a sovd.Action) (sovd.Execution, error) {
	return s.files.ControlExecution(ctx, e, script, id, a)
}

func (s shelf) DeleteExecution(ctx context.Context, e sovd.Ref, script, id string) error {
	return s.files.DeleteExecution(ctx, e, script, id)
}

func newShelf(t *testing.T, st store.Store, change func(*sovd.FilesOptions)) shelf {
	t.Helper()
	dir := t.TempDir()
	o := sovd.FilesOptions{Dir: dir + "/scripts", State: dir, Store: store.NewMemory(), Runners: map[string]job.Runner{}}
	if change != nil {
		change(&o)
	}
	f, err := sovd.OpenFiles(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close(context.Background()) })
	return shelf{f.Shared(st), f}
}

func TestSharedLibrary(t *testing.T) {
	sovdtest.RunLibrary(t, func(t *testing.T) string { return gatewayOf(t, newShelf(t, store.NewMemory(), nil)) })
}

func upload(name string, body io.Reader) sovd.Upload {
	return sovd.Upload{
		Filename: name, Body: body, Name: func() string { return "a name" }, Description: func() string { return "" },
		Schema: func() json.RawMessage { return nil }, Check: func() error { return nil },
	}
}

// left are the keys of a store.
func left(t *testing.T, st store.Store) (keys []string) {
	t.Helper()
	for e, err := range st.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, e.Key)
	}
	return keys
}

func kindOf(err error) sovd.Kind {
	if e, ok := errors.AsType[*sovd.Error](err); ok {
		return e.Kind
	}
	return ""
}

// What is uploaded at one gateway is whole at the other, and gone when it is
// deleted there.
func TestSharedByTwo(t *testing.T) {
	st := store.NewMemory()
	a := newShelf(t, st, func(o *sovd.FilesOptions) { o.MaxFile = 3 << 20 })
	b := newShelf(t, st, nil)
	e := sovd.Ref{Kind: sovd.Components, ID: "gw-1"}
	for _, size := range []int{0, 1, store.MaxValue, store.MaxValue + 1, 5 * store.MaxValue / 2} {
		text := bytes.Repeat([]byte("x"), size)
		s, err := a.UploadScript(t.Context(), e, upload("job.lua", bytes.NewReader(text)))
		if err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		got, err := b.ReadScript(t.Context(), e, s.ID)
		if err != nil || !bytes.Equal(got.Bytes, text) || got.Format != job.FormatLua || got.Name != "a name" {
			t.Errorf("%d bytes came back as %d, %+v, %v", size, len(got.Bytes), got.Script, err)
		}
		if err := b.DeleteScript(t.Context(), e, s.ID); err != nil {
			t.Error(err)
		}
		if _, err := a.ReadScript(t.Context(), e, s.ID); kindOf(err) != sovd.KindNotFound {
			t.Errorf("after it was deleted: %v", err)
		}
		if keys := left(t, st); len(keys) > 0 {
			t.Errorf("a deleted script leaves %q", keys)
		}
	}
	// One that does not come in whole is not there.
	_, err := a.UploadScript(t.Context(), e, upload("big.lua", bytes.NewReader(make([]byte, 4<<20))))
	if kindOf(err) != sovd.KindTooLarge {
		t.Errorf("too large: %v", err)
	}
	broken := upload("cut.lua", io.MultiReader(strings.NewReader("print(1)"), &failing{}))
	if _, err := a.UploadScript(t.Context(), e, broken); err == nil {
		t.Error("an upload that breaks off is taken")
	}
	late := upload("late.lua", strings.NewReader("print(1)"))
	late.Check = func() error { return sovd.Errorf(sovd.KindInput, "no") }
	if _, err := a.UploadScript(t.Context(), e, late); kindOf(err) != sovd.KindInput {
		t.Errorf("an upload with a bad end: %v", err)
	}
	if keys := left(t, st); len(keys) > 0 {
		t.Errorf("uploads that failed leave %q", keys)
	}
	// Bytes that are not those that came in are no script.
	s, err := a.UploadScript(t.Context(), e, upload("job.lua", strings.NewReader("print(1)")))
	if err != nil {
		t.Fatal(err)
	}
	part, err := st.Get(t.Context(), "scriptparts/"+s.ID+"/0000")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := st.Put(t.Context(), part.Key, []byte("print(2)"), part.Rev); err != nil {
		t.Fatal(err)
	}
	if got, err := b.ReadScript(t.Context(), e, s.ID); kindOf(err) != sovd.KindInternal || got.Bytes != nil {
		t.Errorf("altered bytes: %q, %v", got.Bytes, err)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// Only signed scripts come in, and only they go out.
func TestSharedSigned(t *testing.T) {
	s := newSigner(t, "")
	st := store.NewMemory()
	a := shelf{s.files.Shared(st), s.files}
	e := sovd.Ref{Kind: sovd.Components, ID: "main-computer"}
	if _, err := a.UploadScript(t.Context(), e, upload("x.sh", strings.NewReader("echo 1"))); kindOf(err) != sovd.KindRefused {
		t.Errorf("a bare script: %v", err)
	}
	text := s.bundle("echo 1\n", nil)
	sc, err := a.UploadScript(t.Context(), e, upload("x.sh", strings.NewReader(text)))
	if err != nil || sc.Detail.KeyID != s.key.Public().ID() {
		t.Fatalf("a signed script: %+v, %v", sc, err)
	}
	if got, err := a.ReadScript(t.Context(), e, sc.ID); err != nil || string(got.Bytes) != text {
		t.Errorf("read %q, %v", got.Bytes, err)
	}
	if got, err := a.GetScript(t.Context(), e, sc.ID); err != nil || got.Detail.KeyID != s.key.Public().ID() {
		t.Errorf("got %+v, %v", got, err)
	}
	// A script that somebody has put into the store.
	b := newShelf(t, st, nil)
	bare, err := b.UploadScript(t.Context(), e, upload("y.sh", strings.NewReader("echo 2")))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := a.ReadScript(t.Context(), e, bare.ID); kindOf(err) != sovd.KindRefused || got.Bytes != nil {
		t.Errorf("a bare script from the store: %q, %v", got.Bytes, err)
	}
	if err := a.DeleteScript(t.Context(), e, "man_true"); kindOf(err) != sovd.KindManaged {
		t.Errorf("deleting one of the manifest: %v", err)
	}
	if l, err := a.ListScripts(t.Context(), e); err != nil || !l[0].Managed || l[len(l)-1].ID != bare.ID {
		t.Errorf("listed %+v, %v", l, err)
	}
}
