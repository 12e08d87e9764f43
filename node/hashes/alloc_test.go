// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package hashes_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/hashes"
	"github.com/espalier-io/espalier/node/resp"
	"github.com/espalier-io/espalier/node/store"
)

// TestHotPathsDoNotAllocate runs commands on a small and a large hash.
func TestHotPathsDoNotAllocate(t *testing.T) {
	table := command.NewTable(hashes.Commands())
	st := store.New(store.Options{Databases: 1})
	defer st.Close()
	ctx := &command.Context{Reply: &resp.Writer{}, Store: st, DB: st.DB(0), Now: 1}
	call := func(argv [][]byte) {
		ctx.Begin(quietHost{}, argv)
		ctx.Reply.Reset()
		table.Lookup(argv[0]).Handler(ctx)
	}
	for _, size := range []int{10, 10000} {
		key := fmt.Sprintf("hash of %d", size)
		for i := range size {
			call(words("HSET", key, fmt.Sprintf("field:%d", i), fmt.Sprint(i)))
		}
		for _, line := range []string{
			"HSET %s field:3 4", "HSET %s field:3 text field:4 more", "HSETNX %s field:3 x", "HGET %s field:3",
			"HMGET %s field:3 field:4 nope", "HGETALL %s", "HKEYS %s", "HVALS %s", "HLEN %s", "HSTRLEN %s field:3",
			"HEXISTS %s field:3", "HINCRBY %s field:5 1", "HDEL %s nope", "HRANDFIELD %s",
		} {
			argv := words(strings.Fields(line)...)
			argv[1] = []byte(key)
			if n := testing.AllocsPerRun(50, func() { call(argv) }); n != 0 {
				t.Errorf("%s on a hash of %d fields allocates %v times", argv[0], size, n)
			}
		}
	}
}

func words(s ...string) [][]byte {
	argv := make([][]byte, len(s))
	for i := range s {
		argv[i] = []byte(s[i])
	}
	return argv
}

// quietHost takes no note of anything.
type quietHost struct{ command.Host }

func (quietHost) KeyModified(int, command.EventClass, string, []byte) {}
func (quietHost) Propagate(int, [][]byte)                             {}
func (quietHost) Hit()                                                {}
func (quietHost) Miss()                                               {}
