// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package engine

import "time"

var processStart = time.Now()

// bootTime is the time since the process was started: these systems tell none
// that goes on while the machine sleeps.
func bootTime() time.Duration { return time.Since(processStart) + time.Nanosecond }
