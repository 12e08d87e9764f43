// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package engine

import (
	"time"

	"golang.org/x/sys/unix"
)

// operatingSystem is what uname tells: system, release and machine.
func operatingSystem() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:]) + " " +
		unix.ByteSliceToString(u.Machine[:])
}

// cpuTime is the processor time that the process has used.
func cpuTime() (user, sys time.Duration) {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		return 0, 0
	}
	return time.Duration(r.Utime.Nano()), time.Duration(r.Stime.Nano())
}
