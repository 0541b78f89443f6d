package provision

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"lander/lib/luaota"
	"lander/lib/luaota/record"
)

// errSuspend ends the sending of files for this boot.
var errSuspend = errors.New("the rest follows after the next boot")

// run goes through the steps and returns the result.
func (c *session) run(ctx context.Context, p Plan) (string, error) {
	d := c.dev
	if d.Staged == nil {
		d.Staged = map[string]Staged{}
	}
	if err := c.collect(); err != nil {
		return "", err
	}
	c.note(p)
	// While the board is sent the files, the disk works: the board gives up when
	// the first record takes 3 s.
	noted, kept := d.saving(ctx, c.svc.store), make(chan error, 1)
	go func() { kept <- c.svc.keepRelease(ctx, c.goal) }()
	saved := sync.OnceValue(func() error { return errors.Join(noted(), <-kept) })
	defer saved()
	sent := 0
	if t := d.Tight; t != nil && t.Chk == c.goal.Chk {
		return c.squeeze(p, "", false, saved)
	}
	for _, s := range p.Steps {
		if s.item == nil {
			continue
		}
		if st, there := d.Staged[s.Staged]; there && st.Token == s.item.token() {
			continue
		}
		err := c.send(s, sent > 0)
		if errors.Is(err, errSuspend) {
			c.log.Info("the update goes on after the next boot", "files", sent)
			return ResultStaged, c.srv.Restart(keptConfig(c.hello))
		}
		if full(err) {
			return c.squeeze(p, s.Name, sent > 0, saved)
		}
		if err != nil {
			return "", err
		}
		sent++
	}
	err := c.activate(p, saved)
	if errors.Is(err, errSuspend) {
		return ResultStaged, c.srv.Restart(keptConfig(c.hello))
	}
	return ResultUpdated, err
}

// pace is how long one record takes this board.
func (c *session) pace() time.Duration {
	if n := c.srv.Records(); n >= 4 {
		return c.svc.o.Clock().Sub(c.began) / time.Duration(n)
	}
	return recordTime
}

// room says whether the original client's patience lasts for n more records.
func (c *session) room(n int) bool {
	return c.srv.Strong() || c.svc.o.Clock().Sub(c.began)+time.Duration(n)*c.pace() < budget
}

// send sends one file to the name where it waits, unless it may be left to the
// next boot and would leave no time for the restart.
func (c *session) send(s Step, may bool) error {
	size := pieceSize
	switch {
	case c.srv.Strong():
		size = luaota.Room(s.Staged)
	case c.tree.Settings.Record > 0:
		size = c.tree.Settings.Record
	}
	if may && !c.room(records(s.Bytes)+1) {
		return errSuspend
	}
	content := s.item.Content
	for len(content) > size {
		if _, err := c.srv.Do(luaota.Put(content[:size])); err != nil {
			return fmt.Errorf("sending %s: %w", s.Name, err)
		}
		content = content[size:]
	}
	st := Staged{Token: s.item.token(), Size: int64(s.Bytes)}
	if s.Do == StepCompile {
		a, err := c.srv.Do(luaota.Compile(strings.TrimSuffix(s.Staged, ".lc")+".lua", content))
		if err != nil {
			return fmt.Errorf("compiling %s: %w", s.Name, err)
		}
		n, _ := a.Fields.Get("lcsize").Int()
		st.Size, st.Alt = n, dumpSize(n)
	} else {
		a, err := c.srv.Do(luaota.File(s.Staged, content))
		if err != nil {
			return fmt.Errorf("sending %s: %w", s.Name, err)
		}
		if h := a.Fields.Text("h"); h != "" && h != s.item.SHA256 {
			return fmt.Errorf("sending %s: the board read back other bytes than were sent", s.Name)
		}
	}
	c.dev.Staged[s.Staged] = st
	c.event(Event{Event: EventFile, Name: s.Name, Bytes: int64(s.Bytes)})
	return nil
}

// dumpSize is how large the original's cm makes a file of n bytes of bytecode:
// each of its writes runs on to the end [OTA 4].
func dumpSize(n int64) (size int64) {
	if n > 1<<24 {
		return 0
	}
	for i := int64(0); i < n; i += 1024 {
		size += n - i
	}
	return size
}

// note writes down what the plan is about to change, before any of it happens: a
// board that is cut off may have it or not.
func (c *session) note(p Plan) {
	d := c.dev
	d.Pending = &Pending{Chk: c.goal.Chk, Release: c.goal.Name, Have: c.goal.tokens(), Gone: c.goal.Delete}
	for _, s := range p.Steps {
		if s.item != nil || s.Do == StepDelete {
			d.Dirty = append(d.Dirty, s.Name)
		}
		// What waits under its name until the answer comes is anybody's guess,
		// but something may.
		if s.item != nil && d.Staged[s.Staged].Token != s.item.token() {
			d.Staged[s.Staged] = Staged{}
		}
	}
	slices.Sort(d.Dirty)
	d.Dirty = slices.Compact(d.Dirty)
}

