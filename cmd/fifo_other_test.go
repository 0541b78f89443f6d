//go:build !unix

package cmd_test

import "errors"

func makeFIFO(string) error { return errors.ErrUnsupported }
