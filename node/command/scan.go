// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"bytes"
	"math"
	"strconv"

	"github.com/espalier-io/espalier/node/resp"
)

// ScanOptions is what SCAN, HSCAN, SSCAN or ZSCAN was asked for behind the
// cursor.
type ScanOptions struct {
	Count   int    // how many elements to visit at least, 1 or more
	Pattern []byte // nil: all of them
	Type    []byte // nil: of every type; SCAN alone has it
}

// ScanCursor reads a cursor as C's strtoul does, which lets a sign through and
// takes nothing for zero.
func ScanCursor(arg []byte) (cursor uint64, ok bool) {
	if len(arg) == 0 {
		return 0, true
	}
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

// ParseScanOptions reads the options; ofKeys says that they are SCAN's own, which
// can be asked for one type. text is the error to answer with, "" for none.
func ParseScanOptions(args [][]byte, ofKeys bool) (o ScanOptions, text string) {
	o.Count = 10
	for ; len(args) > 0; args = args[2:] {
		if len(args) == 1 {
			return o, ErrSyntax
		}
		name, value := args[0], args[1]
		switch {
		case bytes.EqualFold(name, []byte("COUNT")):
			n, ok := resp.ParseInt(value)
			if !ok {
				return o, ErrNotInteger
			}
			if n < 1 {
				return o, ErrSyntax
			}
			o.Count = int(min(n, math.MaxInt))
		case bytes.EqualFold(name, []byte("MATCH")):
			o.Pattern = value
			if string(value) == "*" {
				o.Pattern = nil
			}
		case bytes.EqualFold(name, []byte("TYPE")) && ofKeys:
			o.Type = value
		default:
			return o, ErrSyntax
		}
	}
	return o, ""
}

// ReplyScan answers with the cursor to go on with and n bulk strings, which
// visit writes to the reply: it knows both only when it is through.
func (c *Context) ReplyScan(visit func(w *resp.Writer) (next uint64, n int)) {
	w := c.Reply
	start := w.Len()
	next, n := visit(w)
	elements := c.Keep(w.Buffer()[start:])
	w.Truncate(start)
	w.ArrayLen(2)
	w.BulkString(strconv.FormatUint(next, 10))
	w.ArrayLen(n)
	w.Raw(elements)
}
