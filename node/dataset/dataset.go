// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Package dataset carries values between the store and the dump format: the
// store knows no disk, and the format no store. Describe is the way out, Put the
// way in; databases, times to live and accesses are for the caller to carry.
package dataset

import (
	"fmt"

	"github.com/espalier-io/espalier/node/rdb"
	"github.com/espalier-io/espalier/node/store"
)

// Describe fills in the type and the value of a new item. What it names stays in the store
// and is valid as long as the look at it; parts are read as they are asked for.
func Describe(it *rdb.Item, v store.Value) {
	if v.Type() != store.TypeString {
		describe(it, v.Type(), v.Packed(), v)
		return
	}
	if v.Encoding() == store.EncInt {
		it.Int, it.IsInt = v.Int()
	}
	it.Type, it.String = rdb.TypeString, v.Bytes()
}

// DescribeItem is Describe for an item of a snapshot, and needs no lock: what it
// names is valid as long as the item's batch.
func DescribeItem(it *rdb.Item, from *store.Item) {
	if from.Type != store.TypeString {
		describe(it, from.Type, from.Value, from)
		return
	}
	it.Type, it.String = rdb.TypeString, from.Value
	it.Int, it.IsInt = from.Int, from.Encoding == store.EncInt
}

// looks are what values and items of a snapshot have in common.
type looks interface {
	List() store.List
	Set() store.Set
	ZSet() store.ZSet
	Hash() store.Hash
}

// describe fills in a collection, which is packed or looked at.
func describe[L looks](it *rdb.Item, t store.Type, packed []byte, look L) {
	it.Packed = packed
	switch t {
	case store.TypeList:
		l := look.List()
		it.Type, it.Count = rdb.TypeList, uint64(l.NumNodes())
		it.Nodes = func(yield func(rdb.ListNode) bool) {
			for n := range l.Nodes() {
				if !yield(rdb.ListNode(n)) {
					return
				}
			}
		}
	case store.TypeSet:
		it.Type = rdb.TypeSet
		if packed == nil {
			s := look.Set()
			it.Count, it.Elements = uint64(s.Len()), s.All()
		}
	case store.TypeZSet:
		it.Type = rdb.TypeZSet
		if packed == nil {
			z := look.ZSet()
			it.Count, it.Scores = uint64(z.Len()), z.Descend(z.Len()-1)
		}
	case store.TypeHash:
		it.Type = rdb.TypeHash
		if packed == nil {
			h := look.Hash()
			it.Count, it.Fields = uint64(h.Len()), h.All()
		}
	default:
		panic(fmt.Sprintf("a %s has no form in a dump", t))
	}
}

// Put sets a key to the value of an item that was read from a dump, and tells
// whether the key is new. The time to live of what was there is lost. A
// collection that has something twice is an error, and so is what the store
// refuses; the key then holds a part of the value or nothing.
func Put(db *store.DB, it *rdb.Item) (added bool, err error) {
	if it.Type == rdb.TypeString {
		return db.Set(it.Key, it.String, false)
	}
	if it.Packed != nil {
		return db.SetPacked(it.Key, storeType(it.Type), it.Packed), nil
	}
	added = !db.Delete(it.Key)
	switch it.Type {
	case rdb.TypeList:
		putList(db.EditList(it.Key), it)
	case rdb.TypeSet:
		err = putSet(db.EditSet(it.Key), it)
	case rdb.TypeZSet:
		err = putZSet(db.EditZSet(it.Key), it)
	case rdb.TypeHash:
		err = putHash(db.EditHash(it.Key), it)
	}
	return added, err
}

func storeType(t rdb.Type) store.Type {
	switch t {
	case rdb.TypeSet:
		return store.TypeSet
	case rdb.TypeZSet:
		return store.TypeZSet
	}
	return store.TypeHash
}

func putList(l *store.ListEditor, it *rdb.Item) {
	defer l.Close()
	if it.Nodes == nil {
		for e := range it.Elements {
			l.PushTail(e)
		}
		return
	}
	for n := range it.Nodes {
		l.AppendNode(store.ListNode(n))
	}
}

func putSet(s *store.SetEditor, it *rdb.Item) error {
	defer s.Close()
	for member := range it.Elements {
		if !s.Add(member) {
			return twice("member of the set", member)
		}
	}
	return nil
}

func putZSet(z *store.ZSetEditor, it *rdb.Item) error {
	defer z.Close()
	for member, score := range it.Scores {
		if !z.Set(member, score) {
			return twice("member of the sorted set", member)
		}
	}
	return nil
}

func putHash(h *store.HashEditor, it *rdb.Item) error {
	defer h.Close()
	for field, value := range it.Fields {
		if !h.Set(field, value) {
			return twice("field of the hash", field)
		}
	}
	return nil
}

func twice(what string, name []byte) error {
	return fmt.Errorf("the %s %.128q is there twice", what, name)
}
