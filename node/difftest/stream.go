// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package difftest

import (
	"bufio"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/espalier-io/espalier/node/engine"
)

// Stream is the replication stream of a server, as a replica sees it that only
// listens.
type Stream struct {
	in *bufio.Reader
}

// Listen makes a connection a replica's and reads the snapshot away.
func Listen(t testing.TB, c *Client) *Stream {
	t.Helper()
	c.Send(t, "PSYNC", "?", "-1")
	s := &Stream{in: bufio.NewReader(c.Conn)}
	if line := s.line(t); !strings.HasPrefix(line, "+FULLRESYNC ") {
		t.Fatalf("PSYNC is answered %q", line)
	}
	size := s.line(t)
	length, err := strconv.ParseInt(strings.TrimPrefix(size, "$"), 10, 64)
	if err != nil {
		t.Fatalf("the snapshot begins with %q", size)
	}
	if _, err := io.CopyN(io.Discard, s.in, length); err != nil {
		t.Fatal(err)
	}
	return s
}

// line reads a line that is no keep-alive.
func (s *Stream) line(t testing.TB) string {
	t.Helper()
	for {
		line, err := s.in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if line = strings.TrimSpace(line); line != "" {
			return line
		}
	}
}

// number reads the number behind a type's letter.
func (s *Stream) number(t testing.TB, letter string) int {
	t.Helper()
	n, err := strconv.Atoi(strings.TrimPrefix(s.line(t), letter))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Command reads a command of the stream, its words with blanks between them;
// PINGs do not count.
func (s *Stream) Command(t testing.TB) string {
	t.Helper()
	for {
		var words []string
		for range s.number(t, "*") {
			word := make([]byte, s.number(t, "$")+2)
			if _, err := io.ReadFull(s.in, word); err != nil {
				t.Fatal(err)
			}
			words = append(words, string(word[:len(word)-2]))
		}
		if text := strings.Join(words, " "); !strings.EqualFold(text, "PING") {
			return text
		}
	}
}

// Want fails the test unless these commands come next, in any case.
func (s *Stream) Want(t testing.TB, commands ...string) {
	t.Helper()
	for _, c := range commands {
		if got := s.Command(t); !strings.EqualFold(got, c) {
			t.Fatalf("the stream has %q, want %q", got, c)
		}
	}
}

// RunStream runs a script as Run does, in protocol 2, and compares what both
// servers put on their replication streams meanwhile: the same commands, but for
// the case of letters.
func RunStream(t *testing.T, families engine.Families, script string, options ...string) {
	t.Helper()
	const end = "the script ends here"
	pair := NewPair(t, families, append([]string{"--repl-diskless-sync-delay", "0"}, options...)...)
	redis, node := Listen(t, Dial(t, pair.redisSocket)), Listen(t, pair.Node.Dial(t))
	pair.Compare(t, script)
	pair.Compare(t, `MULTI
		SET "`+end+`" ""
		EXEC`)
	for before := ""; ; {
		want, got := redis.Command(t), node.Command(t)
		if !strings.EqualFold(want, got) {
			t.Fatalf("the streams differ behind %q\n  redis %q\n  node  %q", before, want, got)
		}
		if strings.Contains(want, end) {
			return
		}
		before = want
	}
}
