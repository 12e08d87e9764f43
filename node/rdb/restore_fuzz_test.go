// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package rdb

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// seedSize keeps the seeds small: a fuzzer works with many variations of them.
const seedSize = 1000

// smallSeeds are collections, and a ziplist with numbers in every encoding.
func smallSeeds() []Item {
	var small []Item
	for _, it := range collections() {
		if it.Count < seedSize && len(Dump(&it, false)) < seedSize {
			small = append(small, it)
		}
	}
	return append(small, Item{ExpireAt: NoExpiry, Key: []byte("l"), Type: TypeList, Count: 2,
		Nodes: slices.Values([]ListNode{{packed("a", "-1", "70000"), false}, {[]byte("plain"), true}})})
}

// FuzzRestore: no payload crashes RESTORE or makes it take much memory; what it
// takes is whole: it can be dumped, and restored again as the same.
func FuzzRestore(f *testing.F) {
	for _, it := range smallSeeds() {
		f.Add(Dump(&it, true))
	}
	for _, old := range oldForms() {
		if dump := inDump(old.code, old.bare(), old.value); len(dump) < seedSize {
			f.Add(footed([]byte(dump[9:10]+dump[12:len(dump)-9]), 9))
		}
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		var it Item
		var err error
		took := allocated(func() { err = Restore(payload, &it, true) })
		if most := uint64(len(payload)*lzfMostRatio*8 + 1<<20); took > most {
			t.Errorf("a payload of %d bytes took %d", len(payload), took)
		}
		if err != nil {
			return
		}
		var again Item
		if err := Restore(Dump(&it, true), &again, false); err != nil {
			t.Fatalf("what was restored is refused: %v", err)
		}
		if diff := cmp.Diff(flatten([]Item{it}), flatten([]Item{again})); diff != "" {
			t.Errorf("(-restored +restored again):\n%s", diff)
		}
	})
}
