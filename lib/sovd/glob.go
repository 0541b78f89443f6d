package sovd

import "path"

// visible reports whether an entity_filter lets an entity see a script: an
// empty filter does, and else a glob that matches "<collection>/<id>" or the
// bare id. `*` alone matches all.
func visible(filter []string, kind, id string) bool {
	if len(filter) == 0 {
		return true
	}
	for _, pattern := range filter {
		if pattern == "*" {
			return true
		}
		if ok, _ := path.Match(pattern, kind+"/"+id); ok {
			return true
		}
		if ok, _ := path.Match(pattern, id); ok {
			return true
		}
	}
	return false
}

func checkGlob(pattern string) error {
	_, err := path.Match(pattern, "x")
	return err
}

// MatchEntity reports whether one pattern of an entity_filter is for an
// entity.
func MatchEntity(pattern, kind, id string) bool { return visible([]string{pattern}, kind, id) }
