// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux || goheap

package store

// Where there is no mmap worth its name, chunks come from the Go heap: still
// without pointers for the collector to follow, but counted by GOGC. The build
// tag goheap selects this on Linux too, for tests and for memory checkers.

func mapPages(size int) ([]byte, error) { return make([]byte, size), nil }

func unmapPages([]byte) {}

func remapPages(mem []byte, size int) ([]byte, error) {
	grown := make([]byte, size)
	copy(grown, mem)
	return grown, nil
}
