// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// actions are weighted by how often they are listed.
var actions = []struct {
	weight int
	do     func(*machine)
}{
	{30, (*machine).set},
	{5, (*machine).setInt},
	{8, (*machine).append},
	{5, (*machine).setRange},
	{4, (*machine).editHash},
	{4, (*machine).editSet},
	{4, (*machine).editZSet},
	{4, (*machine).editList},
	{14, (*machine).delete},
	{3, (*machine).rename},
	{3, (*machine).copyKey},
	{3, (*machine).move},
	{10, (*machine).expire},
	{3, (*machine).persist},
	{8, (*machine).read},
	{2, (*machine).sweep},
	{1, (*machine).swap},
	{1, (*machine).flush},
	{1, (*machine).reclaim},
	{3, (*machine).startSnapshot},
	{16, (*machine).nextSlice},
	{1, (*machine).abandonSnapshot},
}

var actionWeights = func() (table []int) {
	for i, a := range actions {
		for range a.weight {
			table = append(table, i)
		}
	}
	return table
}()

func (m *machine) set() {
	db, model := m.pick()
	key, text, keep := m.key(), m.text(), m.src.intn(2) == 0
	added, err := db.Set(key, text, keep)
	old, there := model[string(key)]
	if err != nil || added == there {
		m.t.Fatalf("Set(%q): added %t, %v", key, added, err)
	}
	v := modelText(string(text), encodingOf(string(text)), NoExpiry)
	if keep && there {
		v.at = old.at
	}
	model[string(key)] = v
}

func (m *machine) setInt() {
	db, model := m.pick()
	key := m.key()
	n := int64(m.src.intn(1<<16)) << m.src.intn(47)
	if _, err := db.SetInt(key, -n, false); err != nil {
		m.t.Fatalf("SetInt: %v", err)
	}
	model[string(key)] = modelText(strconv.FormatInt(-n, 10), EncInt, NoExpiry)
}

func (m *machine) append() {
	db, model := m.pick()
	key, text := m.key(), m.text()
	old, there := model[string(key)]
	if old.coll != nil {
		return
	}
	n, err := db.Append(key, text)
	if err != nil || n != len(old.text)+len(text) {
		m.t.Fatalf("Append(%q): %d, %v", key, n, err)
	}
	if there {
		model[string(key)] = modelText(old.text+string(text), EncRaw, old.at)
	} else {
		model[string(key)] = modelText(string(text), encodingOf(string(text)), NoExpiry)
	}
}

func (m *machine) setRange() {
	db, model := m.pick()
	key, part, offset := m.key(), m.text(), m.src.intn(2000)
	old, there := model[string(key)]
	if old.coll != nil {
		return
	}
	if !there {
		old.at = NoExpiry
	}
	b := []byte(old.text)
	if n := offset + len(part); n > len(b) {
		b = append(b, make([]byte, n-len(b))...)
	}
	copy(b[offset:], part)
	n, err := db.SetRange(key, offset, part)
	if err != nil || n != len(b) {
		m.t.Fatalf("SetRange(%q, %d): %d, %v", key, offset, n, err)
	}
	model[string(key)] = modelText(string(b), EncRaw, old.at)
}

func (m *machine) delete() {
	db, model := m.pick()
	key := m.key()
	_, there := model[string(key)]
	if db.Delete(key) != there {
		m.t.Fatalf("Delete(%q): want %t", key, there)
	}
	delete(model, string(key))
}

func (m *machine) rename() {
	db, model := m.pick()
	from, to := m.key(), m.key()
	v, there := model[string(from)]
	if db.Rename(from, to) != there {
		m.t.Fatalf("Rename(%q): want %t", from, there)
	}
	if there {
		delete(model, string(from))
		model[string(to)] = v
	}
}

func (m *machine) copyKey() {
	src, from := m.pick()
	dst, into := m.pick()
	key, to := m.key(), m.key()
	v, there := from[string(key)]
	if src.Copy(key, dst, to) != there {
		m.t.Fatalf("Copy(%q): want %t", key, there)
	}
	if there {
		into[string(to)] = v
	}
}

