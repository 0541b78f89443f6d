package cmd

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/urfave/cli/v2"

	"lander/lib/durable"
	"lander/lib/trust"
)

func scriptKeygenCommand() *cli.Command {
	return verb{
		name:  "keygen",
		usage: "make a key pair for signing",
		about: "Writes NAME.key (mode 0600) and NAME.pub, both in minisign's form. The key is\nencrypted with a passphrase unless --no-passphrase is given.",
		flags: []cli.Flag{
			&cli.StringFlag{Name: "out", Usage: "write `NAME`.key and NAME.pub"},
			passphraseFlag(),
			&cli.BoolFlag{Name: "no-passphrase", Usage: "leave the key file unencrypted"},
			noInputFlag(),
			forceFlag("replace existing files"),
		},
		exits: []exitCode{exitRefused},
		examples: []example{
			{"lander script keygen --out release", "asks for a passphrase, writes release.key and release.pub"},
			{"lander script keygen --out ci --no-passphrase --json", "for a CI secret store"},
		},
		run: runScriptKeygen,
	}.command()
}

func runScriptKeygen(k *call) error {
	name := k.cli.String("out")
	if name == "" {
		return usagef("lander script keygen --out NAME", "--out NAME is needed")
	}
	keyPath, pubPath := name+".key", name+".pub"
	if !k.cli.Bool("force") {
		for _, p := range []string{keyPath, pubPath} {
			if _, err := os.Lstat(p); err == nil {
				return refusedf("choose another name, or replace it with --force", "%s exists", p)
			}
		}
	}
	pass := ""
	if !k.cli.Bool("no-passphrase") {
		var err error
		if pass, err = k.passphrase("passphrase for the new key", true); err != nil {
			return err
		}
		if pass == "" {
			return usagef("give one, or say --no-passphrase", "the passphrase is empty")
		}
	}
	key, err := trust.GenerateKey()
	if err != nil {
		return err
	}
	text, err := key.KeyFile(pass)
	if err != nil {
		return err
	}
	var opts []durable.Option
	if !k.cli.Bool("force") {
		opts = append(opts, durable.NoReplace)
	}
	if err := writePair(keyPath, text, pubPath, key.Public().Text(), opts); err != nil {
		return existing(err)
	}
	id := key.Public().ID()
	return k.ui.result(map[string]string{"key": keyPath, "pub": pubPath, "key_id": id}, func(w io.Writer) {
		fmt.Fprintf(w, "%s\n%s\nkey id %s\n", keyPath, pubPath, id)
	})
}

// writePair writes the two halves of a key, none of them before both are on the
// disk: a pair that is there already stays whole when there is no room, or when
// one half cannot be put in its place.
func writePair(keyPath string, key []byte, pubPath string, pub []byte, opts []durable.Option) error {
	var halves [2]*durable.File
	for i, h := range []struct {
		path string
		text []byte
		mode fs.FileMode
	}{{pubPath, pub, 0o644}, {keyPath, key, 0o600}} {
		f, err := durable.Create(h.path, h.mode, opts...)
		if err != nil {
			return err
		}
		defer f.Abort()
		if _, err = f.Write(h.text); err == nil {
			err = f.Sync()
		}
		if err != nil {
			return fmt.Errorf("writing %s: %w", h.path, durable.Cause(err))
		}
		halves[i] = f
	}
	// The public half first: nobody could make the other one again.
	was, none := os.ReadFile(pubPath)
	if err := halves[0].Commit(); err != nil {
		return err
	}
	err := halves[1].Commit()
	if err == nil {
		return nil
	}
	back := os.Remove(pubPath)
	if none == nil {
		back = durable.WriteFile(pubPath, was, 0o644)
	}
	if back != nil {
		err = fmt.Errorf("%w; %s is not of the key", err, pubPath)
	}
	return err
}

// existing words the refusal to replace a file.
func existing(err error) error {
	if errors.Is(err, fs.ErrExist) {
		return &fault{exit: exitRefused, msg: err.Error(), hint: "choose another name, or replace it with --force", cause: err}
	}
	return err
}
