// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/espalier-io/espalier/node/redistest"
)

// appendLength appends a length as an RDB file has it.
func appendLength(dst []byte, n int) []byte {
	switch {
	case n < 1<<6:
		return append(dst, byte(n))
	case n < 1<<14:
		return append(dst, 0x40|byte(n>>8), byte(n))
	}
	return binary.BigEndian.AppendUint32(append(dst, 0x80), uint32(n))
}

// dumpOf is the payload of DUMP for a list without version and checksum, for
// plain nodes that are no numbers.
func dumpOf(l List) []byte {
	const quicklist2, plain, packed = 18, 1, 2
	b := appendLength([]byte{quicklist2}, l.NumNodes())
	for node := range l.Nodes() {
		container := packed
		if node.Plain {
			container = plain
		}
		b = appendLength(appendLength(b, container), len(node.Data))
		b = append(b, node.Data...)
	}
	return b
}

// listPair does the same to a list here, in Redis, and in a model.
type listPair struct {
	t      *testing.T
	redis  *redistest.Server
	db     *DB
	rng    *rand.Rand
	sizes  []int
	model  []string
	steps  []string
	growth int // of 10, how many steps push
}

func (p *listPair) element() string {
	if p.rng.IntN(3) == 0 {
		return strconv.FormatInt(int64(p.rng.Uint64())>>p.rng.IntN(64), 10)
	}
	n := p.sizes[p.rng.IntN(len(p.sizes))]
	return strings.Repeat("e", n) + strconv.Itoa(p.rng.IntN(1000))
}

func (p *listPair) do(argv ...string) {
	p.steps = append(p.steps, fmt.Sprintf("%.60q", argv))
	p.redis.Do(append([]string{argv[0], "list"}, argv[1:]...)...)
}

func (p *listPair) edit(change func(l *ListEditor)) {
	l := p.db.EditList([]byte("list"))
	change(l)
	l.Close()
}

func (p *listPair) step() {
	e := p.element()
	n := len(p.model)
	kind := p.rng.IntN(10)
	if n == 0 {
		kind = 0
	}
	switch {
	case kind < p.growth && p.rng.IntN(2) == 0:
		p.do("LPUSH", e)
		p.model = slices.Insert(p.model, 0, e)
		p.edit(func(l *ListEditor) { l.PushHead([]byte(e)) })
	case kind < p.growth:
		p.do("RPUSH", e)
		p.model = append(p.model, e)
		p.edit(func(l *ListEditor) { l.PushTail([]byte(e)) })
	case kind == 6:
		p.do("LPOP")
		p.model = p.model[1:]
		p.edit(func(l *ListEditor) { l.Delete(0, 1) })
	case kind == 7:
		p.do("RPOP")
		p.model = p.model[:n-1]
		p.edit(func(l *ListEditor) { l.Delete(n-1, 1) })
	case kind == 8:
		i := p.rng.IntN(n)
		p.do("LSET", strconv.Itoa(i), e)
		p.model[i] = e
		p.edit(func(l *ListEditor) { l.Set(i, []byte(e)) })
	case kind == 9 && p.rng.IntN(20) == 0:
		i := p.rng.IntN(n)
		k := min(n-i, n-p.rng.IntN(1+n/8))
		p.do("LTRIM", strconv.Itoa(i), strconv.Itoa(i+k-1))
		p.model = slices.Clone(p.model[i : i+k])
		p.edit(func(l *ListEditor) { l.Delete(0, i); l.Delete(k, n-i-k) })
	case kind == 9 && p.rng.IntN(5) == 0:
		i := slices.Index(p.model, p.model[p.rng.IntN(n)])
		p.do("LREM", "1", p.model[i])
		p.model = slices.Delete(p.model, i, i+1)
		p.edit(func(l *ListEditor) { l.Delete(i, 1) })
	default:
		i := slices.Index(p.model, p.model[p.rng.IntN(n)])
		if p.rng.IntN(2) == 0 {
			p.do("LINSERT", "BEFORE", p.model[i], e)
			p.model = slices.Insert(p.model, i, e)
			p.edit(func(l *ListEditor) { l.Insert(i, []byte(e)) })
		} else {
			p.do("LINSERT", "AFTER", p.model[i], e)
			p.model = slices.Insert(p.model, i+1, e)
			p.edit(func(l *ListEditor) { l.InsertAfter(i, []byte(e)) })
		}
	}
}

// compare compares all elements with the model, and the nodes with Redis's.
func (p *listPair) compare() {
	p.t.Helper()
	reply := p.redis.Do("DUMP", "list")
	v, ok := p.db.Peek([]byte("list"))
	if !ok || len(p.model) == 0 {
		if ok || len(p.model) != 0 || !reply.IsNull() {
			p.t.Fatalf("there: %t, of %d elements; in Redis nil: %t", ok, len(p.model), reply.IsNull())
		}
		return
	}
	l := v.List()
	if err := sameList(l.collection, p.model); err != nil {
		p.t.Fatal(err)
	}
	const footer = 2 + 8 // version and checksum
	if want, got := reply.Str[:len(reply.Str)-footer], dumpOf(l); !bytes.Equal(got, []byte(want)) {
		p.t.Fatalf("dumped as\n%.300q\nnot\n%.300q\nafter %s", got, want, p.steps[max(0, len(p.steps)-20):])
	}
}

