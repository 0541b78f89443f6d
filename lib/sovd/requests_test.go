package sovd_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"lander/lib/sovd"
)

// raw sends a request as it stands, all of it before the answer is read, and
// returns the answer.
func (g *rig) raw(request io.Reader) (status int, body string) {
	g.t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(g.url, "http://"))
	if err != nil {
		g.t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.Copy(c, request); err != nil {
		g.t.Errorf("sending: %v", err)
	}
	c.(*net.TCPConn).CloseWrite()
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		g.t.Fatalf("reading the answer: %v", err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// A client that looks for the answer when it has sent all finds it, however
// early the request was refused.
func TestRefusedWhileSending(t *testing.T) {
	head := "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x.sh\"\r\n\r\n"
	send := func(g *rig, size int) (int, string) {
		return g.raw(io.MultiReader(
			strings.NewReader(fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: %d\r\n\r\n%s", scripts, len(head)+size, head)),
			io.LimitReader(hashes64{}, int64(size))))
	}
	for _, tt := range []struct {
		name   string
		change func(*sovd.FilesOptions, *sovd.Config)
		status int
		want   string
	}{
		{"script too large", func(*sovd.FilesOptions, *sovd.Config) {}, 413, "Script file exceeds maximum size of 1 MB"},
		{"request too large", func(_ *sovd.FilesOptions, c *sovd.Config) { c.MaxBody = 2 << 20 }, 413, "Request body too large"},
		{"no uploads", func(o *sovd.FilesOptions, _ *sovd.Config) { o.NoUploads = true }, 400, "Script uploads are disabled by configuration"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if status, body := send(newRig(t, tt.change), 16<<20); status != tt.status || !strings.Contains(body, tt.want) {
				t.Errorf("%d %s", status, body)
			}
		})
	}
}

// hashes64 is a script of comments without an end.
type hashes64 struct{}

func (hashes64) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = '#'
	}
	return len(b), nil
}

// What is wrong with a body on its way is the client's fault.
func TestBrokenBodies(t *testing.T) {
	g := newRig(t)
	head := "POST " + scripts + "/man_true/executions HTTP/1.1\r\nHost: x\r\n"
	upload := "POST " + scripts + " HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\nTransfer-Encoding: chunked\r\n\r\n"
	part := "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x.sh\"\r\n\r\nabc"
	for name, request := range map[string]string{
		"no chunk":    head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
		"cut short":   head + "Content-Length: 100\r\n\r\n{\"exec",
		"upload":      upload + fmt.Sprintf("%x\r\n%s\r\nzz\r\n", len(part), part),
		"chunk short": head + "Transfer-Encoding: chunked\r\n\r\n9\r\n{\"a\"",
	} {
		if status, body := g.raw(strings.NewReader(request)); status != 400 || !strings.Contains(body, "invalid-request") {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
}

// Nothing is beside the page and the API, and that is told as everywhere.
func TestNothingThere(t *testing.T) {
	want := `{"error_code":"resource-not-found","message":"Resource not found","parameters":{"status":404}}`
	for name, page := range map[string]http.Handler{"page": sovd.Page(), "no page": nil} {
		g := newRig(t, func(_ *sovd.FilesOptions, c *sovd.Config) { c.Page = page })
		if r := g.do("GET", "/nope", ""); r.status != 404 || r.text != want || r.header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %v %s", name, r.status, r.header, r.text)
		}
	}
}

// Where all is closed, also what a path does not do is no news for strangers.
func TestClosedMethods(t *testing.T) {
	g := authRig(t, func(o *sovd.AuthOptions) { o.RequireFor = sovd.RequireAll })
	access, _ := g.login("view")
	g.rows([]row{
		{method: "OPTIONS", path: "/health", status: 401, want: []string{"error=invalid_token"}},
		{method: "PATCH", path: "/components", status: 401},
		{method: "GET", path: "/nope", status: 401},
		{method: "OPTIONS", path: "/health", headers: []string{"Authorization: Bearer " + access}, status: 405, want: []string{"header:Allow=GET, HEAD"}},
		{name: "where tokens are had", method: "GET", path: "/auth/authorize", status: 405, want: []string{"header:Allow=POST"}},
		{name: "nothing there", method: "POST", path: "/auth/nope", status: 404},
	})
}
