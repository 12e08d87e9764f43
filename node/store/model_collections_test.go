// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"slices"
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
	members map[string]string // fields with values, members with "" or their scores
	list    []string
}

func modelText(text string, enc Encoding, at int64) modelValue {
	return modelValue{text: text, enc: enc, at: at}
}

func (v modelValue) equal(w modelValue) bool {
	if v.coll == nil || w.coll == nil {
		return v == w
	}
	return v.enc == w.enc && v.at == w.at && v.coll.typ == w.coll.typ &&
		maps.Equal(v.coll.members, w.coll.members) && slices.Equal(v.coll.list, w.coll.list)
}

func (c *modelCollection) String() string {
	return fmt.Sprintf("%s of %d", c.typ, c.len())
}

func (c *modelCollection) len() int { return len(c.members) + len(c.list) }

// looker is a Value or an Item.
type looker interface {
	Hash() Hash
	Set() Set
	ZSet() ZSet
	List() List
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
	case TypeZSet:
		z := v.ZSet()
		last, lastScore := "", math.Inf(-1)
		for member, score := range z.Ascend(0) {
			if score < lastScore || score == lastScore && string(member) <= last && last != "" {
				panic(fmt.Sprintf("%q with %v behind %q with %v", member, score, last, lastScore))
			}
			last, lastScore = string(member), score
			c.members[last] = strconv.FormatFloat(score, 'g', -1, 64)
		}
		n = z.Len()
	case TypeList:
		for element := range v.List().Ascend(0) {
			c.list = append(c.list, string(element))
		}
		n = v.List().Len()
	}
	if n != c.len() {
		panic(fmt.Sprintf("a %s of %d elements counted as %d", typ, c.len(), n))
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
	c.list = slices.Clone(c.list)
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
	if emptied != (there && v.coll.len() == 0) {
		m.t.Fatalf("key %q: emptied %t with %s", key, emptied, v.coll)
	}
	if v.coll.len() == 0 {
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

func (m *machine) editZSet() {
	db, model, key, v, there := m.collection(TypeZSet)
	if !there {
		v.enc = EncListpack
	}
	members := v.coll.members
	n, of := m.edits()
	bias := m.src.intn(4)
	scores := 1 + m.src.intn(100)
	z := db.EditZSet(key)
	for range n {
		member := m.member(of)
		_, has := members[string(member)]
		if m.src.intn(4) < bias {
			if z.Remove(member) != has {
				m.t.Fatalf("key %q: Remove(%q): want %t", key, member, has)
			}
			delete(members, string(member))
			continue
		}
		score := float64(m.src.intn(scores)) / 4
		if z.Set(member, score) == has {
			m.t.Fatalf("key %q: Set(%q): added %t", key, member, has)
		}
		members[string(member)] = strconv.FormatFloat(score, 'g', -1, 64)
		if len(member) > modelLimits.ZSetValue || len(members) > modelLimits.ZSetEntries {
			v.enc = EncSkiplist
		}
		if rank, got, ok := z.ZSet().Rank(member); !ok || got != score {
			m.t.Fatalf("key %q: Rank(%q) is %d with %v", key, member, rank, got)
		} else if at, _ := z.ZSet().At(rank); !bytes.Equal(at, member) {
			m.t.Fatalf("key %q: At(%d) is %q, not %q", key, rank, at, member)
		}
	}
	if len(members) > 0 && m.src.intn(4) == 0 {
		from := m.src.intn(len(members))
		count := 1 + m.src.intn(len(members)-from)
		i := 0
		for member := range z.ZSet().Ascend(from) {
			if i++; i > count {
				break
			}
			delete(members, string(member))
		}
		z.RemoveRanks(from, count)
	}
	m.keep(model, key, v, z.Close(), there)
}

func (m *machine) editList() {
	db, model, key, v, there := m.collection(TypeList)
	v.enc = EncQuicklist
	list := v.coll.list
	n, of := m.edits()
	bias := m.src.intn(8)
	l := db.EditList(key)
	for range n {
		element := m.member(of)
		if m.src.intn(16) == 0 {
			element = m.text()
			element = element[:min(len(element), 5000)]
		}
		at := m.src.intn(len(list) + 1)
		switch kind := m.src.intn(10); {
		case kind < bias:
			if at < len(list) {
				count := 1 + m.src.intn(min(len(list)-at, 1<<m.src.intn(8)))
				l.Delete(at, count)
				list = slices.Delete(list, at, at+count)
			}
		case kind == 7:
			l.Insert(at, element)
			list = slices.Insert(list, at, string(element))
		case kind == 8 && at < len(list):
			l.Set(at, element)
			list[at] = string(element)
		case kind%2 == 0:
			l.PushHead(element)
			list = slices.Insert(list, 0, string(element))
		default:
			l.PushTail(element)
			list = append(list, string(element))
		}
		if at < len(list) && string(l.List().At(at)) != list[at] {
			m.t.Fatalf("key %q: At(%d) is not %q", key, at, list[at])
		}
	}
	v.coll.list = list
	m.keep(model, key, v, l.Close(), there)
}
