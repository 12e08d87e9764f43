// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package hyperloglog_test

import (
	"strings"
	"testing"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/hyperloglog"
	"github.com/espalier-io/espalier/node/resp"
	"github.com/espalier-io/espalier/node/store"
)

func TestHotPathsDoNotAllocate(t *testing.T) {
	table := command.NewTable(hyperloglog.Commands())
	st := store.New(store.Options{Databases: 1})
	defer st.Close()
	ctx := &command.Context{Reply: &resp.Writer{}, Store: st, DB: st.DB(0), Now: 1}
	call := func(argv [][]byte) {
		ctx.Begin(quietHost{}, argv)
		ctx.Reply.Reset()
		table.Lookup(argv[0]).Handler(ctx)
	}
	for _, line := range []string{
		"PFADD a x y z",
		"PFADD a x",
		"PFCOUNT a",
		"PFMERGE b a",
		"PFDEBUG TODENSE a",
		"PFADD a x y z",
		"PFCOUNT a",
		"PFCOUNT a b",
		"PFMERGE a b",
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
