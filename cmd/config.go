package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/urfave/cli/v2"
)

// Flags that have no form in the file or the environment: what they allow
// must be said each time.
var onlyOnLine = []string{"unsigned", "force", "clear", "all", "image", "uncontained", "help", "config", "print-config"}

// Keys of the file that no flag and no variable has, by command: what they
// allow is a decision of the device's owner. All are true or false.
var onlyInFile = map[string][]string{"agent": {"allow_md5"}}

// Flags that mean another thing on another command: their variable carries
// the command's name.
var perCommand = []string{"listen", "output", "once", "name", "target", "id-file", "server", "group", "capability", "wait", "dry-run"}

// config says, for each flag of a verb, its value and where that is from. The
// values themselves are set in the cli.Context.
type config struct {
	file   string
	values []setting
	table  map[string]any // the command's own, with its sections
	yaml   []byte         // the file, when it is one in YAML
}

type setting struct {
	Name   string `json:"name"`
	Value  any    `json:"value"`
	Origin string `json:"origin"` // flag, environment NAME, file PATH, default
}

// loadConfig merges defaults < file < environment < flags into c.
func loadConfig(c *cli.Context, getenv environment) (*config, error) {
	conf := &config{}
	path := strings.Fields(commandPath(c))
	table, err := conf.readFile(c, getenv, path)
	if err != nil {
		return nil, err
	}
	own := sections[strings.Join(path, ".")]
	for _, f := range c.Command.Flags {
		name := f.Names()[0]
		origin := "default"
		switch {
		case c.IsSet(name):
			origin = "flag"
		case slices.Contains(onlyOnLine, name):
		default:
			key := strings.ReplaceAll(name, "-", "_")
			v := table[key]
			if _, ok := v.(map[string]any); ok {
				if own[key] == nil {
					return nil, invalidf("", "%s: %s in [%s] is a table, and one value belongs there", conf.file, key, strings.Join(path, "."))
				}
				v = nil // the flag of the same name is another thing
			}
			if origin, err = conf.fill(c, getenv, path, f, v); err != nil {
				return nil, err
			}
		}
		if name != "help" && name != "print-config" {
			conf.values = append(conf.values, setting{name, c.Value(name), origin})
		}
	}
	if err := conf.addSections(own); err != nil {
		return nil, err
	}
	for _, key := range onlyInFile[strings.Join(path, ".")] {
		s := setting{strings.ReplaceAll(key, "_", "-"), false, "default"}
		if v, ok := table[key]; ok {
			if s.Value, ok = v.(bool); !ok {
				return nil, invalidf("", "%s: %s is true or false", conf.file, key)
			}
			s.Origin = "file " + conf.file
		}
		conf.values = append(conf.values, s)
	}
	if getenv("CI") != "" && c.Command != nil && lookup(c.Command.Flags, "no-input") != nil {
		if err := c.Set("no-input", "true"); err != nil {
			return nil, fmt.Errorf("setting --no-input: %w", err)
		}
	}
	return conf, nil
}

