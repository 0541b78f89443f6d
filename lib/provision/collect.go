package provision

import (
	"context"
	"fmt"
	"strconv"

	"lander/lib/luaota"
	"lander/lib/store"
)

// collectMax bounds what is fetched of one file: its end is what tells.
const collectMax = 64 << 10

// collect fetches the files that the release asks for, as far as the board's
// patience goes, and keeps them under collected/<id>/<name>.
func (c *session) collect(ctx context.Context) error {
	if len(c.rel.Collect) == 0 {
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
		if err := c.svc.keepCollected(ctx, c.hello.ID, name, content); err != nil {
			return err
		}
		c.log.Info("fetched", "file", name, "bytes", len(content))
	}
	c.dev.Collected = &now
	return nil
}

func (s *Service) keepCollected(ctx context.Context, id int64, name string, content []byte) error {
	key := "collected/" + strconv.FormatInt(id, 10) + "/" + store.Word(name)
	if _, err := putLast(ctx, s.store, key, content, 0); err != nil {
		return fmt.Errorf("keeping %s: %w", name, err)
	}
	return nil
}
