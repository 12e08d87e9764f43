// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Package keys is the command family of the keyspace: what works on keys of
// any type. Replies and errors are Redis 7.0's to the letter; a test compares
// them with a real server.
package keys

import "github.com/espalier-io/espalier/node/command"

// tips are hints for clients of many servers.
var tips = map[string][]string{
	"dump":      {"nondeterministic_output"},
	"del":       {"request_policy:multi_shard", "response_policy:agg_sum"},
	"exists":    {"request_policy:multi_shard", "response_policy:agg_sum"},
	"keys":      {"request_policy:all_shards", "nondeterministic_output_order"},
	"pttl":      {"nondeterministic_output"},
	"randomkey": {"request_policy:all_shards", "nondeterministic_output"},
	"scan":      {"nondeterministic_output", "request_policy:special"},
	"touch":     {"request_policy:multi_shard", "response_policy:agg_sum"},
	"ttl":       {"nondeterministic_output"},
	"unlink":    {"request_policy:multi_shard", "response_policy:agg_sum"},
}

// Commands is the family's table.
func Commands() []command.Spec {
	const (
		group = "generic"
		cat   = command.CatKeyspace
		read  = command.ReadOnly | command.Fast
		write = command.Write | command.Fast
	)
	one := func(f command.KeyFlags) []command.KeySpec { return []command.KeySpec{{Flags: f, Index: 1}} }
	all := func(f command.KeyFlags) []command.KeySpec { return []command.KeySpec{{Flags: f, Index: 1, Last: -1}} }
	pair := func(from, to command.KeyFlags) []command.KeySpec {
		return []command.KeySpec{{Flags: from, Index: 1}, {Flags: to, Index: 2}}
	}
	spec := func(name string, arity int, flags command.Flags, keys []command.KeySpec, since, complexity, summary string, h func(*command.Context)) command.Spec {
		return command.Spec{Name: name, Arity: arity, Flags: flags, Categories: cat, Keys: keys, Group: group,
			Since: since, Complexity: complexity, Summary: summary, Tips: tips[name], Handler: h}
	}
	var (
		look   = one(command.KeyRO)
		update = one(command.KeyRW | command.KeyUpdate)
	)
	return []command.Spec{
		spec("copy", -3, command.Write|command.DenyOOM, pair(command.KeyRO|command.KeyAccess, command.KeyOW|command.KeyUpdate), "6.2.0",
			"O(N) worst case for collections, where N is the number of nested items. O(1) for string values.", "Copy a key", copyKey),
		spec("del", -2, command.Write, all(command.KeyRM|command.KeyDelete), "1.0.0",
			"O(N) where N is the number of keys that will be removed.", "Delete a key", del),
		spec("dump", 2, command.ReadOnly, one(command.KeyRO|command.KeyAccess), "2.6.0",
			"O(1) to access the key and additional O(N*M) to serialize it, where N is the number of Redis objects composing the value and M their average size.",
			"Return a serialized version of the value stored at the specified key.", dump),
		spec("exists", -2, read, all(command.KeyRO), "1.0.0", "O(N) where N is the number of keys to check.", "Determine if a key exists", exists),
		spec("expire", -3, write, update, "1.0.0", "O(1)", "Set a key's time to live in seconds", expire),
		spec("expireat", -3, write, update, "1.2.0", "O(1)", "Set the expiration for a key as a UNIX timestamp", expireAt),
		spec("expiretime", 2, read, one(command.KeyRO|command.KeyAccess), "7.0.0", "O(1)", "Get the expiration Unix timestamp for a key", expireTime),
		dangerous(spec("keys", 2, command.ReadOnly, nil, "1.0.0", "O(N) with N being the number of keys in the database", "Find all keys matching the given pattern", keysMatching)),
		spec("move", 3, write, one(command.KeyRW|command.KeyAccess|command.KeyUpdate), "1.0.0", "O(1)", "Move a key to another database", move),
		{Name: "object", Arity: -2, Group: group, Since: "2.2.3", Complexity: "Depends on subcommand.",
			Summary: "A container for object introspection commands", Sub: objectCommands()},
		spec("persist", 2, write, update, "2.2.0", "O(1)", "Remove the expiration from a key", persist),
		spec("pexpire", -3, write, update, "2.6.0", "O(1)", "Set a key's time to live in milliseconds", pexpire),
		spec("pexpireat", -3, write, update, "2.6.0", "O(1)", "Set the expiration for a key as a UNIX timestamp specified in milliseconds", pexpireAt),
		spec("pexpiretime", 2, read, one(command.KeyRO|command.KeyAccess), "7.0.0", "O(1)", "Get the expiration Unix timestamp for a key in milliseconds", pexpireTime),
		spec("pttl", 2, read, one(command.KeyRO|command.KeyAccess), "2.6.0", "O(1)", "Get the time to live for a key in milliseconds", pttl),
		spec("randomkey", 1, command.ReadOnly, nil, "1.0.0", "O(1)", "Return a random key from the keyspace", randomKey),
		spec("rename", 3, command.Write, pair(command.KeyRW|command.KeyAccess|command.KeyDelete, command.KeyOW|command.KeyUpdate), "1.0.0", "O(1)", "Rename a key", rename),
		spec("renamenx", 3, write, pair(command.KeyRW|command.KeyAccess|command.KeyDelete, command.KeyOW|command.KeyInsert), "1.0.0", "O(1)",
			"Rename a key, only if the new key does not exist", renameNX),
		dangerous(spec("restore", -4, command.Write|command.DenyOOM, one(command.KeyOW|command.KeyUpdate), "2.6.0",
			"O(1) to create the new key and additional O(N*M) to reconstruct the serialized value, where N is the number of Redis objects composing the value and M their average size. O(N*M*log(N)) for sorted sets.",
			"Create a key using the provided serialized value, previously obtained using DUMP.", restore)),
		spec("scan", -2, command.ReadOnly, nil, "2.8.0",
			"O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to return back to 0.",
			"Incrementally iterate the keys space", scan),
		sorter("sort", command.Write|command.DenyOOM, "1.0.0", "Sort the elements in a list, set or sorted set", sortKey),
		sorter("sort_ro", command.ReadOnly, "7.0.0", "Sort the elements in a list, set or sorted set. Read-only variant of SORT.", sortKeyRO),
		spec("touch", -2, read, all(command.KeyRO), "3.2.1", "O(N) where N is the number of keys that will be touched.", "Alters the last access time of a key(s)", touch),
		spec("ttl", 2, read, one(command.KeyRO|command.KeyAccess), "1.0.0", "O(1)", "Get the time to live for a key in seconds", ttl),
		spec("type", 2, read, look, "1.0.0", "O(1)", "Determine the type stored at key", typeOf),
		spec("unlink", -2, write, all(command.KeyRM|command.KeyDelete), "4.0.0", "O(1) for each key removed regardless of its size.",
			"Delete a key asynchronously in another thread", unlink),
	}
}

