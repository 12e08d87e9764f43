// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package process

import "golang.org/x/sys/unix"

// OpenFiles is how many files and sockets the process may have open, 0 where
// the system does not tell. The Go runtime has raised the limit as far as it
// may.
func OpenFiles() uint64 {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return 0
	}
	return l.Cur
}
