//go:build race

package cmd_test

// raceEnabled thins out loops that only repeat themselves: the race detector
// makes them some ten times slower.
const raceEnabled = true
