// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Package resp speaks the Redis serialization protocol, versions 2 and 3, at
// both ends, without doing any I/O of its own.
//
// Start reading at Parser (requests, server side) and Writer (replies, server
// side); Reader and Value are their counterparts in a client: the replication
// handshake, tests, tools. SplitArgs holds Redis's quoting rules, which inline
// requests, redis.conf lines and the folded command line share.
//
// Invariants:
//   - Arguments that a Parser returns alias the caller's buffer; they are valid
//     until the caller moves or reuses it. Whoever keeps one copies it.
//   - Parser and Writer allocate nothing in steady state.
//   - What a Parser refuses and with which words is what Redis 7.0 refuses
//     with the same words, down to a NUL byte hiding the line end behind it;
//     a test compares the two.
//
// The protocol is described at https://redis.io/docs/reference/protocol-spec/.
package resp

import "math"

// Sizes and counts fixed by the protocol's reference implementation.
const (
	// MaxInline is the length in bytes that a line (an inline request or a
	// count) may reach without its end having been seen.
	MaxInline = 64 << 10
	// MaxArgs is the largest count of arguments in one request.
	MaxArgs = math.MaxInt32
	// DefaultMaxBulk is the default of proto-max-bulk-len, in bytes.
	DefaultMaxBulk = 512 << 20

	unauthenticatedArgs = 10
	unauthenticatedBulk = 16 << 10
)

// Limits are the bounds within which a Parser accepts requests. The zero value
// stands for an authenticated client and DefaultMaxBulk.
type Limits struct {
	// MaxBulk is the longest accepted argument in bytes (proto-max-bulk-len);
	// 0 means DefaultMaxBulk, a negative value no limit (a master's stream).
	MaxBulk int64
	// Unauthenticated narrows requests to 10 arguments of 16 KiB each, so
	// that who has no password cannot make the server reserve memory.
	Unauthenticated bool
}

// ProtocolError is a violation of the protocol by the peer. After one the
// connection's bytes have no known meaning any more and it has to be closed.
type ProtocolError string

// Error gives the text that follows "-ERR " in the reply to the client.
func (e ProtocolError) Error() string { return "Protocol error: " + string(e) }

// Violations that a Parser reports, except for "expected '$', got 'x'".
const (
	ErrMultibulkLength  ProtocolError = "invalid multibulk length"
	ErrBulkLength       ProtocolError = "invalid bulk length"
	ErrUnauthMultibulk  ProtocolError = "unauthenticated multibulk length"
	ErrUnauthBulk       ProtocolError = "unauthenticated bulk length"
	ErrInlineTooBig     ProtocolError = "too big inline request"
	ErrMultibulkTooBig  ProtocolError = "too big mbulk count string"
	ErrBulkTooBig       ProtocolError = "too big bulk count string"
	ErrUnbalancedQuotes ProtocolError = "unbalanced quotes in request"
)

// ParseInt reads a decimal 64-bit integer by Redis's strict rule: an optional
// minus, no plus, no leading zero, no blanks, no "-0".
func ParseInt(b []byte) (int64, bool) {
	if len(b) == 0 || len(b) > 20 {
		return 0, false
	}
	if len(b) == 1 && b[0] == '0' {
		return 0, true
	}
	negative := b[0] == '-'
	if negative {
		b = b[1:]
	}
	if len(b) == 0 || len(b) > 19 || b[0] < '1' || b[0] > '9' {
		return 0, false
	}
	var n uint64 // 19 digits fit
	for _, c := range b {
		d := c - '0'
		if d > 9 {
			return 0, false
		}
		n = n*10 + uint64(d)
	}
	if negative {
		if n > -math.MinInt64 {
			return 0, false
		}
		return -int64(n), true
	}
	if n > math.MaxInt64 {
		return 0, false
	}
	return int64(n), true
}
