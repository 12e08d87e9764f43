// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package sets_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/resp"
	"github.com/espalier-io/espalier/node/sets"
	"github.com/espalier-io/espalier/node/store"
)

// TestHotPathsDoNotAllocate runs commands on small and large sets.
func TestHotPathsDoNotAllocate(t *testing.T) {
	table := command.NewTable(sets.Commands())
	st := store.New(store.Options{Databases: 1})
	defer st.Close()
	ctx := &command.Context{Reply: &resp.Writer{}, Store: st, DB: st.DB(0), Now: 1}
	call := func(argv [][]byte) {
		ctx.Begin(quietHost{}, argv)
		ctx.Reply.Reset()
		table.Lookup(argv[0]).Handler(ctx)
	}
	for _, size := range []int{10, 10000} {
		ints, texts := fmt.Sprintf("%d integers", size), fmt.Sprintf("%d texts", size)
		for i := range size {
			call(words("SADD", ints, fmt.Sprint(i)))
			call(words("SADD", texts, fmt.Sprint(i), fmt.Sprintf("m%d", i)))
		}
		for _, line := range []string{
			"SADD %s 3 4 5", "SREM %s nope", "SISMEMBER %s 3", "SMISMEMBER %s 3 nope", "SCARD %s", "SMEMBERS %s",
			"SRANDMEMBER %s", "SMOVE %s %s 3",
		} {
			for _, key := range []string{ints, texts} {
				argv := words(strings.Fields(line)...)
				for i := range argv {
					if string(argv[i]) == "%s" {
						argv[i] = []byte(key)
					}
				}
				if n := testing.AllocsPerRun(50, func() { call(argv) }); n != 0 {
					t.Errorf("%s on a set of %s allocates %v times", argv[0], key, n)
				}
			}
		}
		// A handful for the call, not one for each member.
		for _, line := range []string{"SINTER", "SDIFF"} {
			argv := words(line, ints, texts)
			if n := testing.AllocsPerRun(20, func() { call(argv) }); n > 10 {
				t.Errorf("%s of sets of %d members allocates %v times", line, size, n)
			}
		}
		argv := words("SUNION", ints, texts)
		if n := testing.AllocsPerRun(20, func() { call(argv) }); n > 60 {
			t.Errorf("SUNION of sets of %d members allocates %v times", size, n)
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