func (m *machine) move() {
	src, from := m.pick()
	dst, into := m.pick()
	key := m.key()
	v, there := from[string(key)]
	_, blocked := into[string(key)]
	if src.Move(key, dst) != (there && !blocked) {
		m.t.Fatalf("Move(%q): there %t, blocked %t", key, there, blocked)
	}
	if there && !blocked {
		delete(from, string(key))
		into[string(key)] = v
	}
}

// modelNow is the origin of times of expiry: that of the store's hints matters.
func (m *machine) modelNow() int64 { return m.st.origin + 10_000_000 }

func (m *machine) expire() {
	db, model := m.pick()
	key := m.key()
	at := m.modelNow() + int64(m.src.intn(1<<16)-1<<15)<<m.src.intn(40)
	if at == NoExpiry {
		at = 0
	}
	v, there := model[string(key)]
	if db.SetExpire(key, at) != there {
		m.t.Fatalf("SetExpire(%q): want %t", key, there)
	}
	if there {
		v.at = at
		model[string(key)] = v
	}
}

func (m *machine) persist() {
	db, model := m.pick()
	key := m.key()
	v, there := model[string(key)]
	if db.Persist(key) != (there && v.at != NoExpiry) {
		m.t.Fatalf("Persist(%q)", key)
	}
	if there {
		v.at = NoExpiry
		model[string(key)] = v
	}
}

func (m *machine) read() {
	db, model := m.pick()
	key := m.key()
	want, there := model[string(key)]
	v, ok := db.Get(key)
	if ok != there {
		m.t.Fatalf("Get(%q): %t, want %t", key, ok, there)
	}
	if ok {
		m.compare(string(key), v, want)
	}
	if _, ok := db.MemoryUsage(key); ok != there {
		m.t.Fatalf("MemoryUsage(%q): %t", key, ok)
	}
}

func (m *machine) compare(key string, v Value, want modelValue) {
	if want.coll != nil {
		got := modelValue{enc: v.Encoding(), at: v.ExpireAt(), coll: modelOf(v.Type(), v)}
		if !got.equal(want) {
			m.t.Fatalf("key %q: %s, want %s", key, got, want)
		}
		return
	}
	if got := modelText(string(v.Bytes()), v.Encoding(), v.ExpireAt()); got != want {
		m.t.Fatalf("key %q: %s, want %s", key, got, want)
	}
	if v.Len() != len(want.text) || string(v.Append([]byte("x"))) != "x"+want.text {
		m.t.Fatalf("key %q: length %d, want %d", key, v.Len(), len(want.text))
	}
}

func (v modelValue) String() string {
	if v.coll != nil {
		return fmt.Sprintf("%s %s at %d", v.coll, v.enc, v.at)
	}
	text := v.text
	if len(text) > 40 {
		text = fmt.Sprintf("%s...(%d)", text[:40], len(text))
	}
	return fmt.Sprintf("%q %s at %d", text, v.enc, v.at)
}

// sweep deletes all that has expired, as the active cycle does.
func (m *machine) sweep() {
	db, model := m.pick()
	now := m.modelNow()
	want := 0
	for _, v := range model {
		if v.at != NoExpiry && v.at < now {
			want++
		}
	}
	// The first round may have begun before: with the second all is seen.
	for rounds := 0; rounds < 2; {
		budget := 1 + m.src.intn(50)
		key, ok := db.NextExpired(now, &budget)
		if !ok {
			if budget > 0 {
				rounds++
			}
			continue
		}
		if v := model[string(key)]; v.at == NoExpiry || v.at >= now {
			m.t.Fatalf("NextExpired: %q expires at %d", key, v.at)
		}
		k := bytes.Clone(key)
		delete(model, string(k))
		db.Delete(k)
		want--
	}
	if want != 0 {
		m.t.Fatalf("%d expired keys were not found", want)
	}
}

func (m *machine) swap() {
	i, j := m.src.intn(modelDBs), m.src.intn(modelDBs)
	m.st.SwapDB(i, j)
	m.dbs[i], m.dbs[j] = m.dbs[j], m.dbs[i]
}

