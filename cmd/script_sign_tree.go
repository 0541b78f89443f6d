package cmd

import (
	"cmp"
	"os"
	"path/filepath"

	"lander/lib/bundle"
	"lander/lib/trust"
)

// planTree lists the files of a tree; the list is what is signed.
func (s *signing) planTree(dir string) ([]signed, error) {
	p := signed{Input: dir, Name: cmp.Or(s.k.cli.String("name"), filepath.Base(relative(dir))), Output: cmp.Or(s.k.cli.String("output"), filepath.Join(dir, bundle.TreeName))}
	if err := trust.CheckName(p.Name); err != nil {
		return nil, usagef("", "%s: %v", dir, err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, invalidf("", "reading %s: %w", dir, plainCause(err))
	}
	defer root.Close()
	if p.payload, err = bundle.TreeManifest(root.FS()); err != nil {
		return nil, invalidf("", "%s: %w", dir, err)
	}
	return []signed{p}, nil
}
