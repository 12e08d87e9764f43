// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package rdb

func readHash(v *value, it *Item) error {
	it.Type, it.Fields = TypeHash, v.fields
	return v.counted(it, "the number of fields of a hash", func(v *value) (err error) {
		if v.name, err = v.in.text(v.name[:0], "a field of a hash"); err != nil {
			return err
		}
		v.val, err = v.in.text(v.val[:0], "the value of a hash's field")
		return err
	})
}

func readHashListpack(v *value, it *Item) error {
	it.Type = TypeHash
	at, err := v.packed(formHashListpack)
	if err != nil {
		return err
	}
	n, reason := checkPairs(v.blob, &v.names)
	switch {
	case reason != nil:
		return unsound(at, formHashListpack, reason)
	case n == 0:
		return errNoElements
	}
	it.Packed = v.blob
	return nil
}

func readHashZiplist(v *value, it *Item) error {
	it.Type, it.Fields = TypeHash, v.fields
	if err := v.ziplistPairs(it, formHashZiplist); err != nil {
		return err
	}
	v.more = func(v *value) (bool, error) {
		if v.left == 0 {
			return false, nil
		}
		v.left--
		v.name = v.ziplistEntry(v.name[:0])
		v.val = v.ziplistEntry(v.val[:0])
		return true, nil
	}
	return nil
}

func readHashZipmap(v *value, it *Item) error {
	it.Type, it.Fields = TypeHash, v.fields
	at, err := v.packed(formHashZipmap)
	if err != nil {
		return err
	}
	n, reason := checkZipmap(v.blob)
	if reason != nil {
		return unsound(at, formHashZipmap, reason)
	}
	it.Count, v.left, v.at = uint64(n), uint64(n), zipmapHeader
	v.more = func(v *value) (bool, error) {
		if v.left == 0 {
			return false, nil
		}
		v.left--
		var field, val []byte
		field, val, v.at, _ = zipmapPair(v.blob, v.at)
		v.name, v.val = append(v.name[:0], field...), append(v.val[:0], val...)
		return true, nil
	}
	return nil
}

func (w *Writer) fields(it *Item) {
	w.length(it.Count)
	left := it.Count
	for field, val := range it.Fields {
		if left--; !w.goesOn(left) {
			break
		}
		w.text(field)
		w.text(val)
	}
	w.complete(it, left)
}
