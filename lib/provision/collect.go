package provision

import (
	"fmt"

	"lander/lib/luaota"
)

// collectMax bounds what is fetched of one file: its end is what tells.
const collectMax = 64 << 10

// collect fetches the files that the release asks for, as far as the board's
// patience goes. It goes with an update: the original's dialogue has no way to
// fetch a file and let the board go on as if nothing had been.
func (c *session) collect() error {
	if len(c.rel.Collect) == 0 || c.svc.o.Collect == nil {
		return nil
	}
	if c.listing == nil {
		if err := c.list(); err != nil {
			return err
		}
	}
	now := c.now()
	for _, name := range c.rel.Collect {
		size, there := c.listing[name]
		if !there || checkName(name) != "" {
			continue
		}
		from := max(0, size-collectMax)
		if !c.room(2 * records(int(size-from))) {
			continue // the update comes first
		}
		var content []byte
		for at := from; at < size; at += pieceSize {
			a, err := c.srv.Do(luaota.Upload(name, int(at), int(min(pieceSize, size-at))))
			if err != nil {
				return fmt.Errorf("fetching %s: %w", name, err)
			}
			content = append(content, a.Data...)
		}
		if err := c.svc.o.Collect(c.dev.ID, name, content); err != nil {
			return fmt.Errorf("keeping %s: %w", name, err)
		}
		c.log.Info("fetched", "file", name, "bytes", len(content))
	}
	c.dev.Collected = &now
	return nil
}
