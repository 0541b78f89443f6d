package cmd

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sync/errgroup"

	"lander/lib/bundle"
	"lander/lib/capability"
	"lander/lib/durable"
	"lander/lib/job"
	"lander/lib/luavm"
	"lander/lib/trust"
)

func scriptSignCommand() *cli.Command {
	return verb{
		name:     "sign",
		usage:    "sign scripts, key lists and packages",
		operands: "FILE...|-",
		about: `Each FILE becomes the bundle FILE.signed: the four lines of a minisign signature, then the
file itself. The signature says for whom, until when and as what the file is good.
From stdin the bundle goes to stdout. With --tree the SHA-256 of every file of a directory is
signed, into its tree.signed.`,
		flags: []cli.Flag{
			&cli.StringFlag{Name: "key", Usage: "sign with the key in `FILE`; - reads it from stdin"},
			&cli.StringSliceFlag{Name: "target", Usage: "good for the device `ID`, for group:NAME, or for * (repeatable; must be given)"},
			outputFlag("write to `FILE`, into a directory, or to stdout with -"),
			&cli.BoolFlag{Name: "detached", Usage: "write FILE.minisig beside FILE instead of a bundle"},
			&cli.StringFlag{Name: "name", Usage: "call the script `NAME` (default: its relative path)"},
			&cli.StringFlag{Name: "valid", Usage: "good for `DUR` (24h, 30d) or never to expire; 24h for scripts"},
			&cli.TimestampFlag{Name: "not-before", Layout: time.RFC3339, Usage: "good only from `TIME` on (RFC 3339)"},
			&cli.StringFlag{Name: "format", Usage: "sign as `WORD`: " + strings.Join(trust.Formats(), ", ")},
			&cli.Int64Flag{Name: "serial", Value: -1, DefaultText: "the time in microseconds", Usage: "take the serial `N`, 0 to 2^53-1"},
			&cli.BoolFlag{Name: "once", Usage: "good for one run only"},
			&cli.StringSliceFlag{Name: "cap", Usage: "the script asks for this capability `WORD`, and gets no other (repeatable)"},
			&cli.BoolFlag{Name: "args-allowed", Usage: "whoever runs it may give it arguments"},
			&cli.StringFlag{Name: "files0-from", Usage: "read the names of the files, each ended by NUL, from `FILE` or -"},
			&cli.StringFlag{Name: "tree", Usage: "sign the list of all files of the directory `DIR`, for ota serve --trust"},
			dryRunFlag("check and measure only; needs no key"),
			forceFlag("replace existing outputs"),
			passphraseFlag(), strictFlag(), noInputFlag(),
		},
		max:   -1,
		exits: []exitCode{exitRefused, exitPartial},
		examples: []example{
			{"lander script sign --key release.key --target group:fleet job.lua", "writes job.lua.signed, good for 24 hours"},
			{"git ls-files -z '*.lua' | lander script sign --files0-from - --key k.key --target '*' -o dist/", "signs a tree, keeping its paths"},
			{"lander script sign --key k.key --target '*' -o - job.lua | ssh box lander script run -", "signs here, runs there"},
			{"lander script sign --key k.key --target '*' --valid 720h --tree firmware/", "a tree for ota serve --trust"},
		},
		run: runScriptSign,
	}.command()
}

// signing is what holds for all inputs of one call.
type signing struct {
	k        *call
	key      trust.PrivateKey
	tmpl     trust.Statement
	valid    string
	format   string
	detached bool
	dry      bool
	opts     []durable.Option
	now      time.Time
}

// signed is one line of the result.
type signed struct {
	Input        string `json:"input"`
	Output       string `json:"output,omitempty"`
	OutputSHA256 string `json:"output_sha256,omitempty"`
	SHA256       string `json:"sha256,omitempty"`
	KeyID        string `json:"key_id,omitempty"`
	Name         string `json:"name,omitempty"`
	Serial       int64  `json:"serial"`
	Expires      string `json:"expires,omitempty"`
	Bytes        int64  `json:"bytes"`
	Format       string `json:"format,omitempty"`
	Error        string `json:"error,omitempty"`

	err     error
	payload []byte // of a tree; else the input is read
}