// activate verifies what arrived, renames, deletes, and ends the session. Nothing
// changes before the record of it is saved.
func (c *session) activate(p Plan, saved func() error) error {
	moves, doomed := map[string]string{}, []string{}
	var order []string
	todo, last := false, ""
	for _, s := range p.Steps {
		switch {
		case s.item != nil:
			moves[s.Name] = s.Staged
			order = append(order, s.Name)
		case s.Do == StepDelete:
			doomed = append(doomed, s.Name)
		case s.Do == StepTodo:
			todo = true
		}
		last = s.Do
	}
	if err := errors.Join(c.verify(moves), saved()); err != nil {
		return err
	}
	doomed = c.present(unhide(doomed, order...))
	if !c.room(len(order) + len(doomed) + 4) {
		return errSuspend
	}
	err := c.tie.hold()
	switch {
	case err != nil:
	case todo:
		err = c.leaveTodo(order, moves, doomed)
	default:
		err = c.move(order, moves, doomed)
	}
	if err != nil {
		return err
	}
	return c.conclude(last == StepHangUp)
}

// conclude sets the configuration and ends the session: by a restart, or by
// hanging up.
func (c *session) conclude(hangUp bool) error {
	secret := c.goal.secret
	fields, err := configure(c.hello, c.goal, c.goal.tokens(), secret, c.srv.Strong())
	if err != nil {
		return err
	}
	if hangUp {
		// A restart keeps the secret; a whole config.json brings the new one.
		c.hangUp = true
		text := append(fields.With("secret", record.String(secret)).Append(nil), '\n')
		return c.place(luaota.ConfigName, text)
	}
	return c.srv.Restart(fields)
}

// verify compares the listing with what was sent. Ours has said the hash of each
// file; the original's compiler is known for odd sizes.
func (c *session) verify(moves map[string]string) error {
	if len(moves) == 0 || c.srv.Strong() {
		return nil
	}
	if err := c.list(); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(moves)) {
		from := moves[name]
		st := c.dev.Staged[from]
		size, there := c.listing[from]
		if !there || size != st.Size && size != st.Alt {
			delete(c.dev.Staged, from)
			return fmt.Errorf("verifying %s: the board shows %d bytes, not %d", name, size, st.Size)
		}
	}
	return nil
}

// unhide adds to the doomed names those of bytecode that a board would load in
// place of the given files, should somebody have left it there. The firmware
// starts init.lua alone.
func unhide(doomed []string, names ...string) []string {
	for _, name := range names {
		module, isLua := strings.CutSuffix(name, ".lua")
		if isLua && name != "init.lua" && !slices.Contains(doomed, module+".lc") {
			doomed = append(doomed, module+".lc")
		}
	}
	return doomed
}

// present leaves out the doomed names that are not there, as far as the listing
// tells.
func (c *session) present(doomed []string) []string {
	if c.listing == nil {
		return doomed
	}
	return slices.DeleteFunc(slices.Clone(doomed), func(n string) bool {
		_, there := c.listing[n]
		return !there
	})
}

// move renames in order. The protocol has no deletion: a rename removes its
// target, so the last common file goes to its place by way of the doomed names.
// Those of a client go at the end: before, nothing else may be there that starts.
func (c *session) move(order []string, from map[string]string, doomed []string) error {
	carrier := ""
	for _, name := range order {
		if !vital(name) {
			carrier = name
		}
	}
	early, late := apart(doomed)
	if carrier == "" {
		if err := c.erase(early); err != nil {
			return err
		}
	}
	for _, name := range order {
		way := []string{name}
		if name == carrier {
			way = append(early, name)
		}
		if err := c.chain(from[name], way); err != nil {
			return err
		}
		c.dev.arrived(name, from[name], c.goal.item(name).token())
	}
	return c.erase(late)
}

// apart takes what a board starts with out of the doomed names.
func apart(doomed []string) (others, vitals []string) {
	for _, name := range doomed {
		if vital(name) {
			vitals = append(vitals, name)
		} else {
			others = append(others, name)
		}
	}
	return others, vitals
}

// erase removes files when nothing else is on its way: an empty file of ours does
// it, and stays.
func (c *session) erase(names []string) error {
	if len(names) == 0 {
		return nil
	}
	if _, err := c.srv.Do(luaota.File(stagePrefix, nil)); err != nil {
		return fmt.Errorf("deleting: %w", err)
	}
	return c.chain(stagePrefix, append(names, stagePrefix))
}

func (c *session) chain(at string, way []string) error {
	for _, to := range way {
		if _, err := c.srv.Do(luaota.Move(at, to)); err != nil {
			return fmt.Errorf("moving %s to %s: %w", at, to, err)
		}
		at = to
	}
	return nil
}

// leaveTodo gives our client the list of renames and removals. From the moment
// that the list has its name the update is done: a board that loses its power
// goes on with it at the next boot.
func (c *session) leaveTodo(order []string, from map[string]string, doomed []string) error {
	var b strings.Builder
	for _, name := range order {
		fmt.Fprintf(&b, "mv\t%s\t%s\n", from[name], name)
	}
	for _, name := range doomed {
		fmt.Fprintf(&b, "rm\t%s\n", name)
	}
	b.WriteString("end\n")
	return c.place(todoName, []byte(b.String()))
}

// place writes a small file and moves it to its name.
func (c *session) place(name string, content []byte) error {
	for len(content) > pieceSize {
		if _, err := c.srv.Do(luaota.Put(content[:pieceSize])); err != nil {
			return fmt.Errorf("writing %s: %w", name, err)
		}
		content = content[pieceSize:]
	}
	at := placing
	if name == luaota.ConfigName {
		at = configWaits
	}
	if _, err := c.srv.Do(luaota.File(at, content)); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return c.chain(at, []string{name})
}
