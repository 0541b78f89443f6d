package sovd_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lander/lib/sovd"
)

func TestLibrary(t *testing.T) {
	g := newRig(t)
	up := g.upload("../../x/check_disk.sh", "echo disk\n", "metadata", `{"name":"Disk Check","description":"Check disk usage","parameters_schema":{"type":"object"},"more":1}`)
	id, _ := up.body["id"].(string)
	if up.status != 201 || up.header.Get("Location") != scripts+"/"+id || up.text != fmt.Sprintf(`{"id":%q,"name":"Disk Check"}`, id) || !strings.HasPrefix(id, "script_") {
		t.Fatalf("upload: %d %v %s", up.status, up.header, up.text)
	}
	one := "/components/main-computer/scripts/" + id
	g.rows([]row{
		{method: "GET", path: one, status: 200, want: []string{"id=" + id, "name=Disk Check", "description=Check disk usage", "href=" + scripts + "/" + id, "managed=false", "proximity_proof_required=false", "parameters_schema.type=object"}},
		{method: "GET", path: "/components/main-computer/scripts/man_args", status: 200, want: []string{"id=man_args", "name=Args demo", "description=d", "managed=true", "parameters_schema=<nil>"}},
		{method: "GET", path: "/components/main-computer/scripts/man_near", status: 200, want: []string{"proximity_proof_required=true"}},
		{method: "GET", path: "/components/main-computer/scripts/nonexistent", status: 404, text: `{"error_code":"resource-not-found","message":"Script not found: nonexistent"}`},
		{method: "GET", path: "/components/main-computer/scripts/man_apps", status: 404, want: []string{"message=Script not found: man_apps"}},
		{method: "GET", path: "/apps/nav/scripts/man_apps", status: 200},
		{method: "GET", path: "/components/camera/scripts/man_camera", status: 200},
		{method: "GET", path: "/components/main-computer/scripts/man_camera", status: 404},
		{name: "another entity's", method: "GET", path: "/components/camera/scripts/" + id, status: 404},
		{method: "GET", path: "/components/main-computer/scripts/bad.id", status: 400, text: `{"error_code":"invalid-parameter","message":"Invalid script ID format"}`},
		{name: "script id before entity id", method: "GET", path: "/components/bad.id/scripts/bad.id", status: 400, want: []string{"message=Invalid script ID format"}},
		{method: "GET", path: "/components/main-computer/scripts", status: 200, want: []string{"items.0.id=man_args", "items.5.id=man_true", "items.6.id=" + id, "_links.self=" + scripts, "_links.parent=/api/v1/components/main-computer"}},
		{method: "DELETE", path: "/components/main-computer/scripts/man_true", status: 409, text: `{"error_code":"vendor-error","vendor_code":"x-medkit-managed-script","message":"Cannot delete managed script: man_true"}`},
		{name: "managed, and not visible", method: "DELETE", path: "/components/main-computer/scripts/man_apps", status: 409, want: []string{"vendor_code=x-medkit-managed-script"}},
		{method: "DELETE", path: "/components/main-computer/scripts/nonexistent", status: 404, want: []string{"message=Script not found: nonexistent"}},
		{method: "DELETE", path: one, status: 204},
		{method: "DELETE", path: one, status: 404},
		{method: "GET", path: one, status: 404},
	})
	left, _ := os.ReadDir(filepath.Join(g.dir, "scripts", "main-computer"))
	if len(left) != 0 {
		t.Errorf("%d directories left of a deleted script", len(left))
	}
}