func runScriptSign(k *call) error {
	inputs, err := k.signInputs()
	if err != nil {
		return err
	}
	s, err := k.newSigning(inputs)
	if err != nil {
		return err
	}
	plan, err := s.plan(inputs)
	if err != nil {
		return err
	}
	if !s.dry && len(plan) > 0 {
		if s.key, err = k.privateKey(); err != nil {
			return err
		}
	}
	var g errgroup.Group
	g.SetLimit(max(2, runtime.GOMAXPROCS(0)))
	for i := range plan {
		g.Go(func() error {
			if k.ctx.Err() != nil {
				plan[i].err = k.stopped()
			} else {
				plan[i].err = s.one(&plan[i])
			}
			return nil
		})
	}
	g.Wait()
	return k.signResult(plan, s)
}

// signInputs lists the files to sign.
func (k *call) signInputs() ([]string, error) {
	from := k.cli.String("files0-from")
	if dir := k.cli.String("tree"); dir != "" {
		if from != "" || len(k.args) > 0 {
			return nil, usagef("", "--tree excludes other inputs")
		}
		return []string{dir}, nil
	}
	if from == "" {
		if len(k.args) == 0 {
			return nil, usagef("lander script sign --key FILE --target ID FILE...", "name the files to sign, or - for stdin")
		}
		return k.args, nil
	}
	if len(k.args) > 0 {
		return nil, usagef("", "--files0-from and file operands exclude each other")
	}
	b, err := k.readInput(from, "the list of files", 64<<20)
	if err != nil {
		return nil, err
	}
	if len(b) > 0 && b[len(b)-1] != 0 && bytes.IndexByte(b, 0) < 0 && bytes.IndexByte(b, '\n') >= 0 {
		return nil, invalidf("git diff -z, find -print0", "the list of files has no NUL between the names")
	}
	var out []string
	for name := range bytes.SplitSeq(b, []byte{0}) {
		if len(name) > 0 {
			out = append(out, string(name))
		}
	}
	return out, nil
}

func (k *call) newSigning(inputs []string) (*signing, error) {
	c := k.cli
	s := &signing{k: k, detached: c.Bool("detached"), dry: c.Bool("dry-run"), format: c.String("format"), valid: c.String("valid"), now: time.Now().UTC()}
	s.opts = []durable.Option{durable.NoSync}
	if !c.Bool("force") {
		s.opts = append(s.opts, durable.NoReplace)
	}
	caps, err := capability.Parse(c.StringSlice("cap"))
	if err != nil {
		return nil, usagef("", "--cap: %v", err)
	}
	if c.IsSet("cap") {
		s.tmpl.Cap = caps
	}
	s.tmpl.Targets = c.StringSlice("target")
	if len(s.tmpl.Targets) == 0 && !s.dry {
		return nil, usagef("--target ID, --target group:NAME, or --target '*' for all", "say for whom it is good: --target must be given")
	}
	s.tmpl.Once, s.tmpl.ArgsAllow = c.Bool("once"), c.Bool("args-allowed")
	s.tmpl.Signed = s.now.Truncate(time.Second)
	if nb := c.Timestamp("not-before"); nb != nil {
		s.tmpl.NotBefore = nb.UTC()
	}
	s.tmpl.Serial = c.Int64("serial")
	if s.tmpl.Serial < 0 {
		if c.IsSet("serial") {
			return nil, usagef("", "--serial %d is below 0", s.tmpl.Serial)
		}
		s.tmpl.Serial = s.now.UnixMicro()
	}
	if s.tmpl.Serial > trust.MaxSerial {
		return nil, usagef("", "--serial %d is above 2^53-1", s.tmpl.Serial)
	}
	if s.format != "" && !slices.Contains(trust.Formats(), s.format) {
		return nil, usagef("", "--format %q is not one of %s", s.format, strings.Join(trust.Formats(), ", "))
	}
	if c.String("tree") != "" {
		if s.detached || s.format != "" && s.format != job.FormatTree {
			return nil, usagef("", "--tree makes a bundle of format tree")
		}
		s.format = job.FormatTree
	}
	if s.valid != "" {
		if _, _, err := parseValid(s.valid); err != nil {
			return nil, err
		}
	}
	out := c.String("output")
	if out == "-" && k.json {
		return nil, usagef("", "--json and -o - both want stdout")
	}
	if len(inputs) > 1 {
		if c.String("name") != "" {
			return nil, usagef("", "--name fits one input, and there are %d", len(inputs))
		}
		if out == "-" || out != "" && !isDirTarget(out) {
			return nil, usagef("end the directory's name with a slash", "-o %s: several inputs need a directory", out)
		}
	}
	return s, nil
}

