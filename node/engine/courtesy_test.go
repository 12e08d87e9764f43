// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"runtime"
	"sync/atomic"
	"testing"
)

func TestWorkThroughADataSetLetsOthersRun(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var ran atomic.Bool
	go ran.Store(true)
	var turns courtesy
	for range courtesyBytes / 1024 {
		turns.worked(1024)
	}
	if !ran.Load() {
		t.Error("nobody else had a turn")
	}
}
