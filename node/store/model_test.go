// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"math/rand/v2"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

// The model test runs random operations against the store and against Go maps,
// with a snapshot every now and then whose items must be the model's content at
// the cut. It is driven by rapid (which shrinks failures), by long seeded runs,
// and by the fuzzer.

// source is where a run takes its decisions from.
type source interface{ intn(n int) int }

type modelValue struct {
	text string // of a string
	enc  Encoding
	at   int64
	coll *modelCollection // of any other type
}

type modelDB map[string]modelValue

type machine struct {
	t    interface{ Fatalf(string, ...any) }
	src  source
	st   *Store
	dbs  []modelDB
	keys int  // how many different keys are in play
	calm int  // of so many flushes one takes place
	ebb  bool // keys become fewer

	sn    *Snapshot
	cut   []modelDB
	got   []modelDB
	batch Batch
	whole int // snapshots that came to their end
}

const modelDBs = 3

func newMachine(t interface{ Fatalf(string, ...any) }, src source, keys int) *machine {
	m := &machine{t: t, src: src, keys: keys, calm: 1, st: New(Options{Databases: modelDBs})}
	m.st.SetLimits(modelLimits)
	for range modelDBs {
		m.dbs = append(m.dbs, modelDB{})
	}
	return m
}

func (m *machine) key() []byte {
	i := m.src.intn(m.keys)
	if i%97 == 3 {
		return bytes.Repeat([]byte{byte(i)}, 200+i%200) // around the limit of short keys
	}
	return []byte("key:" + strconv.Itoa(i))
}

// sizes are the lengths at which something changes.
var sizes = []int{0, 1, 8, 20, 44, 45, 100, 255, 256, 300, 700, inlineMax, inlineMax + 1, 3000, pinMin - 1, pinMin, 40_000}

func (m *machine) text() []byte {
	switch m.src.intn(4) {
	case 0:
		n := int64(m.src.intn(1 << 16))
		return strconv.AppendInt(nil, n<<m.src.intn(48)-n, 10)
	case 1:
		return bytes.Repeat([]byte{byte('a' + m.src.intn(26))}, m.src.intn(64))
	}
	n := sizes[m.src.intn(len(sizes))]
	return bytes.Repeat([]byte{byte('A' + m.src.intn(26))}, n)
}

func encodingOf(text string) Encoding {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && strconv.FormatInt(n, 10) == text {
		return EncInt
	}
	if len(text) <= embstrMax {
		return EncEmbstr
	}
	return EncRaw
}

func (m *machine) pick() (*DB, modelDB) {
	i := m.src.intn(modelDBs)
	return m.st.DB(i), m.dbs[i]
}

func (m *machine) step() {
	if m.ebb && m.src.intn(3) > 0 {
		m.delete()
		return
	}
	actions[actionWeights[m.src.intn(len(actionWeights))]].do(m)
}

// check compares all of the store with the model.
func (m *machine) check() {
	if err := m.st.audit(&m.batch); err != nil {
		m.t.Fatalf("%v", err)
	}
	for i, model := range m.dbs {
		db := m.st.DB(i)
		expires := 0
		for _, v := range model {
			if v.at != NoExpiry {
				expires++
			}
		}
		if db.Len() != len(model) || db.Expires() != expires {
			m.t.Fatalf("db %d has %d keys, %d with a time to live; want %d, %d", i, db.Len(), db.Expires(), len(model), expires)
		}
		n := 0
		for key, v := range db.All() {
			want, ok := model[string(key)]
			if !ok {
				m.t.Fatalf("db %d has a key %q", i, key)
			}
			m.compare(string(key), v, want)
			n++
		}
		if n != len(model) {
			m.t.Fatalf("db %d yields %d keys of %d", i, n, len(model))
		}
	}
}

// finish checks that nothing is left behind when all is deleted.
func (m *machine) finish() {
	m.check()
	if m.sn != nil {
		m.endSnapshot()
	}
	for i, model := range m.dbs {
		for key := range model {
			if !m.st.DB(i).Delete([]byte(key)) {
				m.t.Fatalf("db %d: %q is gone", i, key)
			}
		}
		m.dbs[i] = modelDB{}
	}
	m.check()
	m.st.FlushAll(false)
	m.st.Reclaim(0)
	if m.st.a.used != 0 {
		m.t.Fatalf("%d bytes in use in an empty store", m.st.a.used)
	}
	m.st.UsedMemory()
	if len(m.st.retired) != 0 {
		m.t.Fatalf("%d flushed arenas are still held", len(m.st.retired))
	}
	m.st.Close()
}

type rapidSource struct{ t *rapid.T }

func (r rapidSource) intn(n int) int { return rapid.IntRange(0, n-1).Draw(r.t, "n") }

func TestModelRapid(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := newMachine(rt, rapidSource{rt}, 40)
		for range rapid.IntRange(1, 150).Draw(rt, "steps") {
			m.step()
		}
		m.finish()
	})
}

type randSource struct{ *rand.Rand }

func (r randSource) intn(n int) int { return r.IntN(n) }

func TestModelLong(t *testing.T) {
	rows := []struct {
		keys, steps, tide, calm, whole int
		why                            string
	}{
		{30, 60_000, 500, 1, 100, "few keys: overwriting, renaming onto each other"},
		{2000, 100_000, 6000, 100, 4, "tables grow and shrink under the snapshot"},
		{20_000, 150_000, 20_000, 700, 2, "flushes of more than a thousand keys"},
	}
	for _, row := range rows {
		t.Run(row.why, func(t *testing.T) {
			for seed := range uint64(3) {
				m := newMachine(t, randSource{rand.New(rand.NewPCG(seed, 7))}, row.keys)
				m.calm = row.calm
				for i := range row.steps {
					if i%row.tide == 0 {
						m.check()
						m.ebb = i/row.tide%2 == 1
					}
					m.step()
				}
				m.finish()
				if m.whole < row.whole {
					t.Errorf("seed %d: %d snapshots came to their end", seed, m.whole)
				}
			}
		})
	}
}

type byteSource struct{ b []byte }

func (s *byteSource) intn(n int) int {
	x := 0
	for range 3 {
		if len(s.b) == 0 {
			break
		}
		x = x<<8 | int(s.b[0])
		s.b = s.b[1:]
		if n <= 256 {
			break
		}
	}
	return x % n
}

func FuzzOperations(f *testing.F) {
	f.Add([]byte("set some keys, take a snapshot, and change them"))
	f.Add(bytes.Repeat([]byte{0, 1, 2, 3, 200, 99, 150, 7}, 40))
	f.Fuzz(func(t *testing.T, b []byte) {
		src := &byteSource{b}
		m := newMachine(t, src, 20)
		for len(src.b) > 0 {
			m.step()
		}
		m.finish()
	})
}
