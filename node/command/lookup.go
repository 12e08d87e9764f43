// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package command

// index finds commands by name in any case. It is asked once for every call,
// so names of up to eight bytes, which nearly all calls use, are packed into
// one word and found in a small open-addressed table; the others go through a
// map.
type index struct {
	slots []slot
	shift uint
	long  map[string]*Command
}

type slot struct {
	word uint64 // the name packed; 0 for an empty slot
	cmd  *Command
}

// packed is the longest name that fits a word.
const packed = 8

// loadFactor is how many slots there are for each name at least.
const loadFactor = 4

func newIndex(commands []*Command) index {
	ix := index{long: make(map[string]*Command), shift: 64}
	size := 1
	for size < loadFactor*len(commands) || size < 2 {
		size *= 2
		ix.shift--
	}
	ix.slots = make([]slot, size)
	for _, c := range commands {
		if len(c.Name) > packed {
			ix.long[c.Name] = c
			continue
		}
		w, _ := pack([]byte(c.Name))
		i := ix.home(w)
		for ix.slots[i].cmd != nil {
			i = (i + 1) % uint64(size)
		}
		ix.slots[i] = slot{w, c}
	}
	return ix
}

// home is where the search for a word begins: the top bits of its product with
// the golden ratio.
func (ix *index) home(w uint64) uint64 { return w * 0x9e3779b97f4a7c15 >> ix.shift }

func (ix *index) find(name []byte) *Command {
	if len(name) == 0 || ix.slots == nil {
		return nil
	}
	w, short := pack(name)
	if !short {
		return ix.findLong(name)
	}
	for i := ix.home(w); ; i = (i + 1) % uint64(len(ix.slots)) {
		switch s := &ix.slots[i]; {
		case s.word == w && s.cmd != nil:
			return s.cmd
		case s.cmd == nil:
			return nil
		}
	}
}

// pack puts a name of up to eight bytes, lower-cased, into a word. Shorter ones
// are padded with zeros: a name that ends with NUL bytes is not short.
func pack(name []byte) (w uint64, short bool) {
	if len(name) > packed || name[len(name)-1] == 0 {
		return 0, false
	}
	for i, b := range name {
		if 'A' <= b && b <= 'Z' {
			b += 'a' - 'A'
		}
		w |= uint64(b) << (8 * i)
	}
	return w, true
}

// findLong lower-cases into a small array: no allocation here either.
func (ix *index) findLong(name []byte) *Command {
	var low [64]byte
	if len(name) > len(low) {
		return nil
	}
	for i, b := range name {
		if 'A' <= b && b <= 'Z' {
			b += 'a' - 'A'
		}
		low[i] = b
	}
	return ix.long[string(low[:len(name)])]
}
