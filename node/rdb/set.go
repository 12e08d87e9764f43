// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package rdb

import (
	"github.com/espalier-io/espalier/node/intset"
	"github.com/espalier-io/espalier/node/listpack"
)

func readSet(v *value, it *Item) error {
	it.Type, it.Elements = TypeSet, v.elements
	return v.counted(it, "the number of members of a set", func(v *value) (err error) {
		v.name, err = v.in.text(v.name[:0], "a member of a set")
		return err
	})
}

func readSetIntset(v *value, it *Item) error {
	it.Type = TypeSet
	at, err := v.packed(formSetIntset)
	if err != nil {
		return err
	}
	if reason := intset.Validate(v.blob, true); reason != nil {
		return unsound(at, formSetIntset, reason)
	}
	it.Packed = v.blob
	return nil
}

// readSetListpack reads a set as Redis 7.2 packs it. The node, as Redis 7.0, has
// no such sets: its members come one by one.
func readSetListpack(v *value, it *Item) error {
	it.Type, it.Elements = TypeSet, v.elements
	at, err := v.packed(formSetListpack)
	if err != nil {
		return err
	}
	if reason := listpack.Validate(v.blob, true); reason != nil {
		return unsound(at, formSetListpack, reason)
	}
	v.at = listpack.First(v.blob)
	if v.at < 0 {
		return errNoElements
	}
	it.Count = uint64(listpack.Len(v.blob))
	v.more = func(v *value) (bool, error) {
		if v.at < 0 {
			return false, nil
		}
		v.name = listpack.Get(v.blob, v.at).Append(v.name[:0])
		v.at = listpack.Next(v.blob, v.at)
		return true, nil
	}
	return nil
}
