//go:build unix && !linux

package emp

// The hang-up conditions are reported without being asked for.
const pollHangUp = 0
