// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Package sets is the command family of sets. Replies and errors are Redis
// 7.0's to the letter; a test compares them with a real server. The order of
// members, which means nothing, is another one.
//
// A write looks its key up for the type, then opens the set for editing once,
// whatever the number of members. What takes several sets (algebra.go) reads
// all of them before it writes anything, since a write ends the validity of
// what was read.
package sets

import (
	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/store"
)

// Commands is the family's table.
func Commands() []command.Spec {
	const (
		read  = command.ReadOnly | command.Fast
		write = command.Write | command.Fast
		store = command.Write | command.DenyOOM

		allOf  = "O(N) where N is the total number of elements in all given sets."
		common = "O(N*M) worst case where N is the cardinality of the smallest set and M is the number of sets."
		anyOf  = "nondeterministic_output"
		order  = "nondeterministic_output_order"
	)
	key := func(f command.KeyFlags) []command.KeySpec { return []command.KeySpec{{Flags: f, Index: 1}} }
	into := func(f command.KeyFlags) []command.KeySpec {
		return []command.KeySpec{{Flags: f, Index: 1}, {Flags: command.KeyRO | command.KeyAccess, Index: 2, Last: -1}}
	}
	var (
		look = key(command.KeyRO)
		get  = key(command.KeyRO | command.KeyAccess)
		all  = []command.KeySpec{{Flags: command.KeyRO | command.KeyAccess, Index: 1, Last: -1}}
		take = command.KeyRW | command.KeyAccess | command.KeyDelete
	)
	spec := func(name string, arity int, flags command.Flags, keys []command.KeySpec, since, complexity, summary string, h func(*command.Context), tips ...string) command.Spec {
		return command.Spec{Name: name, Arity: arity, Flags: flags, Categories: command.CatSet, Keys: keys, Group: "set",
			Since: since, Complexity: complexity, Summary: summary, Tips: tips, Handler: h}
	}
	return []command.Spec{
		spec("sadd", -3, write|command.DenyOOM, key(command.KeyRW|command.KeyInsert), "1.0.0",
			"O(1) for each element added, so O(N) to add N elements when the command is called with multiple arguments.",
			"Add one or more members to a set", sadd),
		spec("scard", 2, read, look, "1.0.0", "O(1)", "Get the number of members in a set", scard),
		spec("sdiff", -2, command.ReadOnly, all, "1.0.0", allOf, "Subtract multiple sets", sdiff, order),
		spec("sdiffstore", -3, store, into(command.KeyOW|command.KeyUpdate), "1.0.0", allOf,
			"Subtract multiple sets and store the resulting set in a key", sdiffstore),
		spec("sinter", -2, command.ReadOnly, all, "1.0.0", common, "Intersect multiple sets", sinter, order),
		spec("sintercard", -3, command.ReadOnly|command.MovableKeys, []command.KeySpec{{Flags: command.KeyRO | command.KeyAccess, Index: 1, NumKeys: true, FirstKeyAt: 1}},
			"7.0.0", common, "Intersect multiple sets and return the cardinality of the result", sintercard),
		spec("sinterstore", -3, store, into(command.KeyRW|command.KeyUpdate), "1.0.0", common,
			"Intersect multiple sets and store the resulting set in a key", sinterstore),
		spec("sismember", 3, read, look, "1.0.0", "O(1)", "Determine if a given value is a member of a set", sismember),
		spec("smembers", 2, command.ReadOnly, get, "1.0.0", "O(N) where N is the set cardinality.", "Get all the members in a set", smembers, order),
		spec("smismember", -3, read, get, "6.2.0", "O(N) where N is the number of elements being checked for membership",
			"Returns the membership associated with the given elements for a set", smismember),
		spec("smove", 4, write, []command.KeySpec{{Flags: take, Index: 1}, {Flags: command.KeyRW | command.KeyInsert, Index: 2}},
			"1.0.0", "O(1)", "Move a member from one set to another", smove),
		spec("spop", -2, write, key(take), "1.0.0",
			"Without the count argument O(1), otherwise O(N) where N is the value of the passed count.",
			"Remove and return one or multiple random members from a set", spop, anyOf),
		spec("srandmember", -2, command.ReadOnly, get, "1.0.0",
			"Without the count argument O(1), otherwise O(N) where N is the absolute value of the passed count.",
			"Get one or multiple random members from a set", srandmember, anyOf),
		spec("srem", -3, write, key(command.KeyRW|command.KeyDelete), "1.0.0",
			"O(N) where N is the number of members to be removed.", "Remove one or more members from a set", srem),
		spec("sscan", -3, command.ReadOnly, get, "2.8.0",
			"O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to return back to 0. N is the number of elements inside the collection.",
			"Incrementally iterate Set elements", sscan, anyOf),
		spec("sunion", -2, command.ReadOnly, all, "1.0.0", allOf, "Add multiple sets", sunion, order),
		spec("sunionstore", -3, store, into(command.KeyOW|command.KeyUpdate), "1.0.0", allOf,
			"Add multiple sets and store the resulting set in a key", sunionstore),
	}
}

// look finds a set for a command that only reads. ok is false when the key
// holds another type, which is answered.
func look(ctx *command.Context, key []byte) (s store.Set, found, ok bool) {
	v, found := ctx.Read(key)
	return setIn(ctx, v, found)
}

// lookToWrite is look for a command that is about to change the key.
func lookToWrite(ctx *command.Context, key []byte) (s store.Set, found, ok bool) {
	v, found := ctx.Write(key)
	return setIn(ctx, v, found)
}

func setIn(ctx *command.Context, v store.Value, found bool) (s store.Set, _, ok bool) {
	switch {
	case !found:
		return s, false, true
	case v.Type() != store.TypeSet:
		ctx.Error(command.ErrWrongType)
		return s, true, false
	}
	return v.Set(), true, true
}
