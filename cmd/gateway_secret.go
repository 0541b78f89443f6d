package cmd

import (
	"crypto/rand"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"lander/lib/sovd"
)

// hashSecret is the operand that makes lander gateway another command, one
// that ends.
const hashSecret = "hash-secret"

// hashSecretCommand is what its help and its page are made of.
func hashSecretCommand() *cli.Command {
	return verb{
		name:  hashSecret,
		usage: "make the hash of a client's secret",
		about: `Reads a secret, one line of at most 4096 bytes, on the standard input, and prints the line that
secret_hash of a [[client]] in the auth file takes. The secret itself is kept nowhere.`,
		server: true, // --timeout has nothing to end here
		examples: []example{
			{"lander gateway hash-secret < secret.txt", "the hash, for secret_hash in the auth file"},
			{"head -c 24 /dev/urandom | base64 | tee secret.txt | lander gateway hash-secret", "a new secret, and its hash"},
		},
		run: runHashSecret,
	}.command()
}

// modes are the operands that make a command another one, and have help of
// their own.
func modes(c *cli.Command) []*cli.Command {
	if c.Name == "gateway" {
		return []*cli.Command{hashSecretCommand()}
	}
	return nil
}

func runHashSecret(k *call) error {
	own := hashSecretCommand().Flags
	for _, s := range k.conf.values {
		if s.Origin == "flag" && lookup(own, s.Name) == nil {
			return usagef("see lander gateway hash-secret --help", "lander gateway hash-secret has no flag --%s", s.Name)
		}
	}
	if isTerminal(k.in) {
		return usagef("lander gateway hash-secret < FILE", "the secret is read from the standard input")
	}
	b, err := io.ReadAll(io.LimitReader(k.in, 4097))
	if err != nil {
		return k.readFault("the secret", err)
	}
	secret := strings.TrimRight(string(b), "\r\n")
	if secret == "" || len(b) > 4096 || strings.ContainsAny(secret, "\r\n") {
		return invalidf("one line, at most 4096 bytes", "the standard input holds no secret")
	}
	hash, err := sovd.HashSecret([]byte(secret), rand.Reader)
	if err != nil {
		return err
	}
	return k.ui.result(map[string]string{"secret_hash": hash}, func(w io.Writer) { fmt.Fprintln(w, hash) })
}
