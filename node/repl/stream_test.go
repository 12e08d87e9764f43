// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package repl

import (
	"bytes"
	"strings"
	"testing"

	"github.com/espalier-io/espalier/node/resp"
)

func multi(commands ...string) []byte {
	var out []byte
	for _, c := range commands {
		out = resp.AppendCommand(out, strings.Fields(c)...)
	}
	return out
}

// play feeds a stream in pieces and gives what was executed, what was passed on
// and the offsets that each GETACK saw.
func play(t *testing.T, data []byte, piece int) (executed []string, applied []byte, asked []int) {
	t.Helper()
	s := NewStream(0)
	for len(data) > 0 {
		n := min(piece, len(data))
		s.Write(data[:n])
		data = data[n:]
		for {
			argv, err := s.Next()
			if err != nil {
				t.Fatal(err)
			}
			if argv == nil {
				break
			}
			if string(argv[0]) == "REPLCONF" {
				applied = append(applied, s.TakeApplied()...)
				asked = append(asked, len(applied))
			}
			executed = append(executed, string(bytes.Join(argv, []byte(" "))))
			s.Done()
		}
		applied = append(applied, s.TakeApplied()...)
	}
	return executed, applied, asked
}

func TestStreamAppliesWholeTransactions(t *testing.T) {
	head := multi("SELECT 3", "SET a 1", "REPLCONF GETACK *")
	tail := multi("MULTI", "SET b 2", "REPLCONF GETACK *", "SET c 3", "EXEC")
	data := append(bytes.Clone(head), tail...)
	for piece := 1; piece <= len(data); piece++ {
		executed, applied, asked := play(t, data, piece)
		if want := "SELECT 3,SET a 1,REPLCONF GETACK *,MULTI,SET b 2,REPLCONF GETACK *,SET c 3,EXEC"; strings.Join(executed, ",") != want {
			t.Fatalf("in pieces of %d: executed %q", piece, executed)
		}
		if !bytes.Equal(applied, data) {
			t.Fatalf("in pieces of %d: passed on %q", piece, applied)
		}
		// The answer to GETACK is the offset before it, and within a
		// transaction the offset before that.
		before := len(multi("SELECT 3", "SET a 1"))
		if len(asked) != 2 || asked[0] != before || asked[1] != len(head) {
			t.Fatalf("in pieces of %d: GETACK saw %v, want [%d %d]", piece, asked, before, len(head))
		}
	}
	// Cut within the transaction, nothing of it was passed on.
	_, applied, _ := play(t, data[:len(data)-1], 7)
	if !bytes.Equal(applied, head) {
		t.Errorf("of a transaction cut short was passed on: %q", applied[len(head):])
	}
}

func TestStreamKnowsTheSelectedDatabase(t *testing.T) {
	s := NewStream(5)
	s.Write(multi("SET a 1", "SELECT 2", "SET b 1"))
	for want := range []int{0, 1, 2} {
		argv, _ := s.Next()
		s.Done()
		if db := s.DB(); db != []int{5, 2, 2}[want] {
			t.Errorf("after %q: database %d", argv, db)
		}
	}
}

func TestStreamPassesOverKeepAlives(t *testing.T) {
	set := multi("SET a 1")
	data := append([]byte("\n\n"), set...)
	data = append(append(data, '\n'), set...)
	executed, applied, _ := play(t, data, 3)
	if len(executed) != 2 || !bytes.Equal(applied, append(bytes.Clone(set), set...)) {
		t.Errorf("executed %q, passed on %q", executed, applied)
	}
}

func TestStreamRefusesTheInlineForm(t *testing.T) {
	s := NewStream(0)
	s.Write([]byte("SET a 1\r\n"))
	if _, err := s.Next(); err == nil {
		t.Error("an inline command was taken for a stream")
	}
}

func TestStreamTakesLargeArguments(t *testing.T) {
	value := strings.Repeat("v", 3<<20)
	data := resp.AppendCommand(nil, "SET", "k", value)
	s := NewStream(0)
	for from := 0; from < len(data); from += 64 << 10 {
		s.Write(data[from:min(from+64<<10, len(data))])
		argv, err := s.Next()
		if err != nil {
			t.Fatal(err)
		}
		if argv != nil {
			if string(argv[2]) != value {
				t.Error("the value differs")
			}
			s.Done()
		}
	}
	if !bytes.Equal(s.TakeApplied(), data) {
		t.Error("the applied bytes differ")
	}
	if s.Room(1); cap(s.buf) > keptStream {
		t.Errorf("an idle buffer of %d bytes is kept", cap(s.buf))
	}
}
