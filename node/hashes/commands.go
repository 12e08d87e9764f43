// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Package hashes is the command family of hashes. Replies and errors are Redis
// 7.0's to the letter; a test compares them with a real server. What has no
// order in Redis (the fields of a hash that is no listpack any more) has
// another one here.
//
// A write looks its key up for the type, then opens the hash for editing once,
// whatever the number of fields.
package hashes

import (
	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/store"
)

// Commands is the family's table.
func Commands() []command.Spec {
	const (
		read  = command.ReadOnly | command.Fast
		write = command.Write | command.DenyOOM | command.Fast
	)
	key := func(f command.KeyFlags) []command.KeySpec { return []command.KeySpec{{Flags: f, Index: 1}} }
	var (
		look   = key(command.KeyRO)
		get    = key(command.KeyRO | command.KeyAccess)
		update = key(command.KeyRW | command.KeyUpdate)
		modify = key(command.KeyRW | command.KeyAccess | command.KeyUpdate)
	)
	spec := func(name string, arity int, flags command.Flags, keys []command.KeySpec, since, complexity, summary string, h func(*command.Context), tips ...string) command.Spec {
		return command.Spec{Name: name, Arity: arity, Flags: flags, Categories: command.CatHash, Keys: keys, Group: "hash",
			Since: since, Complexity: complexity, Summary: summary, Tips: tips, Handler: h}
	}
	hmset := spec("hmset", -4, write, update, "2.0.0", "O(N) where N is the number of fields being set.",
		"Set multiple hash fields to multiple values", hmset)
	hmset.Deprecated, hmset.ReplacedBy = "4.0.0", "`HSET` with multiple field-value pairs"
	return []command.Spec{
		spec("hdel", -3, command.Write|command.Fast, key(command.KeyRW|command.KeyDelete), "2.0.0",
			"O(N) where N is the number of fields to be removed.", "Delete one or more hash fields", hdel),
		spec("hexists", 3, read, look, "2.0.0", "O(1)", "Determine if a hash field exists", hexists),
		spec("hget", 3, read, get, "2.0.0", "O(1)", "Get the value of a hash field", hget),
		spec("hgetall", 2, command.ReadOnly, get, "2.0.0", "O(N) where N is the size of the hash.",
			"Get all the fields and values in a hash", hgetall, "nondeterministic_output_order"),
		spec("hincrby", 4, write, modify, "2.0.0", "O(1)", "Increment the integer value of a hash field by the given number", hincrby),
		spec("hincrbyfloat", 4, write, modify, "2.6.0", "O(1)", "Increment the float value of a hash field by the given amount", hincrbyfloat),
		spec("hkeys", 2, command.ReadOnly, get, "2.0.0", "O(N) where N is the size of the hash.",
			"Get all the fields in a hash", hkeys, "nondeterministic_output_order"),
		spec("hlen", 2, read, look, "2.0.0", "O(1)", "Get the number of fields in a hash", hlen),
		spec("hmget", -3, read, get, "2.0.0", "O(N) where N is the number of fields being requested.",
			"Get the values of all the given hash fields", hmget),
		hmset,
		spec("hrandfield", -2, command.ReadOnly, get, "6.2.0", "O(N) where N is the number of fields returned",
			"Get one or multiple random fields from a hash", hrandfield, "nondeterministic_output"),
		spec("hscan", -3, command.ReadOnly, get, "2.8.0",
			"O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to return back to 0. N is the number of elements inside the collection.",
			"Incrementally iterate hash fields and associated values", hscan, "nondeterministic_output"),
		spec("hset", -4, write, update, "2.0.0",
			"O(1) for each field/value pair added, so O(N) to add N field/value pairs when the command is called with multiple field/value pairs.",
			"Set the string value of a hash field", hset),
		spec("hsetnx", 4, write, key(command.KeyRW|command.KeyInsert), "2.0.0", "O(1)",
			"Set the value of a hash field, only if the field does not exist", hsetnx),
		spec("hstrlen", 3, read, look, "3.2.0", "O(1)", "Get the length of the value of a hash field", hstrlen),
		spec("hvals", 2, command.ReadOnly, get, "2.0.0", "O(N) where N is the size of the hash.",
			"Get all the values in a hash", hvals, "nondeterministic_output_order"),
	}
}

// look finds a hash for a command that only reads. ok is false when the key
// holds another type, which is answered.
func look(ctx *command.Context, key []byte) (h store.Hash, found, ok bool) {
	v, found := ctx.Read(key)
	return hashIn(ctx, v, found)
}

// lookToWrite is look for a command that is about to change the key.
func lookToWrite(ctx *command.Context, key []byte) (h store.Hash, found, ok bool) {
	v, found := ctx.Write(key)
	return hashIn(ctx, v, found)
}

func hashIn(ctx *command.Context, v store.Value, found bool) (h store.Hash, _, ok bool) {
	switch {
	case !found:
		return h, false, true
	case v.Type() != store.TypeHash:
		ctx.Error(command.ErrWrongType)
		return h, true, false
	}
	return v.Hash(), true, true
}
