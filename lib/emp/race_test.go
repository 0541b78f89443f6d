//go:build race

package emp_test

const raceDetector = true
