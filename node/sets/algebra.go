// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package sets

import (
	"bytes"
	"cmp"
	"math"
	"slices"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/resp"
	"github.com/espalier-io/espalier/node/store"
)

// operand is one of several sets that a command reads.
type operand struct {
	set  store.Set
	size int // 0 where the key is not there
}

// operands looks all keys up. ok is false when one of them holds another type,
// which is answered. Missing is how many are not there.
func operands(ctx *command.Context, keys [][]byte) (sets []operand, missing int, ok bool) {
	sets = make([]operand, len(keys))
	for i, key := range keys {
		s, found, ok := look(ctx, key)
		if !ok {
			return nil, 0, false
		}
		if found {
			sets[i] = operand{s, s.Len()}
		} else {
			missing++
		}
	}
	if missing > 0 {
		// A key that was found expired has been removed, which ended the looks.
		for i := range sets {
			if sets[i].size > 0 {
				v, _ := ctx.DB.Peek(keys[i])
				sets[i].set = v.Set()
			}
		}
	}
	return sets, missing, true
}

func sinter(ctx *command.Context) {
	sets, missing, ok := operands(ctx, ctx.Argv[1:])
	switch {
	case !ok:
		return
	case missing > 0:
		ctx.Reply.SetLen(0)
		return
	}
	d, n := ctx.Reply.Defer(), 0
	intersect(sets, func(member []byte) bool {
		ctx.Reply.Bulk(member)
		n++
		return true
	})
	ctx.Reply.SetSetLen(d, n)
}

func sinterstore(ctx *command.Context) {
	sets, missing, ok := operands(ctx, ctx.Argv[2:])
	if !ok {
		return
	}
	var result gathered
	if missing == 0 {
		intersect(sets, func(member []byte) bool {
			result.add(member)
			return true
		})
	}
	put(ctx, &result, nil, "sinterstore")
}

func sintercard(ctx *command.Context) {
	n, ok := resp.ParseInt(ctx.Argv[1])
	switch {
	case !ok || n < 1:
		ctx.Error("ERR numkeys should be greater than 0")
		return
	case n > int64(len(ctx.Argv)-2):
		ctx.Error("ERR Number of keys can't be greater than number of args")
		return
	}
	keys, options := ctx.Argv[2:2+n], ctx.Argv[2+n:]
	limit := int64(0)
	for ; len(options) > 0; options = options[2:] {
		if len(options) == 1 || !bytes.EqualFold(options[0], []byte("LIMIT")) {
			ctx.Error(command.ErrSyntax)
			return
		}
		if limit, ok = resp.ParseInt(options[1]); !ok || limit < 0 {
			ctx.Error("ERR LIMIT can't be negative")
			return
		}
	}
	if limit == 0 {
		limit = math.MaxInt64
	}
	sets, missing, ok := operands(ctx, keys)
	if !ok {
		return
	}
	count := int64(0)
	if missing == 0 {
		intersect(sets, func([]byte) bool {
			count++
			return count < limit
		})
	}
	ctx.Reply.Int(count)
}

// intersect emits what is in all sets, of which none is empty, until emit has
// enough. It goes through the smallest set.
func intersect(sets []operand, emit func(member []byte) (more bool)) {
	slices.SortStableFunc(sets, func(a, b operand) int { return cmp.Compare(a.size, b.size) })
	var member []byte // looking into the next set may end what this one gave
	for m := range sets[0].set.All() {
		member = append(member[:0], m...)
		in := func(o operand) bool { return o.set.Has(member) }
		if all(sets[1:], in) && !emit(member) {
			return
		}
	}
}

func all(sets []operand, is func(operand) bool) bool {
	return !slices.ContainsFunc(sets, func(o operand) bool { return !is(o) })
}

func sunion(ctx *command.Context) {
	if sets, _, ok := operands(ctx, ctx.Argv[1:]); ok {
		reply(ctx, &unite(sets).gathered, nil)
	}
}

