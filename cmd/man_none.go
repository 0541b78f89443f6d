//go:build urfave_cli_no_docs

package cmd

import "github.com/urfave/cli/v2"

func manCommands() []*cli.Command { return nil }
