package cmd

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// onHangup has a server read its configuration again at each HUP, and call
// reload, if not nil, afterwards, whatever came of it. A file that does not
// parse changes nothing.
// The function it returns ends that, and waits for it.
func (k *call) onHangup(reload func() error) (stop func()) {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range hup {
			err := k.readAgain()
			if err == nil {
				k.log.Info("configuration read again", "file", k.conf.file)
			}
			if reload != nil {
				err = errors.Join(err, reload())
			}
			if err != nil {
				k.log.Error("the configuration was not read again, and what it was holds on", "error", err)
			}
		}
	}()
	return func() {
		signal.Stop(hup)
		close(hup)
		<-done
	}
}

// readAgain applies what of the file can change while a server runs: the log
// level. Everything else that is not read anew each time needs a restart, and
// the log says so.
func (k *call) readAgain() error {
	next := &config{}
	path := strings.Fields(commandPath(k.cli))
	table, err := next.readFile(k.cli, k.getenv, path)
	if err != nil {
		return err
	}
	for _, s := range k.conf.values {
		if !strings.HasPrefix(s.Origin, "file ") && s.Origin != "default" {
			continue
		}
		v, now := table[strings.ReplaceAll(s.Name, "-", "_")]
		switch {
		case s.Name == "log-level":
			level := slog.LevelWarn
			if now {
				if err := level.UnmarshalText(fmt.Append(nil, v)); err != nil {
					return invalidf("", "%s: log level %v: %v", next.file, v, err)
				}
			}
			if k.cli.Count("verbose") == 0 && k.quiet == 0 {
				k.level.Set(level)
			}
		case now && s.Name == "allow-md5" && s.Value == v:
		case now && fmt.Sprint(k.cli.Value(s.Name)) != fmt.Sprint(v):
			k.log.Warn("this setting changes at the next start only", "setting", s.Name)
		}
	}
	return nil
}