// fill sets a flag from the environment or from the file's value v.
func (conf *config) fill(c *cli.Context, getenv environment, path []string, f cli.Flag, v any) (string, error) {
	name := f.Names()[0]
	upper := strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
	vars := []string{"LANDER_" + strings.ToUpper(strings.ReplaceAll(strings.Join(path, "_"), "-", "_")) + "_" + upper}
	if !slices.Contains(perCommand, name) {
		vars = append(vars, "LANDER_"+upper)
	}
	for _, variable := range vars {
		value := getenv(variable)
		if value == "" {
			continue
		}
		values := []string{value}
		if _, slice := f.(*cli.StringSliceFlag); slice {
			values = strings.Fields(value)
		}
		if err := setAll(c, f, values); err != nil {
			return "", invalidf("", "environment variable %s: %q does not fit --%s", variable, value, name)
		}
		return "environment " + variable, nil
	}
	if v == nil {
		return "default", nil
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	if n, isInt := v.(int64); isInt && isCount(f) {
		list = nil
		for range min(n, 10) {
			list = append(list, true)
		}
	}
	values := make([]string, len(list))
	for i, one := range list {
		values[i] = fmt.Sprint(one)
	}
	if !mayBe(f, v) || setAll(c, f, values) != nil {
		return "", invalidf("", "%s: %v does not fit --%s of %s", conf.file, v, name, strings.Join(path, " "))
	}
	return "file " + conf.file, nil
}

// mayBe says whether a value of the file has the shape of a flag's: one word,
// or a list of words where the flag may be repeated.
func mayBe(f cli.Flag, v any) bool {
	switch v := v.(type) {
	case string, bool, int64, float64:
		return true
	case []any:
		_, many := f.(*cli.StringSliceFlag)
		return many && !slices.ContainsFunc(v, func(one any) bool {
			_, word := one.(string)
			return !word
		})
	}
	return false
}

// setAll gives a flag that was not set its values.
func setAll(c *cli.Context, f cli.Flag, values []string) error {
	names := f.Names()
	if _, list := f.(*cli.StringSliceFlag); list {
		values = []string{cli.NewStringSlice(values...).Serialize()}
	}
	for _, v := range values {
		if err := c.Set(names[0], v); err != nil {
			return err
		}
	}
	if isCount(f) {
		// Each of its names counts, and the library begins below zero for it.
		for _, alias := range names[1:] {
			if err := c.Set(alias, "true"); err != nil {
				return err
			}
		}
	}
	return nil
}

// readFile reads the configuration file and returns the table of the command.
func (conf *config) readFile(c *cli.Context, getenv environment, path []string) (map[string]any, error) {
	file, must := c.String("config"), true
	if file == "" {
		file = getenv("LANDER_CONFIG")
	}
	if file == "" {
		must = false
		where := herePlaces(getenv)
		file = filepath.Join(where.config(), "config.toml")
		if _, err := os.Stat(file); err != nil {
			file = filepath.Join(where.machineConfig(), "config.toml")
		}
	}
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) && !must {
		return nil, nil
	}
	if err != nil {
		return nil, invalidf("", "reading the configuration: %w", err)
	}
	conf.file = file
	if ext := filepath.Ext(file); (ext == ".yaml" || ext == ".yml") && strings.Join(path, " ") == "gateway" {
		conf.yaml = text // a parameter file of ros2_medkit
		return nil, nil
	}
	var root map[string]any
	if _, err := toml.Decode(string(text), &root); err != nil {
		if pe, ok := errors.AsType[toml.ParseError](err); ok {
			return nil, invalidf("", "%s:%d: %s", file, pe.Position.Line, pe.Message)
		}
		return nil, invalidf("", "%s: %v", file, err)
	}
	if err := checkTables(file, string(text), root, commands(nil), nil); err != nil {
		return nil, err
	}
	conf.table = merged(root, path)
	return conf.table, nil
}

// general are the tables that belong to no command: their keys and the flags
// they stand for.
var general = map[string]map[string]string{
	"log":   {"level": "log_level", "format": "log_format", "color": "color"},
	"trust": {"dir": "trust"},
}

// checkTables refuses a key that no command has, by name and line.
func checkTables(file, text string, table map[string]any, cmds []*cli.Command, path []string) error {
	for _, key := range sortedKeys(table) {
		v := table[key]
		sub, isTable := v.(map[string]any)
		cmd := find(cmds, key)
		full := strings.Join(append(slices.Clone(path), key), ".")
		if isTable && len(path) == 0 && general[key] != nil {
			for _, k := range sortedKeys(sub) {
				if _, nested := sub[k].(map[string]any); nested && find(subcommands(cmd), k) != nil {
					continue
				}
				if general[key][k] == "" {
					return unknownKey(file, text, full, k)
				}
			}
			continue
		}
		if !isTable || cmd == nil || cmd.Hidden {
			return unknownKey(file, text, strings.Join(path, "."), key)
		}
		if len(cmd.Subcommands) > 0 {
			if err := checkTables(file, text, sub, cmd.Subcommands, append(path, key)); err != nil {
				return err
			}
			continue
		}
		for _, k := range sortedKeys(sub) {
			if section, nested := sub[k].(map[string]any); nested && sections[full][k] != nil {
				for _, key := range sortedKeys(section) {
					if !slices.Contains(sections[full][k], key) {
						return unknownKey(file, text, full+"."+k, key)
					}
				}
				continue
			}
			name := strings.ReplaceAll(k, "_", "-")
			if slices.Contains(onlyInFile[full], k) {
				continue
			}
			if lookup(cmd.Flags, name) == nil || strings.Contains(k, "-") || slices.Contains(onlyOnLine, name) {
				return unknownKey(file, text, full, k)
			}
		}
	}
	return nil
}

