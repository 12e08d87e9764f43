// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import "unsafe"

// vector is a growing array of 64-bit words in an arena. It grows by pages of
// 4 KiB, so that no append copies more than one of them; a short vector has one
// page of just the size it needs.
type vector struct {
	pages []page
	len   uint64
	room  uint64 // words that the pages have room for
}

type page struct {
	p unsafe.Pointer
	h handle
}

const (
	pageBits  = 9
	pageWords = 1 << pageBits
	firstPage = 4 // words
)

// at returns the i-th word, i < len.
func (v *vector) at(i uint64) *uint64 {
	return (*uint64)(unsafe.Add(v.pages[i>>pageBits].p, i&(pageWords-1)<<3))
}

func (v *vector) push(a *arena, w uint64) {
	if v.len == v.room {
		v.grow(a)
	}
	v.len++
	*v.at(v.len - 1) = w
}

func (v *vector) grow(a *arena) {
	switch {
	case v.room == 0:
		h, p := a.alloc(firstPage * 8)
		v.pages = append(v.pages, page{p, h})
		v.room = firstPage
	case v.room < pageWords:
		h, p := a.resize(v.pages[0].h, int(v.room)*16, int(v.len)*8)
		v.pages[0] = page{p, h}
		v.room *= 2
	default:
		h, p := a.alloc(pageWords * 8)
		v.pages = append(v.pages, page{p, h})
		v.room += pageWords
	}
}

// pop removes the last word. One page more than needed is kept, so that a
// vector at the edge of a page does not allocate with every change.
func (v *vector) pop(a *arena) {
	v.len--
	if v.room > pageWords && v.len+2*pageWords <= v.room {
		v.dropPage(a)
	}
}

func (v *vector) dropPage(a *arena) {
	last := len(v.pages) - 1
	a.free(v.pages[last].h)
	v.pages[last] = page{}
	v.pages = v.pages[:last]
	v.room -= min(v.room, pageWords)
	v.len = min(v.len, v.room)
}

// bytes is what the vector takes in the arena.
func (v *vector) bytes() int { return int(v.room) * 8 }
