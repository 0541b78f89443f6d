//go:build race

package flash_test

const raceEnabled = true // the matrices are tried in part
