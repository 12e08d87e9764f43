// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/espalier-io/espalier/node/listpack"
)

// checkList compares the list under a key with its model, and audits the store.
func checkList(t *testing.T, st *Store, key string, model []string) {
	t.Helper()
	v, ok := st.DB(0).Peek([]byte(key))
	if ok != (len(model) > 0) {
		t.Fatalf("there: %t, with %d elements", ok, len(model))
	}
	if ok {
		if v.Encoding() != EncQuicklist || v.Type() != TypeList {
			t.Fatalf("%v as %v", v.Type(), v.Encoding())
		}
		if err := sameList(v.collection(), model); err != nil {
			t.Fatal(err)
		}
	}
	st.Reclaim(0)
	if err := st.audit(&Batch{}); err != nil {
		t.Fatal(err)
	}
}

func TestListElementsOfAllSizes(t *testing.T) {
	st := New(Options{})
	defer st.Close()
	limits := DefaultLimits
	limits.ListPlain = 1 << 20
	st.SetLimits(limits)
	var model []string
	for _, n := range []int{0, 1, 62, 63, 64, 126, 127, 128, 4000, 4094, 4095, 4096, 8180, 8185, 8192, 16383, 70_000, 600_000, 1<<20 - 1, 1 << 20, 1<<20 + 1} {
		e := strings.Repeat("e", n)
		l := st.DB(0).EditList([]byte("list"))
		l.PushTail([]byte(e))
		l.PushHead([]byte(e))
		l.Insert(len(model)/2+1, []byte(e))
		model = slices.Concat([]string{e}, model, []string{e})
		model = slices.Insert(model, (len(model)-2)/2+1, e)
		l.Close()
		checkList(t, st, "list", model)
	}
	for i := 0; len(model) > 0; i++ {
		// Large ones take the place of small ones, and the other way round.
		l := st.DB(0).EditList([]byte("list"))
		n := len(model)
		l.Set(i%n, []byte(model[n-1-i%n]))
		model[i%n] = model[n-1-i%n]
		l.Delete(n/2, 1)
		model = slices.Delete(model, n/2, n/2+1)
		if emptied := l.Close(); emptied != (n == 1) {
			t.Fatalf("emptied %t with %d elements", emptied, n-1)
		}
		checkList(t, st, "list", model)
	}
}

// A dump may have nodes of any number of elements, more than a listpack's header
// can tell.
func TestListNodesOfDumps(t *testing.T) {
	st := New(Options{})
	defer st.Close()
	lp, model := listpack.New(), []string(nil)
	for i := range 70_000 {
		lp = listpack.AppendInt(lp, int64(i))
		model = append(model, strconv.Itoa(i))
	}
	plain := bytes.Repeat([]byte("plain"), 100)
	l := st.DB(0).EditList([]byte("list"))
	l.AppendNode(ListNode{lp, false})
	l.AppendNode(ListNode{plain, true})
	l.AppendNode(ListNode{listpack.Append(listpack.New(), []byte("last")), false})
	l.Close()
	model = append(model, string(plain), "last")
	checkList(t, st, "list", model)

	v, _ := st.DB(0).Peek([]byte("list"))
	if n := v.List().NumNodes(); n != 3 {
		t.Fatalf("%d nodes", n)
	}
	l = st.DB(0).EditList([]byte("list"))
	for _, i := range []int{69_000, 35_000, 3, 0} {
		l.Insert(i, []byte("before"))
		model = slices.Insert(model, i, "before")
		l.InsertAfter(i+1, []byte("behind"))
		model = slices.Insert(model, i+2, "behind")
		l.Set(i+5, []byte("other"))
		model[i+5] = "other"
	}
	l.Delete(10_000, 50_000)
	model = slices.Delete(model, 10_000, 60_000)
	l.Close()
	checkList(t, st, "list", model)
}

// Whoever takes from one end and puts to the other, as queues do, leaves nothing
// behind.
func TestListAsQueue(t *testing.T) {
	st := New(Options{})
	defer st.Close()
	var model []string
	for i := range 20_000 {
		l := st.DB(0).EditList([]byte("list"))
		e := "job:" + strconv.Itoa(i)
		l.PushHead([]byte(e))
		model = append(model, e)
		if len(model) > 3000 {
			if got := l.List().At(len(model) - 1); string(got) != model[0] {
				t.Fatalf("%q instead of %q", got, model[0])
			}
			l.Delete(len(model)-1, 1)
			model = model[1:]
		}
		l.Close()
	}
	slices.Reverse(model)
	checkList(t, st, "list", model)
	v, _ := st.DB(0).Peek([]byte("list"))
	if n := v.List().NumNodes(); n > 7 {
		t.Errorf("%d nodes", n)
	}
	st.DB(0).Delete([]byte("list"))
	checkList(t, st, "list", nil)
}

// An editor that has emptied a collection may go on to fill it again.
func TestEmptiedWhileEdited(t *testing.T) {
	st := New(Options{})
	defer st.Close()
	key := []byte("key")
	l := st.DB(0).EditList(key)
	for i := range 50_000 {
		l.PushTail([]byte(strconv.Itoa(i)))
	}
	l.Close()
	st.DB(0).Copy(key, st.DB(0), []byte("copy"))
	l = st.DB(0).EditList(key)
	l.Delete(0, 50_000)
	if n := l.List().NumNodes(); n != 0 || l.List().Len() != 0 {
		t.Fatalf("%d nodes, %d elements", n, l.List().Len())
	}
	l.PushHead([]byte("again"))
	if l.Close() {
		t.Fatal("emptied")
	}
	checkList(t, st, "key", []string{"again"})

	zkey := []byte("zset")
	z := st.DB(0).EditZSet(zkey)
	for i := range 20_000 {
		z.Set([]byte(strconv.Itoa(i)), float64(i))
	}
	z.Close()
	st.DB(0).Copy(zkey, st.DB(0), []byte("zcopy"))
	z = st.DB(0).EditZSet(zkey)
	z.RemoveRanks(0, 20_000)
	if _, ok := z.ZSet().Score([]byte("1")); ok || z.ZSet().Len() != 0 || z.ZSet().CountBelow(1, true) != 0 ||
		z.ZSet().CountLexBelow([]byte("1"), true) != 0 || z.Remove([]byte("1")) {
		t.Fatal("not empty")
	}
	z.Set([]byte("again"), 1)
	z.RemoveRanks(0, 1)
	z.Set([]byte("again"), 2)
	if z.Close() {
		t.Fatal("emptied")
	}
	v, _ := st.DB(0).Peek(zkey)
	if member, score := v.ZSet().At(0); string(member) != "again" || score != 2 || v.ZSet().Len() != 1 {
		t.Fatalf("%q with %v", member, score)
	}
	v, _ = st.DB(0).Peek([]byte("zcopy"))
	if rank, _, ok := v.ZSet().Rank([]byte("19999")); !ok || rank != 19_999 {
		t.Fatalf("rank %d", rank)
	}
	checkList(t, st, "key", []string{"again"})
}