func isDirTarget(p string) bool {
	st, err := os.Stat(p)
	return strings.HasSuffix(p, "/") || err == nil && st.IsDir()
}

// plan names each input's script and output before anything is written.
func (s *signing) plan(inputs []string) ([]signed, error) {
	c := s.k.cli
	if dir := c.String("tree"); dir != "" {
		return s.planTree(dir)
	}
	out := c.String("output")
	suffix := ".signed"
	if s.detached {
		suffix = ".minisig"
	}
	taken := map[string]string{}
	plan := []signed{}
	for _, in := range inputs {
		p := signed{Input: in, Name: c.String("name"), Output: out}
		switch {
		case in == "-":
			if p.Name == "" {
				return nil, usagef("--name NAME", "a script from stdin needs --name")
			}
			if s.detached && (out == "" || isDirTarget(out)) {
				return nil, usagef("-o FILE", "a detached signature of stdin needs -o FILE")
			}
			if out == "" {
				p.Output = "-"
			} else if isDirTarget(out) {
				p.Output = filepath.Join(out, filepath.Base(p.Name)+suffix)
			}
			if p.Output == "-" && s.k.json && !s.dry {
				return nil, usagef("name a file with -o FILE", "--json and the bundle both want stdout")
			}
		case out == "":
			p.Output = in + suffix
		case out != "-" && isDirTarget(out):
			p.Output = filepath.Join(out, relative(in)+suffix)
		}
		if p.Name == "" {
			p.Name = filepath.ToSlash(relative(in))
		}
		if err := trust.CheckName(p.Name); err != nil {
			return nil, usagef("", "%s: %v", in, err)
		}
		if other, dup := taken[filepath.Clean(p.Output)]; dup && p.Output != "-" {
			return nil, usagef("", "%s and %s would both be written to %s", other, in, p.Output)
		}
		taken[filepath.Clean(p.Output)] = in
		if in != "-" && p.Output != "-" && filepath.Clean(p.Output) == filepath.Clean(in) {
			return nil, usagef("name another output", "%s would be written over itself", in)
		}
		plan = append(plan, p)
	}
	return plan, nil
}

// relative is the cleaned path below the working directory, or the base name
// of a path outside of it.
func relative(in string) string {
	p := filepath.Clean(in)
	if filepath.IsAbs(p) {
		if wd, err := os.Getwd(); err == nil {
			if r, err := filepath.Rel(wd, p); err == nil {
				p = r
			}
		}
	}
	if !filepath.IsLocal(p) {
		return filepath.Base(p)
	}
	return p
}

// one signs one input.
func (s *signing) one(p *signed) error {
	var src io.ReadCloser = io.NopCloser(bytes.NewReader(p.payload))
	if p.payload == nil {
		var err error
		if src, err = s.k.openInput(p.Input, "the script"); err != nil {
			return err
		}
	}
	defer src.Close()
	limit := bundle.Cap(cmp.Or(s.format, job.FormatTree))
	pay, err := bundle.Spool(src, limit, "")
	if err != nil {
		return fmt.Errorf("%s: %w", p.Input, err)
	}
	defer pay.Close()
	st := s.tmpl
	st.Name, st.Size, st.SHA256 = p.Name, pay.Size, pay.SHA256
	if st.Format, err = s.formatOf(p, pay); err != nil {
		return err
	}
	if limit := bundle.Cap(st.Format); pay.Size > limit {
		return fmt.Errorf("%s: %w", p.Input, &bundle.SizeError{Limit: limit, Format: st.Format})
	}
	if err := s.window(&st); err != nil {
		return fmt.Errorf("%s: %w", p.Input, err)
	}
	p.SHA256, p.Bytes, p.Serial, p.Format = pay.SHA256, pay.Size, st.Serial, st.Format
	p.Expires = "never"
	if !st.Expires.IsZero() {
		p.Expires = job.Time{Time: st.Expires}.String()
	}
	if err := s.lint(p, pay, st.Format); err != nil {
		return err
	}
	if s.dry {
		p.Output = ""
		return nil
	}
	comment, err := st.Comment()
	if err != nil {
		return fmt.Errorf("%s: %w", p.Input, err)
	}
	p.KeyID = s.key.Public().ID()
	return s.write(p, pay, pay.Sign(s.key, comment, bundle.Comment))
}

