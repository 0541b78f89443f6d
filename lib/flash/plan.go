package flash

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"regexp"
	"slices"
	"sort"
	"strings"
	"sync"

	"lander/lib/luaota"
	"lander/lib/luaota/record"
	"lander/lib/luavm"
	"lander/lib/nodemcu"
)

// Action is what is done with a file.
type Action string

// The actions of a plan.
const (
	ActionSend    Action = "send"
	ActionAdopt   Action = "adopt" // it is on the board already, under a temporary name
	ActionSkip    Action = "skip"  // it is in place
	ActionCompile Action = "compile"
)

var past = map[Action]string{ActionSend: "sent", ActionAdopt: "adopted", ActionSkip: "skipped", ActionCompile: "compiled"}

// Done is the action in a report.
func (a Action) Done() string { return past[a] }

// Plan is what is to be done on a board.
type Plan struct {
	Device nodemcu.Info `json:"device"`
	Digest string       `json:"digest"` // that is compared
	Files  []Step       `json:"files"`  // in the order in which they get their names
	Leave  []string     `json:"leave,omitempty"`
	Remove []string     `json:"remove,omitempty"` // left-over temporary files
	Staged bool         `json:"staged"`           // all travel before the first gets its name
	Bytes  int          `json:"bytes"`            // to send
	Need   int          `json:"need"`             // bytes of the flash, for all that travels
}

// Step is one file of a Plan.
type Step struct {
	Name    string   `json:"name"`
	Action  Action   `json:"action"`
	Bytes   int      `json:"bytes"`
	SHA256  string   `json:"sha256"`
	Shadows []string `json:"shadows,omitempty"` // removed: they would be loaded instead
	Over    bool     `json:"over,omitempty"`    // the old file is removed first: there is no room beside it

	content []byte
	temp    string
	back    string // digest of what the board had under the name after the transfer
	here    string // what the board has in its place; "": nothing
}

// prepare finds out what to do: w.plan.
func (w *work) prepare(ctx context.Context) error {
	info := w.report.Device
	if w.o.Config == nil && w.base == nil {
		b, ok, err := w.c.Read(ctx, luaota.ConfigName, maxConfig+1)
		if err != nil {
			return err
		}
		if ok {
			if w.base, err = record.ParseObject(bytes.TrimSpace(b)); err != nil {
				w.o.Log.Warn("the board's config.json cannot be read", "error", err)
			}
		}
	}
	files, problems, err := w.targets()
	if err != nil {
		return err
	}
	problems = append(problems, w.modules(info)...)
	if len(problems) > 0 {
		if !w.o.Force || !info.Has("node") || !info.Has("file") && !info.Has("io") {
			return &PreflightError{problems}
		}
		for _, p := range problems {
			w.o.Log.Warn("forced", "problem", p)
		}
	}
	return w.inventory(ctx, files)
}

// modules are what the client needs of the firmware.
func (w *work) modules(info nodemcu.Info) []string {
	var missing, out []string
	if !info.Has("file") && !info.Has("io") {
		missing = append(missing, "file")
	}
	for _, m := range []string{"node", "wifi", "net", "tmr", "crypto", "sjson"} {
		if !info.Has(m) {
			missing = append(missing, m)
		}
	}
	if len(missing) > 0 {
		out = append(out, "the firmware lacks the modules "+strings.Join(missing, ", ")+": build it with them")
	}
	return out
}

// targets are the files as they should be, in their order, and what is wrong
// with them.
func (w *work) targets() ([]File, []string, error) {
	var files []File
	var problems []string
	shim, ownInit := false, false
	for _, f := range w.o.Files {
		switch {
		case f.Name == initName && w.o.NoInit:
			continue
		case f.Name == initName:
			ownInit = true
		}
		if len(f.Name) > nodemcu.MaxName {
			problems = append(problems, fmt.Sprintf("%s: the name has %d bytes, and the flash takes %d", f.Name, len(f.Name), nodemcu.MaxName))
		}
		if path.Ext(f.Name) == ".lua" && !w.checked {
			if err := luavm.Check(f.Name, f.Content); err != nil {
				problems = append(problems, err.Error())
			}
		}
		shim = shim || bytes.Contains(f.Content, []byte("crypto.toHex")) && !bytes.Contains(f.Content, []byte("encoder"))
		files = append(files, f)
	}
	shim = shim && !w.report.Device.ToHex
	switch {
	case shim && (w.o.NoInit || ownInit):
		problems = append(problems, "the client calls crypto.toHex, which this firmware has not: its init.lua must give it one")
	case !w.o.NoInit && !ownInit:
		files = append(files, File{initName, starter(shim)})
	}
	text, more, err := w.config()
	problems = append(problems, more...)
	if text != nil {
		files = append(files, File{luaota.ConfigName, text})
	}
	sort.SliceStable(files, func(i, j int) bool { return rank(files[i].Name) < rank(files[j].Name) })
	w.checked = len(problems) == 0
	return files, problems, err
}

