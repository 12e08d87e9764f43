// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"math"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/store"
)

func objectCommands() []command.Spec {
	sub := func(name, since, summary string, h func(*command.Context, store.Value)) command.Spec {
		return command.Spec{Name: name, Arity: 3, Flags: command.ReadOnly, Categories: command.CatKeyspace, Group: "generic",
			Keys:  []command.KeySpec{{Flags: command.KeyRO, Index: 2}},
			Since: since, Complexity: "O(1)", Summary: summary, Tips: []string{"nondeterministic_output"},
			Handler: func(ctx *command.Context) {
				if v, found := ctx.Peek(ctx.Argv[2]); found {
					h(ctx, v)
				} else {
					ctx.Reply.Null()
				}
			}}
	}
	return []command.Spec{
		sub("encoding", "2.2.3", "Inspect the internal encoding of a Redis object", objectEncoding),
		sub("freq", "4.0.0", "Get the logarithmic access frequency counter of a Redis object", objectFreq),
		command.HelpSpec("6.2.0", command.CatKeyspace,
			"ENCODING <key>",
			"    Return the kind of internal representation used in order to store the value",
			"    associated with a <key>.",
			"FREQ <key>",
			"    Return the access frequency index of the <key>. The returned integer is",
			"    proportional to the logarithm of the recent access frequency of the key.",
			"IDLETIME <key>",
			"    Return the idle time of the <key>, that is the approximated number of",
			"    seconds elapsed since the last access to the key.",
			"REFCOUNT <key>",
			"    Return the number of references of the value associated with the specified",
			"    <key>."),
		sub("idletime", "2.2.3", "Get the time since a Redis object was last accessed", objectIdleTime),
		sub("refcount", "2.2.3", "Get the number of references to the value of the key", objectRefCount),
	}
}

func objectEncoding(ctx *command.Context, v store.Value) { ctx.Reply.BulkString(v.Encoding().String()) }

// sharedInts are the numbers whose objects Redis shares, which shows in their
// reference count.
const sharedInts = 10000

func objectRefCount(ctx *command.Context, v store.Value) {
	if n, ok := v.Int(); ok && v.Encoding() == store.EncInt && n >= 0 && n < sharedInts {
		ctx.Reply.Int(math.MaxInt32)
		return
	}
	ctx.Reply.Int(1)
}

func objectIdleTime(ctx *command.Context, v store.Value) {
	if ctx.Store.AccessPolicy().LFU {
		ctx.Error("ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between " +
			"policies at runtime LRU and LFU data will take some time to adjust.")
		return
	}
	ctx.Reply.Int(ctx.Store.Idle(v.Access()))
}

func objectFreq(ctx *command.Context, v store.Value) {
	if !ctx.Store.AccessPolicy().LFU {
		ctx.Error("ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching " +
			"between policies at runtime LRU and LFU data will take some time to adjust.")
		return
	}
	ctx.Reply.Int(int64(ctx.Store.Frequency(v.Access())))
}
