// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"fmt"
	"maps"
	"strconv"
)

// modelLimits are low, so that short runs, too, come to every form.
var modelLimits = Limits{
	HashEntries: 16, HashValue: 30, SetIntset: 16, ZSetEntries: 16, ZSetValue: 30,
	ListNode: -1, ListPlain: 1000,
}

// modelCollection is what a collection holds. It is never changed: an edit makes
// a new one.
type modelCollection struct {
	typ     Type
	members map[string]string // fields with values, members with ""
}

func modelText(text string, enc Encoding, at int64) modelValue {
	return modelValue{text: text, enc: enc, at: at}
}

func (v modelValue) equal(w modelValue) bool {
	if v.coll == nil || w.coll == nil {
		return v == w
	}
	return v.enc == w.enc && v.at == w.at && v.coll.typ == w.coll.typ && maps.Equal(v.coll.members, w.coll.members)
}

func (c *modelCollection) String() string {
	return fmt.Sprintf("type %s of %d", c.typ, len(c.members))
}

// looker is a Value or an Item.
type looker interface {
	Hash() Hash
	Set() Set
}

// modelOf reads a collection.
func modelOf(typ Type, v looker) *modelCollection {
	c := &modelCollection{typ: typ, members: map[string]string{}}
	n := 0
	switch typ {
	case TypeHash:
		for field, value := range v.Hash().All() {
			c.members[string(field)] = string(value)
		}
		n = v.Hash().Len()
	case TypeSet:
		for member := range v.Set().All() {
			c.members[string(member)] = ""
		}
		n = v.Set().Len()
	}
	if n != len(c.members) {
		panic(fmt.Sprintf("a %s of %d elements counted as %d", typ, len(c.members), n))
	}
	return c
}

// collection picks a key for an edit of a type and returns what the model has
// there, to be changed.
func (m *machine) collection(typ Type) (db *DB, model modelDB, key []byte, v modelValue, there bool) {
	db, model = m.pick()
	key = m.key()
	v, there = model[string(key)]
	if there && (v.coll == nil || v.coll.typ != typ) {
		db.Delete(key)
		there = false
	}
	if !there {
		v = modelValue{at: NoExpiry, coll: &modelCollection{typ: typ}}
	}
	c := *v.coll
	if c.members = maps.Clone(c.members); c.members == nil {
		c.members = map[string]string{}
	}
	v.coll = &c
	return db, model, key, v, there
}

// edits is how many changes an edit makes, and of how many different members.
func (m *machine) edits() (n, members int) {
	if m.src.intn(8) == 0 {
		return m.src.intn(600), 400
	}
	return m.src.intn(12), 40
}

// member is a number, now and then a text, and a long one.
func (m *machine) member(of int) []byte {
	i := m.src.intn(of)
	switch {
	case i%31 == 5:
		return bytes.Repeat([]byte{byte(i)}, 200+i)
	case i%7 == 3:
		return []byte("member:" + strconv.Itoa(i))
	}
	return strconv.AppendInt(nil, int64(i)*int64(i)*int64(i)*int64(i), 10)
}

func (m *machine) keep(model modelDB, key []byte, v modelValue, emptied bool, there bool) {
	if emptied != (there && len(v.coll.members) == 0) {
		m.t.Fatalf("key %q: emptied %t with %d members", key, emptied, len(v.coll.members))
	}
	if len(v.coll.members) == 0 {
		delete(model, string(key))
		return
	}
	model[string(key)] = v
}

func (m *machine) editHash() {
	db, model, key, v, there := m.collection(TypeHash)
	if !there {
		v.enc = EncListpack
	}
	fields := v.coll.members
	n, of := m.edits()
	bias := m.src.intn(4)
	h := db.EditHash(key)
	for range n {
		field := m.member(of)
		_, has := fields[string(field)]
		if m.src.intn(4) < bias {
			if h.Delete(field) != has {
				m.t.Fatalf("key %q: Delete(%q): want %t", key, field, has)
			}
			delete(fields, string(field))
			continue
		}
		value := m.text()
		if len(value) > 5000 {
			value = value[:5000]
		}
		if h.Set(field, value) == has {
			m.t.Fatalf("key %q: Set(%q): added %t", key, field, has)
		}
		fields[string(field)] = string(value)
		if max(len(field), len(value)) > modelLimits.HashValue || len(fields) > modelLimits.HashEntries {
			v.enc = EncHT
		}
		if got, ok := h.Hash().Get(field); !ok || !bytes.Equal(got, value) {
			m.t.Fatalf("key %q: Get(%q) is not what Set has set", key, field)
		}
	}
	m.keep(model, key, v, h.Close(), there)
}

func (m *machine) editSet() {
	db, model, key, v, there := m.collection(TypeSet)
	if !there {
		v.enc = EncIntset
	}
	members := v.coll.members
	n, of := m.edits()
	bias := m.src.intn(4)
	numbers := m.src.intn(2) == 0
	s := db.EditSet(key)
	for range n {
		member := m.member(of)
		if _, number := ParseInt(member); numbers && !number {
			continue
		}
		_, has := members[string(member)]
		if m.src.intn(4) < bias {
			if s.Remove(member) != has {
				m.t.Fatalf("key %q: Remove(%q): want %t", key, member, has)
			}
			delete(members, string(member))
			continue
		}
		if s.Add(member) == has {
			m.t.Fatalf("key %q: Add(%q): added %t", key, member, has)
		}
		members[string(member)] = ""
		if _, number := ParseInt(member); !number || len(members) > modelLimits.SetIntset {
			v.enc = EncHT
		}
		if !s.Set().Has(member) {
			m.t.Fatalf("key %q: %q is not there", key, member)
		}
	}
	m.keep(model, key, v, s.Close(), there)
}