// window sets until when it is good.
func (s *signing) window(st *trust.Statement) error {
	valid := s.valid
	if valid == "" {
		switch st.Format {
		case job.FormatTree, job.FormatPackage, job.FormatKeys, job.FormatData:
			return usagef("--valid 720h, or --valid never", "format %s needs --valid", st.Format)
		}
		valid = "24h"
	}
	d, never, err := parseValid(valid)
	if err != nil || never {
		return err
	}
	from := st.Signed
	if st.NotBefore.After(from) {
		from = st.NotBefore
	}
	st.Expires = from.Add(d).Truncate(time.Second)
	if !st.Expires.After(from) {
		st.Expires = from.Add(time.Second)
	}
	return nil
}

// formatOf tells the format: the flag, else what the script itself says.
func (s *signing) formatOf(p *signed, pay *bundle.Payload) (string, error) {
	if s.format != "" {
		return s.format, nil
	}
	head := make([]byte, min(pay.Size, 256))
	if _, err := pay.Reader().Read(head); err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("%s: %w", p.Input, err)
	}
	name := p.Input
	if name == "-" {
		name = p.Name
	}
	if f := job.DetectFormat(filepath.ToSlash(name), head); f != "" {
		return f, nil
	}
	return "", usagef("--format WORD", "%s: cannot tell its format", p.Input)
}

// lint refuses Lua that no device can load, and key lists that none applies.
func (s *signing) lint(p *signed, pay *bundle.Payload, format string) error {
	if pay.Size > bundle.Cap(job.FormatLua) {
		return nil
	}
	b, err := pay.Bytes()
	if err != nil {
		return err
	}
	switch format {
	case job.FormatKeys:
		if _, err := trust.ParseKeyList(b); err != nil {
			return fmt.Errorf("%s: %w", p.Input, err)
		}
	case job.FormatLua:
		if !s.dry {
			return nil // signing ten thousand scripts is not the time
		}
		if err := luavm.Check(p.Name, b); err != nil {
			return invalidf("", "%s: %v", p.Input, err)
		}
	}
	return nil
}

// write puts the bundle or the signature in its place, whole or not at all.
func (s *signing) write(p *signed, pay *bundle.Payload, sig []byte) error {
	if p.Output == "-" {
		var b bytes.Buffer
		if s.detached {
			b.Write(sig)
		} else if err := bundle.Pack(&b, sig, pay.Reader()); err != nil {
			return err
		}
		return s.k.data(b.Bytes())
	}
	if dir := filepath.Dir(p.Output); s.k.cli.String("output") != "" {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("making %s: %w", dir, plainCause(err))
		}
	}
	f, err := durable.Create(p.Output, 0o644, s.opts...)
	if err != nil {
		return fmt.Errorf("writing %s: %w", p.Output, plainCause(err))
	}
	defer f.Abort()
	sum := newDigest(f)
	if s.detached {
		_, err = sum.Write(sig)
	} else {
		err = bundle.Pack(sum, sig, pay.Reader())
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", p.Output, plainCause(err))
	}
	if err := f.Commit(); err != nil {
		return existing(err)
	}
	p.OutputSHA256 = sum.hex()
	return nil
}

// signResult prints what was signed and tells of what was not.
func (k *call) signResult(plan []signed, s *signing) error {
	var failed []*signed
	for i := range plan {
		if plan[i].err != nil {
			plan[i].Error = oneLine(plan[i].err.Error())
			plan[i].Output = ""
			failed = append(failed, &plan[i])
		}
	}
	if k.json || !(len(plan) == 1 && (plan[0].Output == "-" || len(failed) > 0)) {
		err := k.ui.result(map[string]any{"outputs": plan}, func(w io.Writer) {
			for _, p := range plan {
				switch {
				case p.err != nil:
				case s.dry:
					fmt.Fprintf(w, "%s\t%s\t%d bytes\t%s\n", p.Input, p.Format, p.Bytes, p.SHA256)
				default:
					fmt.Fprintln(w, p.Output)
				}
			}
		})
		if err != nil {
			return err
		}
	}
	if len(failed) == 0 {
		return nil
	}
	if len(plan) == 1 {
		return failed[0].err
	}
	for _, f := range failed {
		if !k.json {
			fmt.Fprintf(k.err, "lander: %s %s\n", k.paint(k.err, "error:"), f.Error)
		}
	}
	return &fault{exit: exitPartial, msg: fmt.Sprintf("%d of %d files were not signed", len(failed), len(plan)), cause: failed[0].err}
}
