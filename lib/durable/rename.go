package durable

import "os"

func linkNoReplace(from, to string) error {
	if err := os.Link(from, to); err != nil {
		return err
	}
	if err := os.Remove(from); err != nil {
		os.Remove(to)
		return err
	}
	return nil
}

func exchangeByRename(a, b string) error {
	aside := b + ".old"
	if err := os.Rename(b, aside); err != nil {
		return err
	}
	if err := os.Rename(a, b); err != nil {
		// Put the old one back: a store that is missing refuses everything.
		if back := os.Rename(aside, b); back != nil {
			return back
		}
		return err
	}
	return os.Rename(aside, a)
}