func TestUpload(t *testing.T) {
	g := newRig(t)
	tests := []struct {
		name, filename, content string
		parts                   []string
		status                  int
		want                    string // the name, or the message
	}{
		{"no metadata", "x.py", "print(1)", nil, 201, "x.py"},
		{"no name", "x.py", "", []string{"metadata", `{"name":7}`}, 201, "x.py"},
		{"an array", "x.sh", "", []string{"metadata", `[1,2]`}, 201, "x.sh"},
		{"first metadata counts", "x.sh", "", []string{"metadata", `{"name":"a"}`, "metadata", `{"name":"b"}`}, 201, "a"},
		{"other parts", "x.sh", "", []string{"note", `hello`}, 201, "x.sh"},
		{"empty name", "x.sh", "", []string{"metadata", `{"name":""}`}, 201, ""},
		{"bad metadata", "x.sh", "", []string{"metadata", `{`}, 400, "Invalid JSON in metadata field"},
		{"bad schema", "x.sh", "", []string{"metadata", `{"parameters_schema":{"type":"nonsense"}}`}, 400, "The parameters schema of the metadata is no valid JSON schema"},
		{"schema with a reference out", "x.sh", "", []string{"metadata", `{"parameters_schema":{"$ref":"file:///etc/passwd"}}`}, 400, "The parameters schema of the metadata is no valid JSON schema"},
		{"exactly the limit", "x.sh", strings.Repeat("#", 1<<20), nil, 201, "x.sh"},
		{"one over", "x.sh", strings.Repeat("#", 1<<20+1), nil, 413, "Script file exceeds maximum size of 1 MB"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := g.upload(tt.filename, tt.content, tt.parts...)
			got := r.body["name"]
			if tt.status != 201 {
				got = r.body["message"]
			}
			if r.status != tt.status || got != tt.want {
				t.Errorf("%d %s", r.status, r.text)
			}
		})
	}
	p := "/components/main-computer/scripts"
	form := "Content-Type: multipart/form-data; boundary=b"
	g.rows([]row{
		{name: "not multipart", method: "POST", path: p, body: "x", headers: []string{"Content-Type: text/plain"}, status: 400, text: `{"error_code":"invalid-request","message":"Expected Content-Type: multipart/form-data"}`},
		{name: "no content type", method: "POST", path: p, body: "x", status: 400, want: []string{"message=Expected Content-Type: multipart/form-data"}},
		{name: "no boundary", method: "POST", path: p, body: "x", headers: []string{"Content-Type: multipart/form-data"}, status: 400, want: []string{"error_code=invalid-request"}},
		{name: "undecodable", method: "POST", path: p, body: "nothing of that", headers: []string{form}, status: 400, want: []string{"error_code=invalid-request", "message=Malformed multipart body"}},
		{name: "cut short", method: "POST", path: p, body: "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x.sh\"\r\n\r\nabc", headers: []string{form}, status: 400, want: []string{"message=Malformed multipart body"}},
		{name: "NUL in a name", method: "POST", path: p, body: "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\x00.sh\"\r\n\r\nx\r\n--b--\r\n", headers: []string{form}, status: 400, want: []string{"message=Malformed multipart body"}},
		{name: "no file", method: "POST", path: p, body: "--b\r\nContent-Disposition: form-data; name=\"metadata\"\r\n\r\n{}\r\n--b--\r\n", headers: []string{form}, status: 400, text: `{"error_code":"invalid-request","message":"Missing required multipart field: file"}`},
		{name: "no filename", method: "POST", path: p, body: "--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nx\r\n--b--\r\n", headers: []string{form}, status: 201, want: []string{"name="}},
		{name: "metadata first, first file counts", method: "POST", path: p, headers: []string{form}, status: 201, want: []string{"name=n"},
			body: "--b\r\nContent-Disposition: form-data; name=\"metadata\"\r\n\r\n{\"name\":\"n\"}\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.sh\"\r\n\r\nx\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"b.sh\"\r\n\r\ny\r\n--b--\r\n"},
		{name: "unknown entity", method: "POST", path: "/components/nope/scripts", body: "x", headers: []string{form}, status: 404, text: unknownBody},
	})
	// What was refused left nothing.
	dirs, err := os.ReadDir(filepath.Join(g.dir, "scripts", "main-computer"))
	if err != nil || len(dirs) != 9 {
		t.Errorf("%d directories of 9 scripts, %v", len(dirs), err)
	}
}

