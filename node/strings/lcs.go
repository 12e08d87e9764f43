// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package strings

import (
	"bytes"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/resp"
	"github.com/espalier-io/espalier/node/store"
)

// match is one run of the common subsequence: where it lies in both strings,
// ends included.
type match struct{ a0, a1, b0, b1 int }

func lcs(ctx *command.Context) {
	var wantLen, wantIdx, withLen bool
	var minLen int64
	a, b, ok := lcsOperands(ctx)
	if !ok {
		return
	}
	for i := 3; i < len(ctx.Argv); i++ {
		switch arg := ctx.Argv[i]; {
		case bytes.EqualFold(arg, []byte("IDX")):
			wantIdx = true
		case bytes.EqualFold(arg, []byte("LEN")):
			wantLen = true
		case bytes.EqualFold(arg, []byte("WITHMATCHLEN")):
			withLen = true
		case bytes.EqualFold(arg, []byte("MINMATCHLEN")) && i+1 < len(ctx.Argv):
			i++
			n, isInt := resp.ParseInt(ctx.Argv[i])
			if !isInt {
				ctx.Error(command.ErrNotInteger)
				return
			}
			minLen = max(n, 0)
		default:
			ctx.Error(command.ErrSyntax)
			return
		}
	}
	if wantIdx && wantLen {
		ctx.Error("ERR If you want both the length and indexes, please just use IDX.")
		return
	}
	if table := cellSize * uint64(len(a)+1) * uint64(len(b)+1); table > uint64(ctx.Store.MaxValue()) {
		ctx.Error("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len")
		return
	}
	text, matches := common(a, b)
	switch {
	case wantLen:
		ctx.Reply.Int(int64(len(text)))
	case wantIdx:
		replyMatches(ctx, matches, len(text), minLen, withLen)
	default:
		ctx.Reply.Bulk(text)
	}
}

// cellSize is what a cell of the table takes, in bytes; there is one for each pair
// of bytes.
const cellSize = 4

// lcsOperands copies both strings: a later lookup may end the validity of an
// earlier one.
func lcsOperands(ctx *command.Context) (a, b []byte, ok bool) {
	va, foundA := ctx.Read(ctx.Argv[1])
	if foundA && va.Type() == store.TypeString {
		a = va.Append(nil)
	}
	vb, foundB := ctx.Read(ctx.Argv[2])
	if foundB && vb.Type() == store.TypeString {
		b = vb.Append(nil)
	}
	if foundA && a == nil && va.Type() != store.TypeString || foundB && b == nil && vb.Type() != store.TypeString {
		ctx.Error("ERR The specified keys must contain string values")
		return nil, nil, false
	}
	return a, b, true
}

// common computes a longest common subsequence and its runs, last first.
func common(a, b []byte) (text []byte, matches []match) {
	width := len(b) + 1
	table := make([]uint32, (len(a)+1)*width)
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			if a[i-1] == b[j-1] {
				table[i*width+j] = table[(i-1)*width+j-1] + 1
			} else {
				table[i*width+j] = max(table[(i-1)*width+j], table[i*width+j-1])
			}
		}
	}
	at := int(table[len(a)*width+len(b)])
	text = make([]byte, at)
	open := false
	for i, j := len(a), len(b); i > 0 && j > 0; {
		switch {
		case a[i-1] == b[j-1]:
			at--
			text[at] = a[i-1]
			if last := len(matches) - 1; open && matches[last].a0 == i && matches[last].b0 == j {
				matches[last].a0, matches[last].b0 = i-1, j-1
			} else {
				matches = append(matches, match{a0: i - 1, a1: i - 1, b0: j - 1, b1: j - 1})
				open = true
			}
			i--
			j--
		case table[(i-1)*width+j] > table[i*width+j-1]:
			i--
			open = false
		default:
			j--
			open = false
		}
	}
	return text, matches
}

func replyMatches(ctx *command.Context, matches []match, length int, minLen int64, withLen bool) {
	w := ctx.Reply
	w.MapLen(2)
	w.BulkString("matches")
	d, n := w.Defer(), 0
	for _, m := range matches {
		size := int64(m.a1 - m.a0 + 1)
		if minLen > 0 && size < minLen {
			continue
		}
		n++
		if withLen {
			w.ArrayLen(3)
		} else {
			w.ArrayLen(2)
		}
		for _, run := range [2][2]int{{m.a0, m.a1}, {m.b0, m.b1}} {
			w.ArrayLen(2)
			w.Int(int64(run[0]))
			w.Int(int64(run[1]))
		}
		if withLen {
			w.Int(size)
		}
	}
	w.SetArrayLen(d, n)
	w.BulkString("len")
	w.Int(int64(length))
}
