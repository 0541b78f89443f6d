//go:build !linux

package durable

func renameNoReplace(from, to string) error { return linkNoReplace(from, to) }

// Exchange swaps two paths. This system has no atomic exchange: for a moment
// b does not exist.
func Exchange(a, b string) error { return exchangeByRename(a, b) }
