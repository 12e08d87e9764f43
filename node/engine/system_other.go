// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package engine

import (
	"runtime"
	"time"
)

func operatingSystem() string { return runtime.GOOS + " " + runtime.GOARCH }

// cpuTime is not told by this system.
func cpuTime() (user, sys time.Duration) { return 0, 0 }