func sunionstore(ctx *command.Context) {
	if sets, _, ok := operands(ctx, ctx.Argv[2:]); ok {
		put(ctx, &unite(sets).gathered, nil, "sunionstore")
	}
}

func unite(sets []operand) *distinct {
	var result distinct
	for _, o := range sets {
		result.addAll(o)
	}
	return &result
}

func (d *distinct) addAll(o operand) {
	if o.size > 0 {
		for member := range o.set.All() {
			d.add(member)
		}
	}
}

func sdiff(ctx *command.Context) {
	if sets, _, ok := operands(ctx, ctx.Argv[1:]); ok {
		result, gone := subtract(ctx.Argv[1:], sets)
		reply(ctx, result, gone)
	}
}

func sdiffstore(ctx *command.Context) {
	if sets, _, ok := operands(ctx, ctx.Argv[2:]); ok {
		result, gone := subtract(ctx.Argv[2:], sets)
		put(ctx, result, gone, "sdiffstore")
	}
}

// subtract gives the members of the first set that are in none of the others:
// those of the result that are not gone. There are Redis's two ways, between
// which it chooses as Redis does: to ask all other sets for each member of the
// first, or to cross out the members of the others one by one. The second
// leaves its mark: a set that once held what is crossed out need not be an
// intset, although what is left would make one.
func subtract(keys [][]byte, sets []operand) (result *gathered, gone []bool) {
	first, others := sets[0], sets[1:]
	same := func(key []byte) bool { return bytes.Equal(key, keys[0]) }
	if first.size == 0 || slices.ContainsFunc(keys[1:], same) {
		return &gathered{}, nil
	}
	asking, crossing := 0, 0
	for _, o := range sets {
		if o.size > 0 {
			asking += first.size
			crossing += o.size
		}
	}
	if asking/2 <= crossing {
		return ask(first, others), nil
	}
	return cross(first, others)
}

// ask asks the largest of the others first.
func ask(first operand, others []operand) *gathered {
	slices.SortStableFunc(others, func(a, b operand) int { return cmp.Compare(b.size, a.size) })
	var result gathered
	var member []byte // looking into the next set may end what this one gave
	for m := range first.set.All() {
		member = append(member[:0], m...)
		if !slices.ContainsFunc(others, func(o operand) bool { return o.size > 0 && o.set.Has(member) }) {
			result.add(member)
		}
	}
	return &result
}

func cross(first operand, others []operand) (result *gathered, gone []bool) {
	var d distinct
	d.addAll(first)
	gone = make([]bool, d.len())
	left := d.len()
	for _, o := range others {
		if o.size == 0 || left == 0 {
			continue
		}
		for member := range o.set.All() {
			if place, _, found := d.find(member); found && !gone[place] {
				gone[place] = true
				left--
			}
		}
	}
	if left == 0 {
		return &gathered{}, nil
	}
	return &d.gathered, gone
}

// reply answers with the members that are not gone; a nil gone is none.
func reply(ctx *command.Context, result *gathered, gone []bool) {
	d, n := ctx.Reply.Defer(), 0
	for i := range result.len() {
		if gone == nil || !gone[i] {
			ctx.Reply.Bulk(result.at(i))
			n++
		}
	}
	ctx.Reply.SetSetLen(d, n)
}

// put stores a result under the call's first key, whatever is there, and answers
// with its size. Nothing is stored as no key.
func put(ctx *command.Context, result *gathered, gone []bool, event string) {
	key := ctx.Argv[1]
	if result.len() == 0 {
		if ctx.DB.Delete(key) {
			ctx.Modified(command.EventGeneric, "del", key)
		}
		ctx.Reply.Int(0)
		return
	}
	ctx.Write(key) // where it has expired, that is told first
	ctx.DB.Delete(key)
	set := ctx.DB.EditSet(key)
	for i := range result.len() {
		set.Add(result.at(i))
	}
	n := result.len()
	for i, g := range gone {
		if g {
			set.Remove(result.at(i))
			n--
		}
	}
	set.Close()
	ctx.Modified(command.EventSet, event, key)
	ctx.Reply.Int(int64(n))
}
