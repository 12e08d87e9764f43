// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package resp

import (
	"bytes"
	"math"
)

// Parser takes requests out of a connection's input. It holds no bytes, only
// how far it has come in the request at the front of the caller's buffer, so
// that an argument that arrives in a thousand pieces is looked at once.
// The zero value is ready. A Parser is not safe for concurrent use.
type Parser struct {
	// Limits may be changed between calls; they then hold for what has not
	// been read yet.
	Limits Limits

	remaining int    // arguments still to come; 0: at the start of a request
	pos       int    // bytes of the request that need no second look
	bulk      int    // announced length of the next argument; -1: not read yet
	spans     []span // arguments already complete, when the request is not
}

type span struct{ from, to int }

// keptSpans is how many spans an idle parser may hold on to.
const keptSpans = 64

// Next reads one request from the front of buf and appends its arguments,
// slices of buf (quoted inline arguments: copies), to argv.
//
//   - consumed > 0: a request of that many bytes was complete. It may be empty
//     (a blank line, "*0"): then out is argv, there is nothing to execute, and
//     IsKeepAlive tells whether it was a replica's sign of life.
//   - consumed 0, err nil: more input is needed. The next call must pass the
//     same bytes again, at any address, with new ones behind them.
//   - err, a ProtocolError: the input is no request. Nothing is consumed and
//     the same call gives the same error, unless Limits have changed.
func (p *Parser) Next(buf []byte, argv [][]byte) (consumed int, out [][]byte, err error) {
	if len(buf) == 0 {
		return 0, argv, nil
	}
	if p.remaining > 0 {
		return p.resume(buf, argv)
	}
	if buf[0] != '*' {
		return p.inline(buf, argv)
	}
	n, pos, err := p.multibulkCount(buf)
	if err != nil || pos == 0 || n <= 0 {
		return pos, argv, err
	}
	base, start := len(argv), pos
	for ; n > 0; n-- {
		length, from, err := p.bulkLength(buf, pos)
		if err != nil {
			return 0, argv[:base], err
		}
		// The two bytes behind the argument are skipped unseen, as Redis does.
		if from == 0 || len(buf)-from-2 < length {
			p.pos, p.bulk, p.remaining = start, -1, n+len(argv)-base
			return p.resume(buf, argv[:base])
		}
		argv = append(argv, buf[from:from+length:from+length])
		pos = from + length + 2
	}
	return pos, argv, nil
}

// resume goes on with a request that was not complete when it was first looked
// at. Its arguments are noted by position until the last one is there: the
// common request, which comes whole, is spared that.
func (p *Parser) resume(buf []byte, argv [][]byte) (consumed int, out [][]byte, err error) {
	for p.remaining > 0 {
		if p.bulk < 0 {
			length, from, err := p.bulkLength(buf, p.pos)
			if err != nil || from == 0 {
				return 0, argv, err
			}
			p.bulk, p.pos = length, from
		}
		if len(buf)-p.pos-2 < p.bulk {
			return 0, argv, nil
		}
		p.spans = append(p.spans, span{p.pos, p.pos + p.bulk})
		p.pos += p.bulk + 2
		p.bulk = -1
		p.remaining--
	}
	for _, s := range p.spans {
		argv = append(argv, buf[s.from:s.to:s.to])
	}
	consumed = p.pos
	p.Reset()
	return consumed, argv, nil
}

// Need is the length that the buffer must reach before the argument being
// received is complete, 0 when that is not known. A caller sizes its buffer by
// it to spare a large argument any copying.
func (p *Parser) Need() int {
	if p.remaining == 0 || p.bulk < 0 {
		return 0
	}
	return p.pos + p.bulk + 2
}

// Reset forgets the request begun: the next call of Next starts afresh at the
// front of its buffer.
func (p *Parser) Reset() {
	p.pos, p.remaining = 0, 0
	if cap(p.spans) > keptSpans {
		p.spans = nil
	}
	p.spans = p.spans[:0]
}

// IsKeepAlive tells whether an empty request of the given length was a bare
// line end: a replica that is loading a snapshot sends them to stay connected.
func IsKeepAlive(consumed int) bool { return consumed == 1 || consumed == 2 }

