// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package repl

import (
	"bytes"
	"fmt"
	"testing"
)

// FuzzUpstream lets a master say anything. Whatever it is, in whatever pieces it
// comes, the replica ends its attempt or goes on as it would with the bytes in
// one piece; it neither runs away nor gives its data set up unasked.
func FuzzUpstream(f *testing.F) {
	handshake := "+PONG\r\n+OK\r\n+OK\r\n"
	full := "+FULLRESYNC " + id('x') + " 100\r\n"
	for _, seed := range []string{
		"", "\n\n\n", "-NOAUTH Authentication required.\r\n", "-ERR unknown command\r\n+OK\r\n",
		handshake + "+CONTINUE\r\n", handshake + "+CONTINUE " + id('y') + "\r\n*1\r\n$4\r\nPING\r\n",
		handshake + full + "$5\r\nREDIS*1\r\n$4\r\nPING\r\n",
		handshake + full + "\n\n$EOF:" + id('m') + "\r\nREDIS0010" + id('m') + "*1\r\n",
		handshake + full + "$9223372036854775807\r\n", handshake + full + "$-1\r\n", handshake + full + "-ERR no\r\n",
		handshake + "-NOMASTERLINK not now\r\n", handshake + "-ERR unknown command 'PSYNC'\r\n$0\r\n",
		handshake + "+FULLRESYNC x 1\r\n", handshake + "+FULLRESYNC " + id('x') + " -1\r\n",
	} {
		f.Add([]byte(seed), uint8(3), true)
		f.Add([]byte(seed), uint8(200), false)
	}
	f.Fuzz(func(t *testing.T, said []byte, piece uint8, cached bool) {
		whole := listen(said, len(said), cached)
		pieces := listen(said, int(piece)+1, cached)
		// The mark that ends a streamed snapshot is looked for at the end of what was
		// read, as Redis does, so there the pieces matter.
		if whole != pieces && !bytes.Contains(said, []byte("$EOF:")) {
			t.Errorf("in one piece:\n%s\nin pieces of %d:\n%s", whole, int(piece)+1, pieces)
		}
	})
}

// listen tells what a replica makes of a master's words: the end of its link and
// the effects on its data set.
func listen(said []byte, piece int, cached bool) string {
	m := New(Config{Port: 7000}, func() string { return id('a') })
	facts := Facts{Now: 1000}
	if cached {
		m.Restore(facts, Position{Replid: id('b'), Offset: 41}, 0, true)
	}
	var out bytes.Buffer
	payload := 0
	note := func(effects []Effect) {
		for _, e := range effects {
			switch e := e.(type) {
			case Receive:
				fmt.Fprintf(&out, "receive %d %t\n", e.Size, e.ToParser)
			case Payload:
				payload += len(e.Data)
			case Load:
				fmt.Fprintf(&out, "load %v\n", e.At)
			case Install, Discard, Hangup, Follow:
				fmt.Fprintf(&out, "%T\n", e)
			}
		}
	}
	received := len(said)
	note(m.Step(facts, SetMaster{Host: "m", Port: 1, Consent: true}))
	link := m.up.link
	note(m.Step(facts, Dialed{Link: link}))
	for len(said) > 0 && m.up.link == link && m.up.state != linkStreaming {
		n := min(piece, len(said))
		note(m.Step(facts, Received{Link: link, Data: said[:n]}))
		said = said[n:]
	}
	if payload > received {
		panic("more payload than was received")
	}
	fmt.Fprintf(&out, "%d bytes of payload, state %d, %v", payload, m.up.state, m.history.Position())
	return out.String()
}

// FuzzStream takes anything for a master's stream. What is executed, and what
// counts as applied, do not depend on the pieces in which it comes, and never
// more is applied than was received.
func FuzzStream(f *testing.F) {
	for _, seed := range []string{
		"", "\r\n\n", "*1\r\n$4\r\nPING\r\n", "*2\r\n$6\r\nSELECT\r\n$1\r\n7\r\n*1\r\n$5\r\nMULTI\r\n*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nEXEC\r\n",
		"*3\r\n$8\r\nREPLCONF\r\n$6\r\nGETACK\r\n$1\r\n*\r\n", "PING\r\n", "*-1\r\n", "*1\r\n$-1\r\n", "*1000000000\r\n$1\r\n", "*1\r\n$1000000000000\r\n",
		"*1\r\n$5\r\nMULTI\r\n*1\r\n$7\r\nDISCARD\r\n", "*1\r\n$4\r\nEXEC\r\n",
	} {
		f.Add([]byte(seed), uint8(1))
	}
	f.Fuzz(func(t *testing.T, data []byte, piece uint8) {
		commands, applied, err := follow(data, len(data))
		inPieces, appliedInPieces, errInPieces := follow(data, int(piece)+1)
		if commands != inPieces || !bytes.Equal(applied, appliedInPieces) || (err == nil) != (errInPieces == nil) {
			t.Errorf("in one piece: %d commands, %q, %v; in pieces of %d: %d, %q, %v",
				commands, applied, err, int(piece)+1, inPieces, appliedInPieces, errInPieces)
		}
		if len(applied) > len(data) {
			t.Errorf("%d bytes applied of %d", len(applied), len(data))
		}
	})
}

func follow(data []byte, piece int) (commands int, applied []byte, err error) {
	s := NewStream(0)
	for len(data) > 0 {
		n := min(piece, len(data))
		s.Write(data[:n])
		data = data[n:]
		for {
			argv, err := s.Next()
			if err != nil {
				return commands, append(applied, s.TakeApplied()...), err
			}
			if argv == nil {
				break
			}
			commands++
			s.Done()
		}
		applied = append(applied, s.TakeApplied()...)
	}
	return commands, applied, nil
}
