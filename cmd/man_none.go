//go:build urfave_cli_no_docs

package cmd

func manEntries() []entry { return nil }
