// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"bytes"
	"math"
	"strconv"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/glob"
	"github.com/espalier-io/espalier/node/resp"
	"github.com/espalier-io/espalier/node/store"
)

// filter is what SCAN was asked for.
type filter struct {
	count   int64
	pattern []byte // nil: every key
	typ     string // "": every type
}

func scan(ctx *command.Context) {
	cursor, ok := parseCursor(ctx.Argv[1])
	if !ok {
		ctx.Error(command.ErrInvalidCursor)
		return
	}
	f, text := parseFilter(ctx.Argv[2:])
	if text != "" {
		ctx.Error(text)
		return
	}
	var found [][]byte
	// One call visits at least count keys, and at most ten times as many
	// buckets: an all but empty table does not hold the server up.
	for buckets := saturated(f.count, 10); ; buckets-- {
		cursor = ctx.DB.Scan(cursor, func(key []byte, v store.Value) {
			f.count--
			if f.admits(key, v) && !hidden(ctx, v) {
				found = append(found, key)
			}
		})
		if cursor == 0 || buckets <= 1 || f.count <= 0 {
			break
		}
	}
	ctx.Reply.ArrayLen(2)
	ctx.Reply.BulkString(strconv.FormatUint(cursor, 10))
	ctx.Reply.ArrayLen(len(found))
	for _, key := range found {
		ctx.Reply.Bulk(key)
	}
}

func saturated(n, times int64) int64 {
	if n > math.MaxInt64/times {
		return math.MaxInt64
	}
	return n * times
}

// parseCursor reads a cursor as C's strtoul does, which lets a sign through.
func parseCursor(arg []byte) (uint64, bool) {
	digits, negative := bytes.CutPrefix(arg, []byte("-"))
	if !negative {
		digits = bytes.TrimPrefix(arg, []byte("+"))
	}
	n, err := strconv.ParseUint(string(digits), 10, 64)
	if negative {
		n = -n
	}
	return n, err == nil
}

func parseFilter(args [][]byte) (f filter, text string) {
	f.count = 10
	for i := 0; i < len(args); i += 2 {
		if i+1 == len(args) {
			return f, command.ErrSyntax
		}
		value := args[i+1]
		switch {
		case is(args[i], "COUNT"):
			var ok bool
			if f.count, ok = resp.ParseInt(value); !ok {
				return f, command.ErrNotInteger
			}
			if f.count < 1 {
				return f, command.ErrSyntax
			}
		case is(args[i], "MATCH"):
			f.pattern = value
			if string(value) == "*" {
				f.pattern = nil
			}
		case is(args[i], "TYPE"):
			f.typ = string(value)
		default:
			return f, command.ErrSyntax
		}
	}
	return f, ""
}

func (f *filter) admits(key []byte, v store.Value) bool {
	return (f.pattern == nil || glob.Match(f.pattern, key)) && (f.typ == "" || is([]byte(f.typ), v.Type().String()))
}
