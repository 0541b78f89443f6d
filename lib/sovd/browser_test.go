package sovd_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// browser is a headless Chromium, driven by its DevTools protocol.
type browser struct {
	t       *testing.T
	conn    *websocket.Conn
	session string
	id      int
	faults  []string // what the page complained about
}

func startBrowser(t *testing.T) *browser {
	t.Helper()
	bin := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			bin = p
			break
		}
	}
	if bin == "" {
		if os.Getenv("LANDER_INTEROP") == "1" {
			t.Fatal("chromium is not installed, and LANDER_INTEROP=1 makes it mandatory")
		}
		t.Skip("chromium is not installed")
	}
	// Its processes may write a moment longer than it lives.
	profile, err := os.MkdirTemp("", "browser")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for end := time.Now().Add(10 * time.Second); os.RemoveAll(profile) != nil && time.Now().Before(end); {
			time.Sleep(50 * time.Millisecond)
		}
	})
	cmd := exec.Command(bin, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--remote-debugging-port=0", "--user-data-dir="+profile, "about:blank")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	address := make(chan string, 1)
	go func() {
		listening := regexp.MustCompile(`DevTools listening on (ws://\S+)`)
		for sc := bufio.NewScanner(stderr); sc.Scan(); {
			if m := listening.FindStringSubmatch(sc.Text()); m != nil {
				address <- m[1]
			}
		}
		close(address)
	}()
	var url string
	select {
	case url = <-address:
	case <-time.After(60 * time.Second):
	}
	if url == "" {
		t.Fatal("the browser does not start")
	}
	b := &browser{t: t}
	if b.conn, _, err = websocket.Dial(t.Context(), url, nil); err != nil {
		t.Fatal(err)
	}
	b.conn.SetReadLimit(16 << 20)
	t.Cleanup(func() { b.conn.CloseNow() })
	var target struct{ TargetID string }
	b.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	b.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	b.call("Runtime.enable", nil, nil)
	b.call("Log.enable", nil, nil)
	b.call("Page.enable", nil, nil)
	return b
}

// call asks the browser, and notes what the page complains about meanwhile.
func (b *browser) call(method string, params any, result any) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 60*time.Second)
	defer cancel()
	b.id++
	msg := map[string]any{"id": b.id, "method": method}
	if params != nil {
		msg["params"] = params
	}
	if b.session != "" {
		msg["sessionId"] = b.session
	}
	text, err := json.Marshal(msg)
	if err == nil {
		err = b.conn.Write(ctx, websocket.MessageText, text)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	for {
		_, text, err := b.conn.Read(ctx)
		if err != nil {
			b.t.Fatalf("%s: %v", method, err)
		}
		var m struct {
			ID     int
			Method string
			Params json.RawMessage
			Result json.RawMessage
			Error  *struct{ Message string }
		}
		if err := json.Unmarshal(text, &m); err != nil {
			b.t.Fatal(err)
		}
		switch {
		case m.Method == "Runtime.exceptionThrown", m.Method == "Log.entryAdded" && strings.Contains(string(m.Params), "Content Security Policy"):
			b.faults = append(b.faults, string(m.Params))
		case m.ID == b.id && m.Error != nil:
			b.t.Fatalf("%s: %s", method, m.Error.Message)
		case m.ID == b.id:
			if result != nil {
				if err := json.Unmarshal(m.Result, result); err != nil {
					b.t.Fatal(err)
				}
			}
			return
		}
	}
}

// eval is the value of an expression in the page, as text.
func (b *browser) eval(expression string) string {
	b.t.Helper()
	var r struct {
		Result           struct{ Value any }
		ExceptionDetails json.RawMessage
	}
	b.call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true}, &r)
	if r.ExceptionDetails != nil {
		b.t.Fatalf("%s: %s", expression, r.ExceptionDetails)
	}
	return fmt.Sprint(r.Result.Value)
}

// until waits for an expression to be true.
func (b *browser) until(expression string) {
	b.t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if b.eval("Boolean("+expression+")") == "true" {
			return
		}
		if time.Now().After(end) {
			b.t.Fatalf("never: %s; the page says %q", expression, b.eval("document.body.innerText"))
		}
	}
}

func (b *browser) open(url string) { b.call("Page.navigate", map[string]any{"url": url}, nil) }

// press presses keys of the keyboard: names as DevTools has them.
func (b *browser) press(keys ...string) {
	for _, key := range keys {
		p := map[string]any{"type": "keyDown", "key": key, "code": key}
		switch key {
		case "Enter":
			p["windowsVirtualKeyCode"], p["text"] = 13, "\r"
		case "Tab":
			p["windowsVirtualKeyCode"] = 9
		case " ":
			p["windowsVirtualKeyCode"], p["text"], p["code"] = 32, " ", "Space"
		}
		b.call("Input.dispatchKeyEvent", p, nil)
		p["type"] = "keyUp"
		delete(p, "text")
		b.call("Input.dispatchKeyEvent", p, nil)
	}
}

func (b *browser) write(text string) { b.call("Input.insertText", map[string]any{"text": text}, nil) }

// tabTo presses Tab until the focus is on what fits the selector.
func (b *browser) tabTo(selector string) {
	b.t.Helper()
	for range 100 {
		b.press("Tab")
		if b.eval(fmt.Sprintf("document.activeElement.matches(%q)", selector)) == "true" {
			return
		}
	}
	b.t.Fatalf("no Tab leads to %s", selector)
}
