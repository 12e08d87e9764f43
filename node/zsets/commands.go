// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Package zsets is the command family of sorted sets, with those that keep
// places on the earth in one (GEOADD and its kin). Replies and errors are Redis
// 7.0's to the letter, in the order of its checks; a test compares them with a
// real server.
//
// Invariants:
//   - Every range of scores, members or ranks becomes a run of ranks first (run);
//     reading, storing, counting and removing work on runs alone.
//   - What is taken out of one value and put into another is kept by the call in
//     between (item): looks at the store end with its next change.
//   - A command on the stream gives the same sorted set wherever it is applied:
//     blocking pops are sent as plain ones, GEOADD as ZADD.
//
// Start reading at Commands, then range.go.
package zsets

import "github.com/espalier-io/espalier/node/command"

// keySpecs are the places of keys that the family's commands share.
type keySpecs = []command.KeySpec

const (
	keyRead   = command.KeyRO | command.KeyAccess
	keyUpdate = command.KeyRW | command.KeyUpdate
	keyPop    = command.KeyRW | command.KeyAccess | command.KeyDelete
	keyRemove = command.KeyRW | command.KeyDelete
	keyStore  = command.KeyOW | command.KeyUpdate
)

// first is a command's one key.
func first(f command.KeyFlags) keySpecs { return keySpecs{{Flags: f, Index: 1}} }

// counted are keys behind their number, which stands at index.
func counted(f command.KeyFlags, index int) command.KeySpec {
	return command.KeySpec{Flags: f, Index: index, NumKeys: true, FirstKeyAt: 1}
}

// Commands is the family's table.
func Commands() []command.Spec {
	specs := append(memberCommands(), rangeCommands()...)
	specs = append(specs, popCommands()...)
	specs = append(specs, algebraCommands()...)
	return append(specs, geoCommands()...)
}

func spec(name string, arity int, flags command.Flags, keys keySpecs, since, complexity, summary string, h func(*command.Context)) command.Spec {
	return command.Spec{Name: name, Arity: arity, Flags: flags, Categories: command.CatSortedSet, Keys: keys,
		Group: "sorted-set", Since: since, Complexity: complexity, Summary: summary, Handler: h}
}

// replaced marks a command that Redis keeps for old clients only.
func replaced(since, by string, s command.Spec) command.Spec {
	s.Deprecated, s.ReplacedBy = since, by
	return s
}

// random marks a command that need not answer the same every time.
func random(s command.Spec) command.Spec {
	s.Tips = []string{"nondeterministic_output"}
	return s
}

func memberCommands() []command.Spec {
	const read = command.ReadOnly | command.Fast
	return []command.Spec{
		spec("zadd", -4, command.Write|command.DenyOOM|command.Fast, first(keyUpdate), "1.2.0",
			"O(log(N)) for each item added, where N is the number of elements in the sorted set.",
			"Add one or more members to a sorted set, or update its score if it already exists", zadd),
		spec("zcard", 2, read, first(command.KeyRO), "1.2.0", "O(1)", "Get the number of members in a sorted set", zcard),
		spec("zincrby", 4, command.Write|command.DenyOOM|command.Fast, first(keyUpdate|command.KeyAccess), "1.2.0",
			"O(log(N)) where N is the number of elements in the sorted set.", "Increment the score of a member in a sorted set", zincrBy),
		spec("zmscore", -3, read, first(keyRead), "6.2.0", "O(N) where N is the number of members being requested.",
			"Get the score associated with the given members in a sorted set", zmscore),
		random(spec("zrandmember", -2, command.ReadOnly, first(keyRead), "6.2.0", "O(N) where N is the number of elements returned",
			"Get one or multiple random elements from a sorted set", zrandMember)),
		spec("zrank", 3, read, first(keyRead), "2.0.0", "O(log(N))", "Determine the index of a member in a sorted set", zrank),
		spec("zrem", -3, command.Write|command.Fast, first(keyRemove), "1.2.0",
			"O(M*log(N)) with N being the number of elements in the sorted set and M the number of elements to be removed.",
			"Remove one or more members from a sorted set", zrem),
		spec("zrevrank", 3, read, first(keyRead), "2.0.0", "O(log(N))",
			"Determine the index of a member in a sorted set, with scores ordered from high to low", zrevRank),
		random(spec("zscan", -3, command.ReadOnly, first(keyRead), "2.8.0",
			"O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to return back to 0. N is the number of elements inside the collection..",
			"Incrementally iterate sorted sets elements and associated scores", zscan)),
		spec("zscore", 3, read, first(keyRead), "1.2.0", "O(1)", "Get the score associated with the given member in a sorted set", zscore),
	}
}

