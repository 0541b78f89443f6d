package cmd

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"lander/lib/durable"
	"lander/lib/fleet"
	"lander/lib/job"
	"lander/lib/link"
	"lander/lib/proc"
	"lander/lib/remote"
	"lander/lib/sovd"
	"lander/lib/store"
)

// gatewaySettings reads the sections of the configuration file.
func (k *call) gatewaySettings() (*sovd.Settings, error) {
	var s sovd.Settings
	var err error
	if k.conf.yaml != nil {
		s, err = sovd.ParseROS2(k.conf.yaml)
	} else {
		s, err = sovd.SettingsOf(k.conf.table)
	}
	if err != nil {
		return nil, invalidf("", "%s: %w", k.conf.file, err)
	}
	for _, w := range s.ROS2.Warnings {
		k.ui.warn("", "%s: lander has no setting %s", k.conf.file, w)
	}
	return &s, nil
}

// or is the flag's value when it was given, else the file's when that says
// one, else the flag's default.
func or[T any](k *call, name string, flag T, file *T) T {
	if file != nil && k.conf.origin(name) == "default" {
		return *file
	}
	return flag
}

func said(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func readInput(path string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, invalidf("", "reading %s: %w", path, plainCause(err))
	}
	return b, nil
}

// ended counts what has ended, wherever it ran, and tells of it.
func (k *call) ended(cfg *sovd.Config, lines *eventLines) func(sovd.Execution) {
	if cfg.Metrics == nil {
		cfg.Metrics = sovd.NewMetrics(nil)
	}
	metrics := cfg.Metrics
	return func(x sovd.Execution) {
		metrics.Ended(x)
		if k.json {
			lines.write(sovd.EndedEvent(x), false)
		}
	}
}

// gatewayProvider opens the scripts: a directory, a program, or nothing.
func (k *call) gatewayProvider(set *sovd.Settings, cfg *sovd.Config, st store.Store, members *store.Presence, dir string, lines *eventLines, agents **gatewayFleet, known *gatewayBoards, again *gatewayFiles) (func(context.Context) error, error) {
	none := func(context.Context) error { return nil }
	if file := or(k, "manifest", k.cli.String("manifest"), said(set.ROS2.Manifest)); file != "" {
		var err error
		if cfg.Manifest, err = k.readManifest(file); err != nil {
			return nil, err
		}
		again.manifest = file
	}
	runner, err := k.gatewayRunner(dir)
	if err != nil {
		return nil, err
	}
	g, err := k.openFleet(cfg, st, members, lines)
	if err != nil {
		return nil, err
	}
	*agents = g
	if line := k.cli.String("provider"); line != "" {
		c := sovd.StartCommand(sovd.CommandOptions{Argv: []string{"/bin/sh", "-c", line}, Env: os.Environ(), Runner: runner, Log: k.log})
		cfg.Provider = c
		if cfg.Metrics == nil {
			cfg.Metrics = sovd.NewMetrics(nil)
		}
		g.over(k, cfg, nil)
		return func(context.Context) error { return c.Close() }, nil
	}
	o := sovd.FilesOptions{
		Dir: or(k, "scripts", k.cli.String("scripts"), said(set.Scripts.Dir)), State: dir, Store: st, Audit: cfg.Audit, Sweep: proc.Sweep, Clock: time.Now, Log: k.log,
		NoUploads: k.cli.Bool("no-uploads"), MaxRunning: or(k, "max-running", k.cli.Int("max-running"), set.Scripts.MaxRunning),
		History: or(k, "history", k.cli.Int("history"), set.Scripts.History),
	}
	if o.Dir == "" {
		g.over(k, cfg, nil)
		return none, nil
	}
	if k.cli.String("store") != "" {
		o.Presence = members // others may have it too
	}
	_, far := st.(*store.NATS)
	o.InStore = far // the gateways have no directory in common, but the store
	if err := k.filesOptions(set, cfg, &o, runner, lines); err != nil {
		return nil, err
	}
	if o.Signed != nil {
		o.Signed.Formats = known.Formats
		o.Signed.Names = func(e sovd.Ref) []string {
			names := known.Names(e)
			if g != nil {
				names = append(names, g.Names(e)...)
			}
			return names
		}
	}
	files, err := sovd.OpenFiles(k.ctx, o)
	if err != nil {
		return nil, err
	}
	cfg.Provider, again.scripts = files, files.SetManaged
	known.Use(files)
	var shelf fleet.Library = files
	if far {
		shelf = files.Shared(st)
	}
	g.over(k, cfg, shelf)
	cfg.Metrics.SetRunning(files.Running)
	return func(ctx context.Context) error {
		return errors.Join(files.Close(ctx), runner.Dirs.Close(), runner.Cgroup.Close())
	}, nil
}

