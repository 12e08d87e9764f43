// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package sets

import (
	"math/rand/v2"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/resp"
	"github.com/espalier-io/espalier/node/sample"
	"github.com/espalier-io/espalier/node/store"
)

var sremWord, delWord = []byte("SREM"), []byte("DEL")

// spop is on the stream the SREM of what chance has chosen, one for each
// member, or the DEL of a set that was taken as a whole.
func spop(ctx *command.Context) {
	switch len(ctx.Argv) {
	case 2:
		spopOne(ctx)
	case 3:
		spopCount(ctx)
	default:
		ctx.Error(command.ErrSyntax)
	}
}

func spopOne(ctx *command.Context) {
	key := ctx.Argv[1]
	s, found, ok := lookToWrite(ctx, key)
	switch {
	case !ok:
		return
	case !found:
		ctx.Reply.Null()
		return
	}
	member := ctx.Keep(s.At(rand.IntN(s.Len())))
	set := ctx.DB.EditSet(key)
	set.Remove(member)
	emptied := set.Close()
	ctx.Modified(command.EventSet, "spop", key)
	if emptied {
		ctx.Notify(command.EventGeneric, "del", key)
	}
	ctx.Propagate(sremWord, key, member)
	ctx.Reply.Bulk(member)
}

// anewBelow is how many times the members that stay fit into those that go from
// which on the set is written anew with the former. Redis does it at the same
// point, and such a set may be an intset again.
const anewBelow = 5

func spopCount(ctx *command.Context) {
	key := ctx.Argv[1]
	count, ok := resp.ParseInt(ctx.Argv[2])
	if !ok || count < 0 {
		ctx.Error("ERR value is out of range, must be positive")
		return
	}
	s, found, ok := lookToWrite(ctx, key)
	if !ok {
		return
	}
	if !found || count == 0 {
		ctx.Reply.SetLen(0)
		return
	}
	size := s.Len()
	n := int(min(count, int64(size)))
	ctx.Reply.SetLen(n)
	p := popping{ctx, [3][]byte{sremWord, key}}
	switch rest := size - n; {
	case rest == 0:
		for member := range s.All() {
			ctx.Reply.Bulk(member)
		}
		ctx.DB.Delete(key)
		ctx.Propagate(delWord, key)
	case rest*anewBelow > n:
		p.pick(n, size)
	default:
		p.leave(rest)
	}
	ctx.Modified(command.EventSet, "spop", key)
	ctx.Changed(n - 1)
	if n == size {
		ctx.Notify(command.EventGeneric, "del", key)
	}
}

// popping is an SPOP of several members, but not of all.
type popping struct {
	*command.Context
	srem [3][]byte // what goes onto the stream for the member in hand
}

func (p *popping) take(member []byte) {
	p.Reply.Bulk(member)
	p.srem[2] = member
	p.Propagate(p.srem[:]...)
}

// pick removes n random members of size.
func (p *popping) pick(n, size int) {
	var member []byte
	set := p.DB.EditSet(p.srem[1])
	for ; n > 0; n-- {
		member = append(member[:0], set.Set().At(rand.IntN(size))...)
		p.take(member)
		set.Remove(member)
		size--
	}
	set.Close()
}

// leave removes all but n random members, by writing the set anew.
func (p *popping) leave(n int) {
	key := p.srem[1]
	v, _ := p.DB.Peek(key)
	s, expireAt := v.Set(), v.ExpireAt()
	var stay gathered
	ranks := sample.Ranks(s.Len(), n)
	rank := 0
	for member := range s.All() {
		if len(ranks) > 0 && rank == ranks[0] {
			stay.add(member)
			ranks = ranks[1:]
		} else {
			p.take(member)
		}
		rank++
	}
	p.DB.Delete(key)
	set := p.DB.EditSet(key)
	for i := range stay.len() {
		set.Add(stay.at(i))
	}
	set.Close()
	if expireAt != store.NoExpiry {
		p.DB.SetExpire(key, expireAt)
	}
}
