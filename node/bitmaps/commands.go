// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Package bitmaps is the command family that treats strings as bits: single
// bits, counts and positions, operations over whole strings, and integers of
// any width (BITFIELD). Bit 0 is the highest one of the first byte. Replies and
// errors are Redis 7.0's to the letter; a test compares them with a real
// server.
//
// Strings are changed where they lie (store.DB.Grow), however long they are,
// and what goes over a whole string goes eight bytes at a time (bits.go).
package bitmaps

import (
	"bytes"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/store"
)

// Commands is the family's table.
func Commands() []command.Spec {
	read := []command.KeySpec{{Flags: command.KeyRO | command.KeyAccess, Index: 1}}
	modify := []command.KeySpec{{Flags: command.KeyRW | command.KeyAccess | command.KeyUpdate, Index: 1}}
	operands := []command.KeySpec{
		{Flags: command.KeyOW | command.KeyUpdate, Index: 2},
		{Flags: command.KeyRO | command.KeyAccess, Index: 3, Last: -1},
	}
	spec := func(name string, arity int, flags command.Flags, keys []command.KeySpec, since, complexity, summary string, h func(*command.Context)) command.Spec {
		return command.Spec{Name: name, Arity: arity, Flags: flags, Categories: command.CatBitmap, Keys: keys, Group: "bitmap",
			Since: since, Complexity: complexity, Summary: summary, Handler: h}
	}
	bitfield := spec("bitfield", -2, command.Write|command.DenyOOM, []command.KeySpec{{
		Notes: "This command allows both access and modification of the key",
		Flags: command.KeyRW | command.KeyUpdate | command.KeyAccess | command.KeyVariableFlags, Index: 1,
	}}, "3.2.0", "O(1) for each subcommand specified", "Perform arbitrary bitfield integer operations on strings", bitField)
	bitfield.Refine = bitFieldKeys
	return []command.Spec{
		spec("bitcount", -2, command.ReadOnly, read, "2.6.0", "O(N)", "Count set bits in a string", bitCount),
		bitfield,
		spec("bitfield_ro", -2, command.ReadOnly|command.Fast, read, "6.0.0", "O(1) for each subcommand specified",
			"Perform arbitrary bitfield integer operations on strings. Read-only variant of BITFIELD", bitFieldRO),
		spec("bitop", -4, command.Write|command.DenyOOM, operands, "2.6.0", "O(N)", "Perform bitwise operations between strings", bitOp),
		spec("bitpos", -3, command.ReadOnly, read, "2.8.7", "O(N)", "Find first bit set or clear in a string", bitPos),
		spec("getbit", 3, command.ReadOnly|command.Fast, read, "2.2.0", "O(1)", "Returns the bit value at offset in the string value stored at key", getBit),
		spec("setbit", 4, command.Write|command.DenyOOM, modify, "2.2.0", "O(1)", "Sets or clears the bit at offset in the string value stored at key", setBit),
	}
}

// bitFieldKeys: a BITFIELD that only has GETs only reads its key.
func bitFieldKeys(argv [][]byte, refs []command.KeyRef) []command.KeyRef {
	flags := command.KeyRO | command.KeyAccess
words:
	for args := argv[2:]; len(args) > 0; {
		switch {
		case is(args[0], "GET") && len(args) > 2:
			args = args[3:]
		case is(args[0], "OVERFLOW") && len(args) > 1:
			args = args[2:]
		default:
			flags = command.KeyRW | command.KeyAccess | command.KeyUpdate
			break words
		}
	}
	for i := range refs {
		refs[i].Flags = flags
	}
	return refs
}

// text reads a string. ok is false when the key holds another type, which is
// answered.
func text(ctx *command.Context, key []byte) (v store.Value, found, ok bool) {
	v, found = ctx.Read(key)
	return v, found, isText(ctx, v, found)
}

// grow looks a string up to change it and makes it at least n bytes long. grown
// tells whether it was shorter, or not there. ok is false where it cannot be
// done, which is answered.
func grow(ctx *command.Context, key []byte, n int) (b []byte, grown, ok bool) {
	v, found := ctx.Write(key)
	if !isText(ctx, v, found) {
		return nil, false, false
	}
	grown = !found || v.Len() < n
	b, err := ctx.DB.Grow(key, n)
	if err != nil {
		ctx.Error(command.ErrStringTooLong)
	}
	return b, grown, err == nil
}

func isText(ctx *command.Context, v store.Value, found bool) bool {
	if found && v.Type() != store.TypeString {
		ctx.Error(command.ErrWrongType)
		return false
	}
	return true
}

// is compares a word of a client with an upper-case one.
func is(arg []byte, word string) bool { return bytes.EqualFold(arg, []byte(word)) }
