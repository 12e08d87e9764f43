// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux && !goheap

package store

import (
	"testing"

	"golang.org/x/sys/unix"
)

// The last blocks of a chunk may have nothing behind them.
func TestTouchStaysInTheChunk(t *testing.T) {
	mem, err := mapPages(2 * chunkSize)
	if err != nil {
		t.Fatal(err)
	}
	defer unmapPages(mem)
	if err := unix.Mprotect(mem[chunkSize:], unix.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	a := newArena()
	a.spare = append(a.spare, mem[:chunkSize:chunkSize])
	for range chunkSize / 8 {
		h, p := a.alloc(8)
		store64(p, 0)
		if got := a.touch(h); got != 0 {
			t.Fatalf("block %d: %d", h, got)
		}
	}
	if len(a.spare) != 0 || a.mapped != 0 {
		t.Error("the blocks come from another chunk")
	}
}
