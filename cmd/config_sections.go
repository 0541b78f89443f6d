package cmd

import (
	"maps"
	"slices"

	"lander/lib/sovd"
)

// sections are tables of a command whose keys are no flags.
var sections = map[string]map[string][]string{"gateway": sovd.SectionKeys()}

// addSections adds what the file says in sections, which have no flags; or in
// all of it, when it is a parameter file.
func (conf *config) addSections(sections map[string][]string) error {
	said := map[string]any{}
	if conf.yaml != nil {
		var err error
		if said, err = sovd.ShowROS2(conf.yaml); err != nil {
			return invalidf("", "%s: %w", conf.file, err)
		}
	}
	for name, keys := range sections {
		section, _ := conf.table[name].(map[string]any)
		for _, key := range keys {
			if v, ok := section[key]; ok {
				said[name+"."+key] = v
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(said)) {
		conf.values = append(conf.values, setting{name, said[name], "file " + conf.file})
	}
	return nil
}