// multibulkCount reads the "*<count>\r\n" at the front of buf. next is 0 when
// it is not there whole.
func (p *Parser) multibulkCount(buf []byte) (n, next int, err error) {
	count, next, ok := shortCount(buf, 1)
	if !ok {
		var digits []byte
		if digits, next, ok = line(buf, 0); !ok {
			if len(buf) > MaxInline {
				return 0, 0, ErrMultibulkTooBig
			}
			return 0, 0, nil
		}
		if count, ok = ParseInt(digits[1:]); !ok {
			return 0, 0, ErrMultibulkLength
		}
	}
	switch {
	case count > MaxArgs:
		return 0, 0, ErrMultibulkLength
	case count > unauthenticatedArgs && p.Limits.Unauthenticated:
		return 0, 0, ErrUnauthMultibulk
	}
	return int(max(count, -1)), next, nil
}

// bulkLength reads the "$<length>\r\n" at pos. next is 0 when it is not there
// whole.
func (p *Parser) bulkLength(buf []byte, pos int) (n, next int, err error) {
	var length int64
	ok := false
	if pos < len(buf) && buf[pos] == '$' {
		length, next, ok = shortCount(buf, pos+1)
	}
	if !ok {
		var digits []byte
		if digits, next, ok = line(buf, pos); !ok {
			if len(buf)-pos > MaxInline {
				return 0, 0, ErrBulkTooBig
			}
			return 0, 0, nil
		}
		if buf[pos] != '$' {
			return 0, 0, ProtocolError("expected '$', got '" + string(buf[pos:pos+1]) + "'")
		}
		if length, ok = ParseInt(digits[1:]); !ok {
			return 0, 0, ErrBulkLength
		}
	}
	limit := p.Limits.MaxBulk
	if limit == 0 {
		limit = DefaultMaxBulk
	}
	switch {
	case length < 0, limit > 0 && length > limit, length > math.MaxInt-MaxInline-int64(pos):
		return 0, 0, ErrBulkLength
	case length > unauthenticatedBulk && p.Limits.Unauthenticated:
		return 0, 0, ErrUnauthBulk
	}
	return int(length), next, nil
}

// shortCount reads a well-formed count of at most nine digits at pos with its
// line end. Whatever it leaves (false) takes the exact way through line.
func shortCount(buf []byte, pos int) (n int64, next int, ok bool) {
	start := pos
	for pos < len(buf) {
		d := buf[pos] - '0'
		if d > 9 {
			break
		}
		n = n*10 + int64(d)
		pos++
	}
	digits := pos - start
	if digits == 0 || digits > 9 || digits > 1 && buf[start] == '0' {
		return 0, 0, false
	}
	if pos+1 >= len(buf) || buf[pos] != '\r' {
		return 0, 0, false
	}
	return n, pos + 2, true
}

// line finds the text from pos up to a carriage return and the position behind
// the line feed, which is taken for granted. A NUL byte hides what is behind.
func line(buf []byte, pos int) (text []byte, next int, ok bool) {
	end := bytes.IndexByte(buf[pos:], '\r')
	if end < 0 || pos+end+2 > len(buf) {
		return nil, 0, false
	}
	text = buf[pos : pos+end]
	if bytes.IndexByte(text, 0) >= 0 {
		return nil, 0, false
	}
	return text, pos + end + 2, true
}

// inline reads a request in the form that people type: a line, split at
// blanks, with quotes. Here p.pos counts the bytes known to hold no line feed.
func (p *Parser) inline(buf []byte, argv [][]byte) (consumed int, out [][]byte, err error) {
	end := bytes.IndexByte(buf[p.pos:], '\n')
	if end >= 0 {
		end += p.pos
	}
	if end < 0 || bytes.IndexByte(buf[:end], 0) >= 0 {
		if len(buf) > MaxInline {
			return 0, argv, ErrInlineTooBig
		}
		if end < 0 {
			p.pos = len(buf)
		}
		return 0, argv, nil
	}
	text := buf[:end:end]
	if end > 0 && text[end-1] == '\r' {
		text = text[: end-1 : end-1]
	}
	base := len(argv)
	argv, ok := SplitArgs(text, argv)
	if !ok {
		return 0, argv[:base], ErrUnbalancedQuotes
	}
	p.pos = 0
	return end + 1, argv, nil
}