func TestUploadsDisabled(t *testing.T) {
	g := newRig(t, func(o *sovd.FilesOptions, _ *sovd.Config) { o.NoUploads = true })
	if r := g.upload("x.sh", strings.Repeat("#", 2<<20)); r.status != 400 || r.at("message") != "Script uploads are disabled by configuration" {
		t.Errorf("%d %s", r.status, r.text)
	}
	if r := g.do("POST", scripts, ""); r.at("message") != "Expected Content-Type: multipart/form-data" {
		t.Errorf("the multipart checks come first: %s", r.text)
	}
}

// The library may be filled by hand, while the gateway runs.
func TestLibraryByHand(t *testing.T) {
	g := newRig(t)
	put := func(id, meta, file, content string) {
		dir := filepath.Join(g.dir, "scripts", "main-computer", id)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{"metadata.json": meta, file: content} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	put("byhand", `{"name":"By hand","description":"x","format":"bash","parameters_schema":null}`, "script.bash", "[[ a == a ]] && echo bash")
	put("broken", `{`, "script.sh", "true")
	put("man_true", `{"name":"hidden"}`, "script.sh", "echo no")
	put("zz", `{"name":"no format"}`, "script.sh", "echo sh")
	g.rows([]row{
		{method: "GET", path: "/components/main-computer/scripts", status: 200, want: []string{"items.5.id=man_true", "items.5.managed=true", "items.6.id=byhand", "items.6.name=By hand", "items.6.managed=false", "items.7.id=zz", "items.8=<nil>"}},
		{method: "GET", path: "/components/main-computer/scripts/broken", status: 500, text: `{"error_code":"internal-error","message":"Failed to read script metadata"}`},
		{method: "GET", path: "/components/main-computer/scripts/byhand", status: 200, want: []string{"parameters_schema=<nil>"}},
	})
	if r := g.run("byhand", ""); r.at("parameters.stdout") != "bash\n" {
		t.Error(r.text)
	}
	// A link out of the library leads nowhere.
	if err := os.Symlink("/etc", filepath.Join(g.dir, "scripts", "main-computer", "link")); err != nil {
		t.Fatal(err)
	}
	if r := g.do("GET", scripts+"/link", ""); r.status != 500 || strings.Contains(r.text, "/") {
		t.Errorf("%d %s", r.status, r.text)
	}
}

// Ids of the full length have no path on disk, and no answer has one.
func TestLongIDs(t *testing.T) {
	g := newRig(t)
	id := strings.Repeat("x", 256)
	r := g.do("GET", scripts+"/"+id, "")
	if r.status != 404 || strings.Contains(r.text, g.dir) {
		t.Errorf("%d %s", r.status, r.text)
	}
	if r := g.do("POST", scripts+"/"+id+"/executions", `{"execution_type":"now"}`); r.status != 404 {
		t.Errorf("%d %s", r.status, r.text)
	}
}

// What a crash left of an upload goes with a later start, and only that.
func TestHalfUploads(t *testing.T) {
	g := newRig(t)
	whole := g.script("whole.sh", "true\n")
	library := filepath.Join(g.files0.Dir, "main-computer")
	own := "script_" + strings.Repeat("0", 25)
	old := time.Now().Add(-25 * time.Hour)
	for name, when := range map[string]time.Time{own + "1": old, own + "2": time.Now(), "by_hand": old, own + "long": old} {
		dir := filepath.Join(library, name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, ".lander-x.tmp"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(dir, when, when); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chtimes(filepath.Join(library, whole), old, old); err != nil {
		t.Fatal(err)
	}
	g.close()
	g.open()
	entries, err := os.ReadDir(library)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	slices.Sort(names)
	want := []string{"by_hand", own + "2", own + "long", whole}
	slices.Sort(want)
	if !slices.Equal(names, want) {
		t.Errorf("there is %q, want %q", names, want)
	}
}