func rangeCommands() []command.Spec {
	const (
		read  = command.ReadOnly
		count = "O(log(N)) with N being the number of elements in the sorted set."
		some  = "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements being returned. If M is constant (e.g. always asking for the first 10 elements with LIMIT), you can consider it O(log(N))."
		all   = "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements returned."
		gone  = "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements removed by the operation."
	)
	return []command.Spec{
		spec("zcount", 4, read|command.Fast, first(keyRead), "2.0.0", count, "Count the members in a sorted set with scores within the given values", zcount),
		spec("zlexcount", 4, read|command.Fast, first(keyRead), "2.8.9", count,
			"Count the number of members in a sorted set between a given lexicographical range", zlexCount),
		spec("zrange", -4, read, first(keyRead), "1.2.0", all, "Return a range of members in a sorted set", zrange),
		replaced("6.2.0", "`ZRANGE` with the `BYLEX` argument", spec("zrangebylex", -4, read, first(keyRead), "2.8.9", some,
			"Return a range of members in a sorted set, by lexicographical range", zrangeByLex)),
		replaced("6.2.0", "`ZRANGE` with the `BYSCORE` argument", spec("zrangebyscore", -4, read, first(keyRead), "1.0.5", some,
			"Return a range of members in a sorted set, by score", zrangeByScore)),
		spec("zrangestore", -5, command.Write|command.DenyOOM, keySpecs{{Flags: keyStore, Index: 1}, {Flags: keyRead, Index: 2}}, "6.2.0",
			"O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements stored into the destination key.",
			"Store a range of members from sorted set into another key", zrangeStore),
		spec("zremrangebylex", 4, command.Write, first(keyRemove), "2.8.9", gone,
			"Remove all members in a sorted set between the given lexicographical range", zremRangeByLex),
		spec("zremrangebyrank", 4, command.Write, first(keyRemove), "2.0.0", gone, "Remove all members in a sorted set within the given indexes", zremRangeByRank),
		spec("zremrangebyscore", 4, command.Write, first(keyRemove), "1.2.0", gone, "Remove all members in a sorted set within the given scores", zremRangeByScore),
		replaced("6.2.0", "`ZRANGE` with the `REV` argument", spec("zrevrange", -4, read, first(keyRead), "1.2.0", all,
			"Return a range of members in a sorted set, by index, with scores ordered from high to low", zrevRange)),
		replaced("6.2.0", "`ZRANGE` with the `REV` and `BYLEX` arguments", spec("zrevrangebylex", -4, read, first(keyRead), "2.8.9", some,
			"Return a range of members in a sorted set, by lexicographical range, ordered from higher to lower strings.", zrevRangeByLex)),
		replaced("6.2.0", "`ZRANGE` with the `REV` and `BYSCORE` arguments", spec("zrevrangebyscore", -4, read, first(keyRead), "2.2.0", some,
			"Return a range of members in a sorted set, by score, with scores ordered from high to low", zrevRangeByScore)),
	}
}

func popCommands() []command.Spec {
	const (
		block = command.Write | command.NoScript | command.Fast | command.Blocking
		one   = "O(log(N)) with N being the number of elements in the sorted set."
		many  = "O(log(N)*M) with N being the number of elements in the sorted set, and M being the number of elements popped."
		multi = "O(K) + O(M*log(N)) where K is the number of provided keys, N being the number of elements in the sorted set, and M being the number of elements popped."
	)
	allButLast := keySpecs{{Flags: keyPop, Index: 1, Last: -2}}
	return []command.Spec{
		spec("bzmpop", -5, command.Write|command.Blocking|command.MovableKeys, keySpecs{counted(keyPop, 2)}, "7.0.0", multi,
			"Remove and return members with scores in a sorted set or block until one is available", bzmpop),
		spec("bzpopmax", -3, block, allButLast, "5.0.0", one,
			"Remove and return the member with the highest score from one or more sorted sets, or block until one is available", bzpopMax),
		spec("bzpopmin", -3, block, allButLast, "5.0.0", one,
			"Remove and return the member with the lowest score from one or more sorted sets, or block until one is available", bzpopMin),
		spec("zmpop", -4, command.Write|command.MovableKeys, keySpecs{counted(keyPop, 1)}, "7.0.0", multi,
			"Remove and return members with scores in a sorted set", zmpop),
		spec("zpopmax", -2, command.Write|command.Fast, first(keyPop), "5.0.0", many,
			"Remove and return members with the highest scores in a sorted set", zpopMax),
		spec("zpopmin", -2, command.Write|command.Fast, first(keyPop), "5.0.0", many,
			"Remove and return members with the lowest scores in a sorted set", zpopMin),
	}
}

func algebraCommands() []command.Spec {
	const (
		read  = command.ReadOnly | command.MovableKeys
		store = command.Write | command.DenyOOM | command.MovableKeys
		diff  = "O(L + (N-K)log(N)) worst case where L is the total number of elements in all the sets, N is the size of the first set, and K is the size of the result set."
		inter = "O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted set, K being the number of input sorted sets and M being the number of elements in the resulting sorted set."
	)
	sources := keySpecs{counted(keyRead, 1)}
	stored := keySpecs{{Flags: keyStore, Index: 1}, counted(keyRead, 2)}
	return []command.Spec{
		spec("zdiff", -3, read, sources, "6.2.0", diff, "Subtract multiple sorted sets", zdiff),
		spec("zdiffstore", -4, store, stored, "6.2.0", diff, "Subtract multiple sorted sets and store the resulting sorted set in a new key", zdiffStore),
		spec("zinter", -3, read, sources, "6.2.0", inter, "Intersect multiple sorted sets", zinter),
		spec("zintercard", -3, read, sources, "7.0.0", "O(N*K) worst case with N being the smallest input sorted set, K being the number of input sorted sets.",
			"Intersect multiple sorted sets and return the cardinality of the result", zinterCard),
		spec("zinterstore", -4, store, stored, "2.0.0", inter, "Intersect multiple sorted sets and store the resulting sorted set in a new key", zinterStore),
		spec("zunion", -3, read, sources, "6.2.0",
			"O(N)+O(M*log(M)) with N being the sum of the sizes of the input sorted sets, and M being the number of elements in the resulting sorted set.",
			"Add multiple sorted sets", zunion),
		spec("zunionstore", -4, store, stored, "2.0.0",
			"O(N)+O(M log(M)) with N being the sum of the sizes of the input sorted sets, and M being the number of elements in the resulting sorted set.",
			"Add multiple sorted sets and store the resulting sorted set in a new key", zunionStore),
	}
}
