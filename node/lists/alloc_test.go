// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package lists_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/lists"
	"github.com/espalier-io/espalier/node/resp"
	"github.com/espalier-io/espalier/node/store"
)

// TestHotPathsDoNotAllocate runs commands that leave a list as long as it was.
func TestHotPathsDoNotAllocate(t *testing.T) {
	table := command.NewTable(lists.Commands())
	st := store.New(store.Options{Databases: 1})
	defer st.Close()
	ctx := &command.Context{Reply: &resp.Writer{}, Store: st, DB: st.DB(0), Now: 1}
	call := func(argv [][]byte) {
		ctx.Begin(quietHost{}, argv)
		ctx.Reply.Reset()
		table.Lookup(argv[0]).Handler(ctx)
	}
	for _, size := range []int{10, 10000} {
		key := fmt.Sprintf("list-of-%d", size)
		for i := range size {
			call(words(fmt.Sprintf("RPUSH %s element:%d", key, i)))
		}
		for _, lines := range []string{
			"LLEN @", "LINDEX @ 5", "LRANGE @ 0 99", "LRANGE @ -5 -1", "LPOS @ element:7", "LPOS @ element:7 RANK -1 COUNT 2",
			"LSET @ 5 other", "LINSERT @ BEFORE element:7 x; LREM @ -1 x", "RPUSH @ a b c; LTRIM @ 3 -1",
			"RPUSH @ new; LPOP @", "LPUSH @ 12345; RPOP @", "LPUSH @ a b c; LPOP @ 3", "RPUSH @ a b c; RPOP @ 3",
			"LMOVE @ @ LEFT RIGHT", "RPOPLPUSH @ @", "RPUSH @ new; BLPOP @ 0", "BLMOVE @ @ RIGHT LEFT 0", "BRPOPLPUSH @ @ 0",
			"LPUSH @ a b; LMPOP 1 @ LEFT COUNT 2", "LPUSH @ a b; BLMPOP 0 1 @ LEFT COUNT 2",
		} {
			var argvs [][][]byte
			for line := range strings.SplitSeq(strings.ReplaceAll(lines, "@", key), ";") {
				argvs = append(argvs, words(line))
			}
			n := testing.AllocsPerRun(50, func() {
				for _, argv := range argvs {
					call(argv)
				}
			})
			if n != 0 {
				t.Errorf("%s on a list of %d allocates %v times", lines, size, n)
			}
		}
	}
}

func words(line string) [][]byte {
	var argv [][]byte
	for _, word := range strings.Fields(line) {
		argv = append(argv, []byte(word))
	}
	return argv
}

// quietHost takes no note of anything.
type quietHost struct{ command.Host }

func (quietHost) KeyModified(int, command.EventClass, string, []byte) {}
func (quietHost) Propagate(int, [][]byte)                             {}
func (quietHost) Hit()                                                {}
func (quietHost) Miss()                                               {}
