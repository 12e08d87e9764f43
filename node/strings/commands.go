// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Package strings is the command family of strings: SET, GET and their kin,
// counters, and ranges. Replies and errors are Redis 7.0's to the letter; a
// test compares them with a real server.
package strings

import (
	"bytes"

	"github.com/espalier-io/espalier/node/command"
)

// Commands is the family's table.
func Commands() []command.Spec {
	const (
		group = "string"
		cat   = command.CatString
		read  = command.ReadOnly | command.Fast
		write = command.Write | command.DenyOOM | command.Fast
	)
	key := func(f command.KeyFlags) []command.KeySpec { return []command.KeySpec{{Flags: f, Index: 1}} }
	var (
		get    = key(command.KeyRO | command.KeyAccess)
		modify = key(command.KeyRW | command.KeyAccess | command.KeyUpdate)
		update = key(command.KeyRW | command.KeyUpdate)
		insert = key(command.KeyOW | command.KeyInsert)
		over   = key(command.KeyOW | command.KeyUpdate)
	)
	spec := func(name string, arity int, flags command.Flags, keys []command.KeySpec, since, complexity, summary string, h func(*command.Context)) command.Spec {
		return command.Spec{Name: name, Arity: arity, Flags: flags, Categories: cat, Keys: keys, Group: group,
			Since: since, Complexity: complexity, Summary: summary, Handler: h}
	}
	return []command.Spec{
		spec("append", 3, write, []command.KeySpec{{Flags: command.KeyRW | command.KeyInsert, Index: 1}}, "2.0.0", "O(1)", "Append a value to a key", appendTo),
		spec("decr", 2, write, modify, "1.0.0", "O(1)", "Decrement the integer value of a key by one", decr),
		spec("decrby", 3, write, modify, "1.0.0", "O(1)", "Decrement the integer value of a key by the given number", decrBy),
		spec("get", 2, read, get, "1.0.0", "O(1)", "Get the value of a key", getKey),
		spec("getdel", 2, command.Write|command.Fast, key(command.KeyRW|command.KeyAccess|command.KeyDelete), "6.2.0", "O(1)", "Get the value of a key and delete the key", getDel),
		spec("getex", -2, command.Write|command.Fast, []command.KeySpec{{Notes: "RW and UPDATE because it changes the TTL", Flags: command.KeyRW | command.KeyAccess | command.KeyUpdate, Index: 1}}, "6.2.0", "O(1)", "Get the value of a key and optionally set its expiration", getEx),
		spec("getrange", 4, command.ReadOnly, get, "2.4.0", "O(N) where N is the length of the returned string", "Get a substring of the string stored at a key", getRange),
		replaced("6.2.0", "`SET` with the `!GET` argument", spec("getset", 3, write, modify, "1.0.0", "O(1)", "Set the string value of a key and return its old value", getSet)),
		spec("incr", 2, write, modify, "1.0.0", "O(1)", "Increment the integer value of a key by one", incr),
		spec("incrby", 3, write, modify, "1.0.0", "O(1)", "Increment the integer value of a key by the given amount", incrBy),
		spec("incrbyfloat", 3, write, modify, "2.6.0", "O(1)", "Increment the float value of a key by the given amount", incrByFloat),
		spec("lcs", -3, command.ReadOnly, []command.KeySpec{{Flags: command.KeyRO | command.KeyAccess, Index: 1, Last: 1}}, "7.0.0",
			"O(N*M) where N and M are the lengths of s1 and s2, respectively", "Find longest common substring", lcs),
		tips(spec("mget", -2, read, []command.KeySpec{{Flags: command.KeyRO | command.KeyAccess, Index: 1, Last: -1}}, "1.0.0",
			"O(N) where N is the number of keys to retrieve.", "Get the values of all the given keys", mget), "request_policy:multi_shard"),
		tips(spec("mset", -3, command.Write|command.DenyOOM, []command.KeySpec{{Flags: command.KeyOW | command.KeyUpdate, Index: 1, Last: -1, Step: 2}}, "1.0.1",
			"O(N) where N is the number of keys to set.", "Set multiple keys to multiple values", mset), "request_policy:multi_shard", "response_policy:all_succeeded"),
		tips(spec("msetnx", -3, command.Write|command.DenyOOM, []command.KeySpec{{Flags: command.KeyOW | command.KeyInsert, Index: 1, Last: -1, Step: 2}}, "1.0.1",
			"O(N) where N is the number of keys to set.", "Set multiple keys to multiple values, only if none of the keys exist", msetNX), "request_policy:multi_shard", "response_policy:agg_min"),
		spec("psetex", 4, command.Write|command.DenyOOM, over, "2.6.0", "O(1)", "Set the value and expiration in milliseconds of a key", psetEx),
		refined(spec("set", -3, command.Write|command.DenyOOM, []command.KeySpec{{Notes: "RW and ACCESS due to the optional `GET` argument", Flags: command.KeyRW | command.KeyAccess | command.KeyUpdate | command.KeyVariableFlags, Index: 1}},
			"1.0.0", "O(1)", "Set the string value of a key", set), setKeys),
		spec("setex", 4, command.Write|command.DenyOOM, over, "2.0.0", "O(1)", "Set the value and expiration of a key", setEx),
		spec("setnx", 3, write, insert, "1.0.0", "O(1)", "Set the value of a key, only if the key does not exist", setNX),
		spec("setrange", 4, command.Write|command.DenyOOM, update, "2.2.0", "O(1), not counting the time taken to copy the new string in place.",
			"Overwrite part of a string at key starting at the specified offset", setRange),
		spec("strlen", 2, read, []command.KeySpec{{Flags: command.KeyRO, Index: 1}}, "2.2.0", "O(1)", "Get the length of the value stored in a key", strLen),
		replaced("2.0.0", "`GETRANGE`", spec("substr", 4, command.ReadOnly, get, "1.0.0", "O(N) where N is the length of the returned string.", "Get a substring of the string stored at a key", getRange)),
	}
}

// tips adds hints for clients of many servers.
func tips(s command.Spec, tips ...string) command.Spec {
	s.Tips = tips
	return s
}

// refined adds what a call's arguments tell of its keys.
func refined(s command.Spec, refine func(argv [][]byte, refs []command.KeyRef) []command.KeyRef) command.Spec {
	s.Refine = refine
	return s
}

// setKeys: only with GET does SET read what it overwrites.
func setKeys(argv [][]byte, refs []command.KeyRef) []command.KeyRef {
	flags := command.KeyOW | command.KeyUpdate
	for _, arg := range argv[min(3, len(argv)):] {
		if bytes.EqualFold(arg, []byte("GET")) {
			flags = command.KeyRW | command.KeyAccess | command.KeyUpdate
		}
	}
	for i := range refs {
		refs[i].Flags = flags
	}
	return refs
}

// replaced marks a command that Redis keeps for old clients only.
func replaced(since, by string, s command.Spec) command.Spec {
	s.Deprecated, s.ReplacedBy = since, by
	return s
}