func (m *machine) flush() {
	if m.src.intn(m.calm) > 0 {
		return
	}
	lazy := m.src.intn(2) == 0
	if m.src.intn(4) == 0 {
		n := 0
		for i := range m.dbs {
			n += len(m.dbs[i])
			m.dbs[i] = modelDB{}
		}
		if got := m.st.FlushAll(lazy); got != n {
			m.t.Fatalf("FlushAll: %d, want %d", got, n)
		}
		return
	}
	i := m.src.intn(modelDBs)
	if got := m.st.FlushDB(i, lazy); got != len(m.dbs[i]) {
		m.t.Fatalf("FlushDB: %d, want %d", got, len(m.dbs[i]))
	}
	m.dbs[i] = modelDB{}
}

func (m *machine) reclaim() {
	if m.src.intn(2) == 0 {
		m.st.Reclaim(time.Nanosecond)
		return
	}
	if m.st.Reclaim(0) || m.st.PendingObjects() != 0 {
		m.t.Fatalf("Reclaim left something")
	}
}

func (m *machine) startSnapshot() {
	sn, err := m.st.StartSnapshot()
	if m.sn != nil {
		if !errors.Is(err, ErrSnapshotActive) {
			m.t.Fatalf("second snapshot: %v", err)
		}
		return
	}
	if err != nil {
		m.t.Fatalf("StartSnapshot: %v", err)
	}
	m.sn, m.cut, m.got = sn, nil, nil
	for _, model := range m.dbs {
		frozen := modelDB{}
		for k, v := range model {
			frozen[k] = v
		}
		m.cut = append(m.cut, frozen)
		m.got = append(m.got, modelDB{})
	}
	for _, d := range sn.DBs() {
		expires := 0
		for _, v := range m.cut[d.Index] {
			if v.at != NoExpiry {
				expires++
			}
		}
		if d.Keys != len(m.cut[d.Index]) || d.Expires != expires {
			m.t.Fatalf("the snapshot has %+v of %d keys, %d with a time to live", d, len(m.cut[d.Index]), expires)
		}
	}
}

func (m *machine) nextSlice() {
	if m.sn == nil {
		return
	}
	// The items of a batch are read only after other operations went by: they
	// must not have changed.
	m.collect()
	if m.sn.Next(&m.batch, Limit{Bytes: 1 + m.src.intn(4000)}) {
		return
	}
	m.collect()
	for i := range m.cut {
		if len(m.cut[i]) != len(m.got[i]) {
			m.t.Fatalf("db %d: the snapshot yields %d of %d keys", i, len(m.got[i]), len(m.cut[i]))
		}
		for k, want := range m.cut[i] {
			if got := m.got[i][k]; !got.equal(want) {
				m.t.Fatalf("db %d, key %q: the snapshot yields %s, at the cut it was %s", i, k, got, want)
			}
		}
	}
	m.whole++
	m.endSnapshot()
}

func (m *machine) collect() {
	for _, it := range m.batch.Items {
		v := modelText(string(it.Value), it.Encoding, it.ExpireAt)
		if it.Type != TypeString {
			v.text, v.coll = "", modelOf(it.Type, &it)
		}
		if it.Encoding == EncInt {
			v.text = strconv.FormatInt(it.Int, 10)
		}
		if _, twice := m.got[it.DB][string(it.Key)]; twice {
			m.t.Fatalf("db %d: the snapshot yields key %q twice", it.DB, it.Key)
		}
		m.got[it.DB][string(it.Key)] = v
	}
	m.batch.Items = m.batch.Items[:0]
}

func (m *machine) abandonSnapshot() {
	if m.sn != nil && m.src.intn(4) == 0 {
		m.endSnapshot()
	}
}

// endSnapshot closes the snapshot and releases the batch, in either order.
func (m *machine) endSnapshot() {
	if m.src.intn(2) == 0 {
		m.batch.Release()
	}
	m.sn.Close()
	m.sn.Close() // is without effect
	m.batch.Release()
	m.sn = nil
}