func sortedKeys(table map[string]any) []string { return slices.Sorted(maps.Keys(table)) }

func subcommands(c *cli.Command) []*cli.Command {
	if c == nil {
		return nil
	}
	return c.Subcommands
}

func unknownKey(file, text, table, key string) error {
	line, in := 0, ""
	for i, l := range strings.Split(text, "\n") {
		t := strings.TrimSpace(l)
		if strings.HasPrefix(t, "[") {
			in = strings.TrimSpace(strings.Trim(t, "[]"))
			if in == strings.TrimPrefix(table+"."+key, ".") {
				line = i + 1
				break
			}
			continue
		}
		name, _, ok := strings.Cut(t, "=")
		name = strings.Trim(strings.TrimSpace(name), `"'`)
		if ok && (in == table && name == key || name == table+"."+key) {
			line = i + 1
			break
		}
	}
	where := ""
	if table != "" {
		where = " in [" + table + "]"
	}
	return invalidf("", "%s:%d: unknown key %s%s", file, line, key, where)
}

// merged returns the keys that hold for the command at path, as flag names
// with underscores.
func merged(root map[string]any, path []string) map[string]any {
	out := map[string]any{}
	for table, keys := range general {
		if t, ok := root[table].(map[string]any); ok {
			for k, flag := range keys {
				if v, ok := t[k]; ok {
					out[flag] = v
				}
			}
		}
	}
	t := root
	for _, p := range path {
		t, _ = t[p].(map[string]any)
	}
	for k, v := range t {
		out[k] = v
	}
	return out
}

// origin is where the value of a flag is from.
func (conf *config) origin(name string) string {
	for _, s := range conf.values {
		if s.Name == name {
			return s.Origin
		}
	}
	return ""
}

// blame turns what is wrong with a flag's value into a fault of the file or the
// variable, when that is where the value came from.
func (conf *config) blame(ctx context.Context, err error) error {
	if err == nil || classify(ctx, err) != exitUsage {
		return err
	}
	_, name, found := strings.Cut(err.Error(), "--")
	if end := strings.IndexFunc(name, func(r rune) bool { return r != '-' && (r < 'a' || r > 'z') }); end >= 0 {
		name = name[:end]
	}
	origin := conf.origin(name)
	if !found || origin == "" || origin == "flag" || origin == "default" {
		return err
	}
	out := &fault{exit: exitInvalid, msg: origin + ": " + err.Error(), cause: err}
	if f, ok := errors.AsType[*fault](err); ok {
		out.hint, out.detail = f.hint, f.detail
	}
	return out
}

// allowed is the value of a key that only the file has.
func (conf *config) allowed(name string) bool {
	for _, s := range conf.values {
		if b, ok := s.Value.(bool); ok && s.Name == name {
			return b
		}
	}
	return false
}

// print shows the merged configuration for --print-config.
func (conf *config) print(k *call) error {
	for i, s := range conf.values {
		if v, ok := s.Value.(string); ok {
			conf.values[i].Value = maskURL(v)
		}
		if v, ok := s.Value.(cli.StringSlice); ok {
			conf.values[i].Value = v.Value()
		}
		if v, ok := s.Value.(fmt.Stringer); ok {
			conf.values[i].Value = v.String()
		}
	}
	return k.ui.result(map[string]any{"file": conf.file, "settings": conf.values}, func(w io.Writer) {
		for _, s := range conf.values {
			fmt.Fprintf(w, "%s = %v\t# %s\n", strings.ReplaceAll(s.Name, "-", "_"), tomlValue(s.Value), s.Origin)
		}
	})
}

func tomlValue(v any) string {
	switch v := v.(type) {
	case string:
		return fmt.Sprintf("%q", v)
	case []string:
		return strings.ReplaceAll(fmt.Sprintf("%q", v), `" "`, `", "`)
	case []any:
		values := make([]string, len(v))
		for i, one := range v {
			values[i] = tomlValue(one)
		}
		return "[" + strings.Join(values, ", ") + "]"
	}
	return fmt.Sprint(v)
}

// maskURL hides a password inside an address.
func maskURL(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.User == nil {
		return s
	}
	if _, has := u.User.Password(); !has {
		return s
	}
	return strings.Replace(s, u.User.String()+"@", u.User.Username()+":***@", 1)
}
