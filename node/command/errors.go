// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package command

// Redis's own error texts, as clients match them: code first, no leading dash.
const (
	ErrSyntax        = "ERR syntax error"
	ErrWrongType     = "WRONGTYPE Operation against a key holding the wrong kind of value"
	ErrNotInteger    = "ERR value is not an integer or out of range"
	ErrNotFloat      = "ERR value is not a valid float"
	ErrNoSuchKey     = "ERR no such key"
	ErrOutOfRange    = "ERR index out of range"
	ErrSameObject    = "ERR source and destination objects are the same"
	ErrDBIndex       = "ERR DB index is out of range"
	ErrInvalidDB     = "ERR invalid DB index"
	ErrInvalidCursor = "ERR invalid cursor"
	ErrTimeoutFloat  = "ERR timeout is not a float or out of range"
	ErrNegative      = "ERR timeout is negative"
	ErrStringTooLong = "ERR string exceeds maximum allowed size (proto-max-bulk-len)"
)
