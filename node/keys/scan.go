// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"bytes"
	"math"
	"strconv"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/glob"
	"github.com/espalier-io/espalier/node/store"
)

func scan(ctx *command.Context) {
	cursor, ok := command.ScanCursor(ctx.Argv[1])
	if !ok {
		ctx.Error(command.ErrInvalidCursor)
		return
	}
	o, text := command.ParseScanOptions(ctx.Argv[2:], true)
	if text != "" {
		ctx.Error(text)
		return
	}
	var found, expired [][]byte
	// One call visits at least count keys, and at most ten times as many
	// buckets: an all but empty table does not hold the server up.
	for buckets := saturated(o.Count, 10); ; buckets-- {
		cursor = ctx.DB.Scan(cursor, func(key []byte, v store.Value) {
			o.Count--
			switch {
			case !admits(&o, key, v):
			case hidden(ctx, v):
				expired = append(expired, bytes.Clone(key))
			default:
				found = append(found, key)
			}
		})
		if cursor == 0 || buckets <= 1 || o.Count <= 0 {
			break
		}
	}
	ctx.Reply.ArrayLen(2)
	ctx.Reply.BulkString(strconv.FormatUint(cursor, 10))
	ctx.Reply.ArrayLen(len(found))
	for _, key := range found {
		ctx.Reply.Bulk(key)
	}
	for _, key := range expired {
		ctx.Peek(key) // removes it, where that may be done
	}
}

func saturated(n, times int) int {
	if n > math.MaxInt/times {
		return math.MaxInt
	}
	return n * times
}

// admits tells whether a key is among those that were asked for.
func admits(o *command.ScanOptions, key []byte, v store.Value) bool {
	return (o.Pattern == nil || glob.Match(o.Pattern, key)) && (o.Type == nil || is(o.Type, v.Type().String()))
}
