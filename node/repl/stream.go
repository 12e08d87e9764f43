// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package repl

import (
	"bytes"
	"slices"

	"github.com/espalier-io/espalier/node/resp"
)

// Stream takes the bytes of a master's stream apart into commands and knows,
// to the byte, how far they have been applied.
//
//	s.Write(received)
//	for { argv, err := s.Next(); if argv == nil { break }; execute(argv); s.Done() }
//	m.Applied(s.TakeApplied(), s.DB())
//
// Within a transaction nothing counts as applied until its EXEC: a link that
// breaks in between has to get the transaction again, whole.
type Stream struct {
	parser resp.Parser
	buf    []byte
	taken  int // bytes of buf that TakeApplied has given
	done   int // bytes of buf applied
	pos    int // bytes of buf parsed
	length int // of the command that Next gave
	argv   [][]byte

	db      int // database selected by what was applied
	pending int // the same, by what was parsed
	inMulti bool
}

// errInline is what Redis calls a corrupted stream: a master sends commands in
// the binary form only.
const errInline = resp.ProtocolError("inline protocol in a master's stream")

// NewStream makes a Stream that begins where db is selected.
func NewStream(db int) *Stream {
	return &Stream{parser: resp.Parser{Limits: resp.Limits{MaxBulk: -1}}, db: db, pending: db}
}

// Write adds received bytes. What Next and TakeApplied gave before is no longer
// valid.
func (s *Stream) Write(p []byte) { s.Grow(copy(s.Room(len(p)), p)) }

// keptStream is how large an idle buffer may stay.
const keptStream = 1 << 20

// Room gives space to receive n bytes in, to be added with Grow. What Next and
// TakeApplied gave before is no longer valid.
func (s *Stream) Room(n int) []byte {
	if s.taken > 0 {
		s.buf = s.buf[:copy(s.buf, s.buf[s.taken:])]
		s.pos -= s.taken
		s.done -= s.taken
		s.taken = 0
	}
	if len(s.buf) == 0 && cap(s.buf) > keptStream {
		s.buf = nil
	}
	s.buf = slices.Grow(s.buf, n)
	return s.buf[len(s.buf) : len(s.buf)+n]
}

// Grow adds the first n bytes of Room.
func (s *Stream) Grow(n int) { s.buf = s.buf[:len(s.buf)+n] }

// Next gives the next whole command, nil when there is none yet. A bare line
// end is no part of the stream: it is passed over and not counted. An error is
// a violation of the protocol: the stream can't be continued.
func (s *Stream) Next() ([][]byte, error) {
	for {
		rest := s.buf[s.pos:]
		if len(rest) == 0 {
			return nil, nil
		}
		if rest[0] != '*' && rest[0] != '\r' && rest[0] != '\n' {
			return nil, errInline
		}
		n, argv, err := s.parser.Next(rest, s.argv[:0])
		if err != nil || n == 0 {
			return nil, err
		}
		s.argv = argv
		if len(argv) > 0 {
			s.length = n
			return argv, nil
		}
		if resp.IsKeepAlive(n) {
			s.buf = slices.Delete(s.buf, s.pos, s.pos+n)
			continue
		}
		s.length = n
		s.Done()
	}
}

// Done counts the command that Next gave as executed.
func (s *Stream) Done() {
	s.pos += s.length
	s.length = 0
	if len(s.argv) > 0 {
		s.note(s.argv)
	}
	if !s.inMulti {
		s.done, s.db = s.pos, s.pending
	}
}

// note follows the commands that matter to the stream itself.
func (s *Stream) note(argv [][]byte) {
	switch {
	case len(argv) == 2 && bytes.EqualFold(argv[0], []byte("select")):
		if db, ok := resp.ParseInt(argv[1]); ok {
			s.pending = int(db)
		}
	case bytes.EqualFold(argv[0], []byte("multi")):
		s.inMulti = true
	case bytes.EqualFold(argv[0], []byte("exec")), bytes.EqualFold(argv[0], []byte("discard")):
		s.inMulti = false
	}
}

// Need is how many bytes are missing to the end of a large argument, 0 when
// that is not known.
func (s *Stream) Need() int {
	if n := s.parser.Need(); n > 0 {
		return max(n-(len(s.buf)-s.pos), 0)
	}
	return 0
}

// Unapplied is how many received bytes do not count as applied yet.
func (s *Stream) Unapplied() int { return len(s.buf) - s.done }

// DB is the database that is selected behind the applied bytes.
func (s *Stream) DB() int { return s.db }

// TakeApplied gives the bytes applied since it was last called, as they came.
func (s *Stream) TakeApplied() []byte {
	applied := s.buf[s.taken:s.done:s.done]
	s.taken = s.done
	return applied
}
