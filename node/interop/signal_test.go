// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package interop

import "syscall"

// stopOrGo is the signal that makes a process stand still, or go on.
func stopOrGo(stop bool) syscall.Signal {
	if stop {
		return syscall.SIGSTOP
	}
	return syscall.SIGCONT
}