// tellable are the names of temporary files, damaged ones too, that can be told
// over the line as they are.
var tellable = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^~of\.[0-9A-Za-z.]+$`) })

// inventory hashes what the board has, and plans.
func (w *work) inventory(ctx context.Context, files []File) error {
	d := w.report.Device.Choose(digests)
	w.digest = d
	w.report.Digest = d.Alg
	listed, err := w.c.Files(ctx, "^~of", "^luaOTA/")
	if err != nil {
		return err
	}
	var temps, names []string
	w.strays = false
	for _, name := range listed {
		switch {
		case tellable().MatchString(name):
			temps = append(temps, name)
		case !strings.HasPrefix(name, space):
			w.strays = true
		}
	}
	for _, f := range files {
		for _, name := range []string{f.Name, sibling(f.Name)} {
			if slices.Contains(listed, name) || name == initName || name != "" && !strings.HasPrefix(name, space) {
				names = append(names, name)
			}
		}
	}
	have, err := w.c.Hash(ctx, d, append(names, temps...)...)
	if err != nil {
		return err
	}
	p := &Plan{Device: w.report.Device, Digest: d.Alg}
	adopted := map[string]bool{}
	for i, f := range files {
		s := w.step(i, f, have)
		if s == nil {
			p.Leave = append(p.Leave, f.Name)
			continue
		}
		if s.Action == ActionSend {
			for _, name := range temps {
				if have[name] == d.Of(f.Content) && !adopted[name] {
					s.Action, s.temp = ActionAdopt, name
					adopted[name] = true
					break
				}
			}
		}
		switch s.Action {
		case ActionSend, ActionCompile:
			p.Bytes += s.Bytes
			p.Need += needed(s.Bytes)
		}
		p.Files = append(p.Files, *s)
	}
	for _, name := range temps {
		if !adopted[name] {
			p.Remove = append(p.Remove, name)
		}
	}
	slices.Sort(p.Remove)
	// A temporary name that is in use is not taken for another file.
	for i := range p.Files {
		for p.Files[i].Action != ActionAdopt && adopted[p.Files[i].temp] {
			p.Files[i].temp += "x"
		}
	}
	w.plan = p
	w.done = 0
	if w.o.VerifyOnly {
		return nil
	}
	return w.room(ctx, p)
}

// step plans one file; nil: the board's own stays.
func (w *work) step(i int, f File, have map[string]string) *Step {
	sum := sha256.Sum256(f.Content)
	s := &Step{Name: f.Name, Bytes: len(f.Content), SHA256: hex.EncodeToString(sum[:]), Action: ActionSend, content: f.Content, temp: fmt.Sprintf("%s%d", tempPrefix, i+1)}
	if w.o.Compile && path.Ext(f.Name) == ".lua" && f.Name != initName {
		s.Name, s.Action, s.temp = sibling(f.Name), ActionCompile, s.temp+".lua"
	}
	other := sibling(s.Name)
	if w.o.Own && f.Name == defaultName && (have[f.Name] != "" && have[f.Name] != w.digest.Of(f.Content) || have[sibling(f.Name)] != "" && s.Action != ActionCompile) {
		return nil // it is the user's application
	}
	if have[other] != "" {
		s.Shadows = []string{other}
	}
	s.here = have[s.Name]
	switch {
	case s.Action == ActionCompile && w.compiled[s.Name]:
		s.Action = ActionSkip
	case s.Action == ActionSend && s.here == w.digest.Of(f.Content):
		s.Action = ActionSkip
	}
	return s
}
