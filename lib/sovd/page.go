package sovd

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

//go:embed page
var pageFiles embed.FS

// pageTypes are the kinds of files that the page has.
var pageTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
}

// Page is the page for people: entities, scripts, start, output, history. It
// is what a browser makes of the public REST API of the same origin, and loads
// nothing from elsewhere.
func Page() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := path.Clean(r.URL.Path)[1:]
		if name == "" {
			name = "index.html"
		}
		b, err := fs.ReadFile(pageFiles, "page/"+name)
		kind := pageTypes[path.Ext(name)]
		if err != nil || kind == "" {
			w.Header()["Content-Type"] = jsonType
			w.WriteHeader(http.StatusNotFound)
			w.Write(notFound.render())
			return
		}
		sum := sha256.Sum256(b)
		tag := `"` + hex.EncodeToString(sum[:8]) + `"`
		h := w.Header()
		h.Set("Content-Type", kind)
		h.Set("ETag", tag)
		h.Set("Cache-Control", "no-cache")
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		if has := r.Header.Get("If-None-Match"); strings.Contains(has, tag) || has == "*" { // a list, perhaps of weak ones
			w.WriteHeader(http.StatusNotModified)
			return
		}
		if r.Method != http.MethodHead {
			w.Write(b)
		}
	})
}
