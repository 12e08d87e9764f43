// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package bitmaps_test

import (
	"strings"
	"testing"

	"github.com/espalier-io/espalier/node/bitmaps"
	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/resp"
	"github.com/espalier-io/espalier/node/store"
)

func TestHotPathsDoNotAllocate(t *testing.T) {
	table := command.NewTable(bitmaps.Commands())
	st := store.New(store.Options{Databases: 1})
	defer st.Close()
	ctx := &command.Context{Reply: &resp.Writer{}, Store: st, DB: st.DB(0), Now: 1}
	call := func(argv [][]byte) {
		ctx.Begin(quietHost{}, argv)
		ctx.Reply.Reset()
		table.Lookup(argv[0]).Handler(ctx)
	}
	for _, line := range []string{
		"SETBIT a 50000 1",
		"SETBIT a 7 1",
		"GETBIT a 7",
		"BITCOUNT a",
		"BITCOUNT a 3 900 BIT",
		"BITPOS a 1 2",
		"BITFIELD a SET u8 #3 200 INCRBY i5 11 3 GET u8 #3",
		"BITFIELD_RO a GET i64 5",
		"BITOP AND b a c",
		"BITOP XOR a a b",
	} {
		var argv [][]byte
		for word := range strings.FieldsSeq(line) {
			argv = append(argv, []byte(word))
		}
		if n := testing.AllocsPerRun(50, func() { call(argv) }); n != 0 {
			t.Errorf("%s allocates %v times", line, n)
		}
	}
}

// quietHost takes no note of anything.
type quietHost struct{ command.Host }

func (quietHost) KeyModified(int, command.EventClass, string, []byte) {}
func (quietHost) Propagate(int, [][]byte)                             {}
func (quietHost) Hit()                                                {}
func (quietHost) Miss()                                               {}