func (k *call) filesOptions(set *sovd.Settings, cfg *sovd.Config, o *sovd.FilesOptions, runner *proc.Runner, lines *eventLines) error {
	if a := set.Scripts.AllowUploads; a != nil && k.conf.origin("no-uploads") == "default" {
		o.NoUploads = !*a
	}
	o.Timeout = k.cli.Duration("script-timeout")
	if s := set.Scripts.TimeoutSec; s != nil && k.conf.origin("script-timeout") == "default" {
		o.Timeout = time.Duration(*s) * time.Second
	}
	for name, n := range map[string]int64{"history": int64(o.History), "script-timeout": int64(o.Timeout), "max-running": int64(o.MaxRunning) - 1} {
		if n < 0 {
			return usagef("", "the value of --%s is too small", name)
		}
	}
	// In the options 0 means the default, and below 0 none.
	if o.Timeout == 0 {
		o.Timeout = -1
	}
	if o.History == 0 {
		o.History = -1
	}
	var err error
	def := int64(0)
	if m := set.Scripts.MaxFileSizeMB; m != nil {
		def = *m << 20
	}
	if o.MaxFile, err = k.sizeFlag("max-upload", def); err != nil {
		return err
	}
	if o.Budget.Memory, err = k.sizeFlag("memory", 0); err != nil {
		return err
	}
	if o.Budget.Output, err = k.sizeFlag("output-limit", 0); err != nil {
		return err
	}
	o.Budget.CPU = k.cli.Duration("cpu")
	o.Runners, err = k.runners()
	if err != nil {
		return err
	}
	for _, format := range []string{job.FormatSh, job.FormatBash, job.FormatPython} {
		o.Runners[format] = runner
	}
	if lua, ok := o.Runners[job.FormatLua].(*remote.Child); ok {
		lua.User, lua.Cgroup = runner.User, runner.Cgroup
		if err := k.triesUser(runner, lua.Argv); err != nil {
			return err
		}
	}
	o.Managed = nil
	if cfg.Manifest != nil {
		o.Managed = cfg.Manifest.Scripts
	}
	o.Ended = k.ended(cfg, lines)
	return k.signedScripts(o)
}

// signedScripts says what becomes of bundles: with --signed-only nothing else
// is taken, and without it they are verified all the same.
func (k *call) signedScripts(o *sovd.FilesOptions) error {
	only := k.cli.Bool("signed-only")
	if _, err := k.trustStore(); err != nil && (only || k.cli.String("trust") != "") {
		return err
	}
	serials, err := k.gatewaySerials(o.Store)
	if err != nil {
		return err
	}
	limit, err := k.capabilities()
	if err != nil {
		return err
	}
	if !k.cli.IsSet("capability") {
		limit = nil
	}
	signed := &sovd.Signed{Trust: k.trustStore, Serials: serials, BuildTime: buildTime(), Limit: limit}
	if only {
		o.Signed = signed
	} else {
		o.Bundles, o.Grants = signed, limit
	}
	return nil
}

