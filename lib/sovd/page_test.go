package sovd_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lander/lib/sovd"
)

func withPage(_ *sovd.FilesOptions, c *sovd.Config) { c.Page = sovd.Page() }

func TestPageFiles(t *testing.T) {
	g := newRig(t, withPage)
	for path, kind := range map[string]string{"/": "text/html", "/app.js": "text/javascript", "/style.css": "text/css", "/api.js": "text/javascript"} {
		r := g.do("GET", path, "")
		if r.status != http.StatusOK || !strings.HasPrefix(r.header.Get("Content-Type"), kind) || !strings.Contains(r.header.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s: %d %v", path, r.status, r.header)
		}
		for _, has := range []string{r.header.Get("ETag"), `"x", W/` + r.header.Get("ETag"), "*"} {
			if again := g.do("GET", path, "", "If-None-Match: "+has); again.status != http.StatusNotModified || again.text != "" {
				t.Errorf("%s again: %d", path, again.status)
			}
		}
		if strings.Contains(r.text, "http://") || strings.Contains(r.text, "https://") {
			t.Errorf("%s loads from elsewhere", path)
		}
	}
	for _, path := range []string{"/nope", "/page", "/index.html/x", "/..%2fpage.go", "/.", "/%00"} {
		if r := g.do("GET", path, ""); r.status != http.StatusNotFound && path != "/." {
			t.Errorf("%s: %d %.80s", path, r.status, r.text)
		}
	}
}

// A person at the keyboard: finds a script, fills in its form, starts it,
// reads what it says while it runs, stops another one, looks at the history.
func TestPageForPeople(t *testing.T) {
	b := startBrowser(t)
	g := newRig(t, withPage)
	for name, text := range map[string]string{
		"cat.sh":  "echo '<img src=x onerror=alert(1)>'; cat; echo; echo oops >&2; echo done\n",
		"true.sh": "echo begun; sleep 60\n",
	} {
		if err := os.WriteFile(filepath.Join(g.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b.open(g.url + "/")
	b.until(`document.querySelectorAll('#entities a').length === 4`)
	b.tabTo("#filter")
	b.write("main")
	b.until(`document.querySelectorAll('#entities a').length === 1`)
	b.tabTo(`#entities a`)
	b.press("Enter")
	b.until(`location.hash === '#/components/main-computer' && document.querySelectorAll('.list a').length >= 5`)
	b.tabTo(`.list a[href$="/man_stdin"]`)
	b.press("Enter")
	b.until(`document.querySelector('#p-n')`)
	// The schema is checked here, and by the gateway.
	b.tabTo("#p-n")
	b.write("11")
	b.press("Enter")
	if b.eval(`document.querySelector('#p-n').checkValidity()`) != "false" || b.eval("location.hash") != "#/components/main-computer/man_stdin" {
		t.Error("11 is taken")
	}
	b.eval(`document.querySelector('#p-n').value = ''`)
	b.write("7")
	b.press("Enter")
	b.until(`document.querySelector('.status.completed')`)
	b.until(`document.querySelector('pre') && document.querySelector('pre').textContent.includes('done')`)
	if text := b.eval(`document.querySelector('pre').textContent`); !strings.Contains(text, "<img src=x") || !strings.Contains(text, `{"n":7}`) || b.eval(`document.querySelectorAll('pre img').length`) != "0" {
		t.Errorf("output %q", text)
	}
	if b.eval(`document.querySelector('pre .stderr').textContent.trim()`) != "oops" {
		t.Error("the error stream is not told apart")
	}
	b.until(`[...document.querySelectorAll('dt')].some(d => d.textContent === 'Exit code' && d.nextSibling.textContent === '0')`)
	b.tabTo(`main a`)
	b.press("Enter")
	b.until(`document.querySelectorAll('[aria-label=Executions] a').length === 1`)
	// One that goes on is stopped.
	b.open(g.url + "/#/components/main-computer/man_true")
	b.until(`document.querySelector('#p-all')`)
	b.tabTo("button.primary")
	b.press(" ")
	b.until(`document.querySelector('pre') && document.querySelector('pre').textContent.includes('begun')`)
	b.eval(`[...document.querySelectorAll('button')].find(x => x.textContent === 'Stop').focus()`)
	b.press("Enter")
	b.until(`document.querySelector('.status.terminated')`)
	b.until(`[...document.querySelectorAll('dt')].some(d => d.textContent === 'Ended')`)
	// What is not there is said.
	b.open(g.url + "/#/components/main-computer/nope")
	b.until(`document.querySelector('[role=alert]') && document.querySelector('[role=alert]').textContent.includes('not found')`)
	if len(b.faults) > 0 {
		t.Errorf("the page complains: %s", strings.Join(b.faults, "\n"))
	}
}
