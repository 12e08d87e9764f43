// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Package lists is the command family of lists, the blocking commands included.
// Replies and errors are Redis 7.0's to the letter; a test compares them with a
// real server.
//
// A blocking command is its plain form with one more question: where that finds
// nothing, may the client wait? It is the same handler that runs again when the
// wait is over, and it propagates the plain form in either case.
//
// Start reading at Commands, then pop.go.
package lists

import "github.com/espalier-io/espalier/node/command"

// end is a side of a list.
type end bool

const (
	head end = false
	tail end = true
)

// Commands is the family's table.
func Commands() []command.Spec {
	const (
		write = command.Write
		grow  = command.Write | command.DenyOOM
		waits = command.Write | command.NoScript | command.Blocking

		eachO1  = "O(1) for each element added, so O(N) to add N elements when the command is called with multiple arguments."
		perPop  = "O(N) where N is the number of elements returned"
		perKey  = "O(N) where N is the number of provided keys."
		perBoth = "O(N+M) where N is the number of provided keys and M is the number of elements returned."
	)
	one := func(f command.KeyFlags) []command.KeySpec { return []command.KeySpec{{Flags: f, Index: 1}} }
	var (
		length = one(command.KeyRO)
		read   = one(command.KeyRO | command.KeyAccess)
		insert = one(command.KeyRW | command.KeyInsert)
		update = one(command.KeyRW | command.KeyUpdate)
		remove = one(command.KeyRW | command.KeyDelete)
		take   = one(command.KeyRW | command.KeyAccess | command.KeyDelete)
		all    = []command.KeySpec{{Flags: take[0].Flags, Index: 1, Last: -2}}
		move   = []command.KeySpec{take[0], {Flags: insert[0].Flags, Index: 2}}
	)
	counted := func(index int) []command.KeySpec {
		return []command.KeySpec{{Flags: take[0].Flags, Index: index, NumKeys: true, FirstKeyAt: 1}}
	}
	spec := func(name string, arity int, flags command.Flags, keys []command.KeySpec, since, complexity, summary string, h func(*command.Context)) command.Spec {
		return command.Spec{Name: name, Arity: arity, Flags: flags, Categories: command.CatList, Keys: keys, Group: "list",
			Since: since, Complexity: complexity, Summary: summary, Handler: h}
	}
	return []command.Spec{
		spec("blmove", 6, waits|grow, move, "6.2.0", "O(1)", "Move an element from one list to another, or wait for one", blmove),
		spec("blmpop", -5, write|command.Blocking|command.MovableKeys, counted(2), "7.0.0", perBoth, "Pop elements from the first list that has some, or wait for one", blmpop),
		spec("blpop", -3, waits, all, "2.0.0", perKey, "Pop the first element of a list, or wait for one", blpop),
		spec("brpop", -3, waits, all, "2.0.0", perKey, "Pop the last element of a list, or wait for one", brpop),
		replaced("`BLMOVE` with the `RIGHT` and `LEFT` arguments",
			spec("brpoplpush", 4, waits|grow, move, "2.2.0", "O(1)", "Move the last element of a list to the head of another one, or wait for one", brpoplpush)),
		spec("lindex", 3, command.ReadOnly, read, "1.0.0", "O(log N) where N is the length of the list", "Get an element by its index", lindex),
		spec("linsert", 5, grow, insert, "2.2.0", "O(N) where N is the number of elements before the pivot", "Insert an element before or after another one", linsert),
		spec("llen", 2, command.ReadOnly|command.Fast, length, "1.0.0", "O(1)", "Get the length of a list", llen),
		spec("lmove", 5, grow, move, "6.2.0", "O(1)", "Move an element from one list to another", lmove),
		spec("lmpop", -4, write|command.MovableKeys, counted(1), "7.0.0", perBoth, "Pop elements from the first list that has some", lmpop),
		spec("lpop", -2, write|command.Fast, take, "1.0.0", perPop, "Pop the first elements of a list", lpop),
		spec("lpos", -3, command.ReadOnly, read, "6.0.6", "O(N) where N is the number of elements that are looked at", "Find the indexes of an element", lpos),
		spec("lpush", -3, grow|command.Fast, insert, "1.0.0", eachO1, "Push elements to the head of a list", lpush),
		spec("lpushx", -3, grow|command.Fast, insert, "2.2.0", eachO1, "Push elements to the head of a list that exists", lpushx),
		spec("lrange", 4, command.ReadOnly, read, "1.0.0", "O(log L+N) where L is the length of the list and N the number of elements returned", "Get a range of elements", lrange),
		spec("lrem", 4, write, remove, "1.0.0", "O(N+M) where N is the length of the list and M the number of elements removed", "Remove elements by their value", lrem),
		spec("lset", 4, grow, update, "1.0.0", "O(log N) where N is the length of the list", "Replace an element by its index", lset),
		spec("ltrim", 4, write, remove, "1.0.0", "O(N) where N is the number of elements removed", "Keep a range of elements only", ltrim),
		spec("rpop", -2, write|command.Fast, take, "1.0.0", perPop, "Pop the last elements of a list", rpop),
		replaced("`LMOVE` with the `RIGHT` and `LEFT` arguments",
			spec("rpoplpush", 3, grow, move, "1.2.0", "O(1)", "Move the last element of a list to the head of another one", rpoplpush)),
		spec("rpush", -3, grow|command.Fast, insert, "1.0.0", eachO1, "Push elements to the tail of a list", rpush),
		spec("rpushx", -3, grow|command.Fast, insert, "2.2.0", eachO1, "Push elements to the tail of a list that exists", rpushx),
	}
}

// replaced marks a command that Redis keeps for old clients only.
func replaced(by string, s command.Spec) command.Spec {
	s.Deprecated, s.ReplacedBy = "6.2.0", by
	return s
}
