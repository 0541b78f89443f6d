// Lander lands scripts on devices: it signs them, delivers them, runs them
// and shows what they did.
package main

import (
	"os"

	"lander/cmd"
)

func main() { os.Exit(cmd.Main(os.Args, os.Stdin, os.Stdout, os.Stderr)) }