// sameList compares all ways through a list with what it should hold.
func sameList(c collection, model []string) error {
	l := List{c}
	if l.Len() != len(model) {
		return fmt.Errorf("%d elements, not %d", l.Len(), len(model))
	}
	i := 0
	for e := range l.Ascend(0) {
		if string(e) != model[i] {
			return fmt.Errorf("element %d is %.40q, not %.40q", i, e, model[i])
		}
		i++
	}
	at := i / 3
	if got := l.At(at); string(got) != model[at] {
		return fmt.Errorf("element %d is %.40q, not %.40q", at, got, model[at])
	}
	for e := range l.Descend(at) {
		if string(e) != model[at] {
			return fmt.Errorf("element %d is %.40q, not %.40q", at, e, model[at])
		}
		at--
	}
	if i != len(model) || at != -1 {
		return fmt.Errorf("ascended to %d of %d, descended to %d", i, len(model), at)
	}
	return nil
}

func TestListsHaveRedisNodes(t *testing.T) {
	redis := redistest.Start(t, t.TempDir(), "--rdbcompression", "no", "--enable-debug-command", "yes")
	for _, c := range []struct {
		name  string
		fill  int
		plain int // 0: the default
		sizes []int
	}{
		{"one element to a node", 1, 0, []int{1, 20}},
		{"three elements to a node", 3, 0, []int{1, 20, 9000}},
		{"many elements to a node, limited by bytes", 500, 0, []int{1, 60, 900}},
		{"no element fits", 0, 0, []int{1}},
		{"4 KiB", -1, 0, []int{1, 62, 64, 130, 1000, 5000}},
		{"8 KiB", -2, 0, []int{1, 62, 300, 4094, 9000}},
		{"64 KiB", -5, 0, []int{5, 200, 2000, 5000, 20000}},
		{"beyond the least", -9, 0, []int{2000, 20000, 70000}},
		{"plain nodes", -2, 100, []int{10, 95, 400, 3000}},
		{"plain nodes between small ones", 4, 100, []int{10, 20, 30, 40, 400}},
	} {
		t.Run(c.name, func(t *testing.T) {
			redis.Do("CONFIG", "SET", "list-max-listpack-size", strconv.Itoa(c.fill))
			redis.Do("DEBUG", "QUICKLIST-PACKED-THRESHOLD", strconv.Itoa(c.plain)+"b")
			st := New(Options{})
			defer st.Close()
			limits := DefaultLimits
			limits.ListNode = c.fill
			if c.plain != 0 {
				limits.ListPlain = c.plain
			}
			st.SetLimits(limits)
			for seed := range uint64(2) {
				redis.Do("DEL", "list")
				st.DB(0).Delete([]byte("list"))
				p := &listPair{t: t, redis: redis, db: st.DB(0), rng: rand.New(rand.NewPCG(seed, 7)), sizes: c.sizes}
				for i := range 800 {
					p.growth = 6
					if i%400 > 250 {
						p.growth = 2
					}
					p.step()
					if i%20 == 0 {
						p.compare()
					}
				}
				p.compare()
			}
		})
	}
}

// Elements of just the sizes at which a node is full, or not yet.
func TestListNodesAtTheLimits(t *testing.T) {
	redis := redistest.Start(t, t.TempDir(), "--rdbcompression", "no")
	st := New(Options{})
	defer st.Close()
	for _, c := range []struct{ fill, limit int }{{-1, 4 << 10}, {-2, 8 << 10}, {-3, 16 << 10}, {-4, 32 << 10}, {-5, 64 << 10}, {2, 8 << 10}} {
		redis.Do("CONFIG", "SET", "list-max-listpack-size", strconv.Itoa(c.fill))
		limits := DefaultLimits
		limits.ListNode = c.fill
		st.SetLimits(limits)
		for size := c.limit - 40; size < c.limit+4; size++ {
			redis.Do("DEL", "list")
			st.DB(0).Delete([]byte("list"))
			p := &listPair{t: t, redis: redis, db: st.DB(0), rng: rand.New(rand.NewPCG(1, 1))}
			large, small := strings.Repeat("e", size), "small"
			p.do("RPUSH", small, large, small)
			p.do("LPUSH", small)
			p.do("LINSERT", "AFTER", small, "7")
			p.do("LINSERT", "BEFORE", large, "-70000")
			p.edit(func(l *ListEditor) {
				l.PushTail([]byte(small))
				l.PushTail([]byte(large))
				l.PushTail([]byte(small))
				l.PushHead([]byte(small))
				l.InsertAfter(0, []byte("7"))
				l.Insert(3, []byte("-70000"))
			})
			p.model = []string{small, "7", small, "-70000", large, small}
			p.compare()
		}
	}
}