// gatewayRunner is how programs run: in directories of the gateway's own,
// found again when they leave their group.
func (k *call) gatewayRunner(dir string) (*proc.Runner, error) {
	if runtime.GOOS == "windows" && !k.cli.Bool("uncontained") {
		return nil, &fault{exit: exitRefused, msg: remote.ErrUncontained.Error(), hint: "--uncontained runs it all the same", cause: remote.ErrUncontained}
	}
	if k.cli.Bool("no-new-privileges") {
		if err := proc.NoNewPrivileges(); err != nil {
			return nil, fmt.Errorf("--no-new-privileges: %w", err)
		}
	}
	r := &proc.Runner{TempDir: filepath.Join(dir, "run"), Relative: true, Env: k.zone()}
	// What is there belongs to runs that a crash cut off.
	if err := proc.RemoveAll(r.TempDir); err != nil {
		return nil, fmt.Errorf("the state directory %s: %w", k.stateDir(), err)
	}
	if err := durable.MkdirAll(r.TempDir, 0o700); err != nil {
		return nil, fmt.Errorf("the state directory %s: %w", k.stateDir(), err)
	}
	if name := k.cli.String("script-user"); name != "" {
		u, err := user.Lookup(name)
		if err != nil {
			return nil, invalidf("", "--script-user: %w", err)
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err1 != nil || err2 != nil {
			return nil, invalidf("", "--script-user: %s has no numeric id", name)
		}
		// The state directory is closed to others.
		r.User, r.TempDir = &proc.User{UID: uint32(uid), GID: uint32(gid)}, ""
	}
	if r.User == nil {
		r.Dirs = proc.NewDirs(r.TempDir, 16)
	}
	if name, err := sovd.GatewayName(dir, rand.Reader); err == nil {
		group, err := proc.OpenCgroup("lander-" + name)
		if err != nil {
			k.log.Debug("scripts have no control group", "reason", err)
		} else if err := group.Kill(); err != nil { // what an earlier gateway left
			k.log.Warn("an earlier gateway has left processes", "error", err)
		}
		r.Cgroup = group
	}
	k.adopt()
	r.Family = k.family
	return r, nil
}

// triesUser sees, before the first script does, that one can run as the user
// of --script-user: that takes rights which nobody but root has as a rule, and
// a program that this user may execute. child ends at once without a task.
func (k *call) triesUser(r *proc.Runner, child []string) error {
	if r.User == nil {
		return nil
	}
	o := r.Exec(k.ctx, proc.Command{Argv: child, Dir: "/", User: r.User, Confines: true}, job.Streams{})
	if o.Err == nil || o.Err.Code != job.CodeInternal {
		return nil
	}
	name := k.cli.String("script-user")
	return &fault{exit: exitRefused, msg: fmt.Sprintf("--script-user: no script can run as %s here: %s", name, o.Err.Message), hint: "start the gateway as root, from a program file that " + name + " may execute"}
}

// ros2Address is where a parameter file of ros2_medkit has its gateway listen.
func ros2Address(set *sovd.Settings) []string {
	host, port := set.ROS2.Host, set.ROS2.Port
	if host == "" && port == 0 {
		return nil
	}
	if host == "" {
		host = "127.0.0.1"
	}
	if port == 0 {
		port = 8080
	}
	return []string{"tcp://" + net.JoinHostPort(host, strconv.Itoa(port))}
}

// serveGateway listens, at otherwise unless the command line says where, and
// serves.
func (k *call) serveGateway(gw *sovd.Gateway, cfg *sovd.Config, c *tls.Config, agents *gatewayFleet, again *gatewayFiles, otherwise ...string) error {
	listeners, err := k.listen(otherwise...)
	if err != nil {
		return err
	}
	defer closeAll(listeners)
	bound := addresses(listeners)
	if agents != nil {
		base, err := k.fetchBase(listeners, c != nil)
		if err != nil {
			return err
		}
		agents.SetBase(base)
		if agents.listener, err = k.listenAgents(); err != nil {
			return err
		}
		defer agents.listener.Close()
		bound = append(bound, m3daAddress(agents.listener.Address()))
	}
	k.exposed(listeners, cfg.Auth != nil || c != nil && c.ClientCAs != nil)
	if cfg.Metrics != nil {
		closeMetrics, err := k.publish(cfg.Metrics)
		if err != nil {
			return err
		}
		defer closeMetrics()
	}
	done, err := k.ready(bound)
	if err != nil {
		return err
	}
	defer done()
	defer k.onHangup(func() error { return again.read(k) })()
	var ls []net.Listener
	for _, l := range listeners {
		ls = append(ls, sovd.Listener(k.ctx, l, c))
	}
	if agents == nil {
		return gw.Serve(k.ctx, ls)
	}
	ctx, cancel := context.WithCancelCause(k.ctx)
	defer cancel(nil)
	defer agents.serve(ctx, cancel)()
	if err := gw.Serve(ctx, ls); err != nil || k.ctx.Err() != nil {
		return err
	}
	return context.Cause(ctx)
}

// exposed warns of scripts that anybody may start.
func (k *call) exposed(ls []*link.Listener, known bool) {
	for _, l := range ls {
		if !known && !l.Address().Loopback() {
			k.ui.warn("--auth FILE, or --client-ca FILE with TLS", "anybody who reaches %s may upload and start scripts", l.Address())
		}
	}
}
