// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux && !goheap

package store

import "golang.org/x/sys/unix"

// mapPages returns size bytes of zeroed memory from the system, outside the Go
// heap. size is a multiple of the page size.
func mapPages(size int) ([]byte, error) {
	return unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
}

// unmapPages gives memory from mapPages back to the system.
func unmapPages(mem []byte) {
	if err := unix.Munmap(mem); err != nil {
		panic("store: munmap: " + err.Error())
	}
}

// remapPages resizes a mapping without copying its content: the kernel moves
// page table entries. The old slice is dead afterwards.
func remapPages(mem []byte, size int) ([]byte, error) {
	return unix.Mremap(mem, size, unix.MREMAP_MAYMOVE)
}