// dangerous marks a command that can hold a server up.
func dangerous(s command.Spec) command.Spec {
	s.Categories |= command.CatDangerous
	return s
}

// sorter is SORT or SORT_RO.
func sorter(name string, flags command.Flags, since, summary string, h func(*command.Context)) command.Spec {
	s := command.Spec{Name: name, Arity: -2, Flags: flags | command.MovableKeys, Group: "generic", Since: since, Summary: summary, Handler: h,
		Categories: command.CatSet | command.CatSortedSet | command.CatList | command.CatDangerous,
		Complexity: "O(N+M*log(M)) where N is the number of elements in the list or set to sort, and M the number of returned elements. " +
			"When the elements are not sorted, complexity is O(N).",
		Keys: []command.KeySpec{
			{Flags: command.KeyRO | command.KeyAccess, Index: 1},
			{Flags: command.KeyRO | command.KeyAccess, Unknown: true,
				Notes: "For the optional BY/GET keyword. It is marked 'unknown' because the key names derive from the content of the key we sort"},
		},
	}
	if flags&command.Write != 0 {
		s.Keys = append(s.Keys, command.KeySpec{Flags: command.KeyOW | command.KeyUpdate, Unknown: true,
			Notes: "For the optional STORE keyword. It is marked 'unknown' because the keyword can appear anywhere in the argument array"})
		s.Refine = sortStoreKey
	}
	return s
}
