// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package rdb

import "github.com/espalier-io/espalier/node/listpack"

// The kinds of a list's nodes, as Redis numbers them.
const (
	nodePlain  = 1
	nodePacked = 2
)

func readList(v *value, it *Item) error {
	it.Type, it.Elements = TypeList, v.elements
	return v.counted(it, "the number of elements of a list", func(v *value) (err error) {
		v.name, err = v.in.text(v.name[:0], "an element of a list")
		return err
	})
}

func readListZiplist(v *value, it *Item) error {
	it.Type, it.Elements = TypeList, v.elements
	n, err := v.ziplist(formListZiplist)
	if err != nil {
		return err
	}
	if n == 0 {
		return errNoElements
	}
	it.Count = uint64(n)
	v.more = func(v *value) (bool, error) {
		if v.left == 0 {
			return false, nil
		}
		v.left--
		v.name = v.ziplistEntry(v.name[:0])
		return true, nil
	}
	return nil
}

func readQuicklist2(v *value, it *Item) error {
	it.Type, it.Nodes = TypeList, v.nodes
	if err := v.counted(it, "the number of nodes of a list", nil); err != nil {
		return err
	}
	v.more = func(v *value) (bool, error) {
		for v.left > 0 {
			v.left--
			if err := v.listNode(); err != nil {
				return false, err
			}
			if v.node.Plain || listpack.Len(v.node.Data) > 0 { // Redis passes over empty ones
				return true, nil
			}
		}
		return false, nil
	}
	return v.nonEmpty()
}

func (v *value) listNode() error {
	at := v.in.offset()
	kind, err := v.in.count("the kind of a list's node")
	if err != nil {
		return err
	}
	if kind != nodePlain && kind != nodePacked {
		return damaged(at, "Quicklist integrity check failed: %d is no kind of a node", kind)
	}
	at = v.in.offset()
	v.node.Plain = kind == nodePlain
	if v.node.Data, err = v.in.text(v.node.Data[:0], formNodeListpack.what); err != nil {
		return err
	}
	if v.node.Plain {
		if len(v.node.Data) == 0 {
			return v.in.failAt(at, nil, "an element of a list, not an empty node")
		}
		return nil
	}
	if reason := listpack.Validate(v.node.Data, true); reason != nil {
		return unsound(at, formNodeListpack, reason)
	}
	return nil
}

// readQuicklist reads a list of ziplists, each of which becomes a node.
func readQuicklist(v *value, it *Item) error {
	it.Type, it.Nodes = TypeList, v.nodes
	if err := v.counted(it, "the number of nodes of a list", nil); err != nil {
		return err
	}
	nodes := v.left
	v.more = func(v *value) (bool, error) {
		for nodes > 0 {
			nodes--
			if err := v.ziplistNode(); err != nil {
				return false, err
			}
			if listpack.Len(v.node.Data) > 0 {
				return true, nil
			}
		}
		return false, nil
	}
	return v.nonEmpty()
}

func (v *value) ziplistNode() error {
	n, err := v.ziplist(formNodeZiplist)
	if err != nil {
		return err
	}
	v.node.Plain = false
	v.node.Data = append(v.node.Data[:0], listpack.New()...)
	for range n {
		v.name = v.ziplistEntry(v.name[:0])
		v.node.Data = listpack.Append(v.node.Data, v.name)
	}
	return nil
}

func (w *Writer) nodes(it *Item) {
	w.length(it.Count)
	left := it.Count
	for node := range it.Nodes {
		if left--; !w.goesOn(left) {
			break
		}
		kind := uint64(nodePacked)
		if node.Plain {
			kind = nodePlain
		}
		w.length(kind)
		w.text(node.Data)
	}
	w.complete(it, left)
}
