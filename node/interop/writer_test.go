// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/espalier-io/espalier/node/resp"
)

// fill gives a server data of all shapes: several databases, times to live,
// binary keys, integers, a large value.
func fill(s *server, keys int) {
	s.t.Helper()
	s.do("DEBUG", "POPULATE", fmt.Sprint(keys), "key", "64")
	for db := range 3 {
		s.do("SELECT", fmt.Sprint(db))
		s.do("SET", "text", strings.Repeat("some text ", 40))
		s.do("SET", "number", "12345")
		s.do("SET", "\x00binary\xff\r\n", "\r\n\x00\x01")
		s.do("SET", "empty", "")
		s.do("SET", "expires", "v", "PX", "3600000")
		s.do("APPEND", "appended", "abc")
		s.do("SETRANGE", "sparse", "1000", "end")
	}
	s.do("SET", "large", strings.Repeat("x", 3<<20))
	s.do("SELECT", "0")
}

// writer changes a server's data from a connection of its own until stopped.
type writer struct {
	stop chan struct{}
	done chan error
	n    int
}

// write begins to write. The commands are of all that strings have, with what
// a master rewrites for its replicas: expiries, floats, transactions.
func (s *server) write() *writer {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.addr())
	if err != nil {
		s.t.Fatal(err)
	}
	w := &writer{stop: make(chan struct{}), done: make(chan error, 1)}
	go func() {
		defer conn.Close()
		w.done <- w.run(conn)
	}()
	return w
}

func (w *writer) run(conn net.Conn) error {
	r := rand.New(rand.NewPCG(7, 7))
	replies := resp.NewReader(conn, 64<<10)
	// A pace that a replica on a busy machine can keep.
	pace := time.NewTicker(2 * time.Millisecond)
	defer pace.Stop()
	for {
		select {
		case <-w.stop:
			return nil
		case <-pace.C:
		}
		var batch []byte
		commands := 0
		for range 20 {
			for _, argv := range someCommands(r) {
				batch = resp.AppendCommand(batch, argv...)
				commands++
			}
		}
		_ = conn.SetDeadline(time.Now().Add(patience)) // a broken connection shows in the write
		if _, err := conn.Write(batch); err != nil {
			return err
		}
		for range commands {
			v, err := replies.Reply()
			if err != nil {
				return err
			}
			if v.Err() != nil {
				return fmt.Errorf("the writer was answered %w", v.Err())
			}
		}
		w.n += commands
	}
}

// someCommands is one command, or one transaction.
func someCommands(r *rand.Rand) [][]string {
	key := fmt.Sprintf("w:%d", r.IntN(500))
	counter := fmt.Sprintf("c:%d", r.IntN(50))
	value := strings.Repeat("v", r.IntN(200)) + fmt.Sprint(r.Uint64())
	switch r.IntN(14) {
	case 0:
		return [][]string{{"SET", key, value, "EX", "1000"}}
	case 1:
		return [][]string{{"DEL", key}}
	case 2:
		return [][]string{{"INCR", counter}}
	case 3:
		return [][]string{{"INCRBYFLOAT", "f:" + key, "1.5"}}
	case 4:
		return [][]string{{"APPEND", "a:" + key, "xy"}}
	case 5:
		return [][]string{{"EXPIRE", key, "5000"}}
	case 6:
		return [][]string{{"SELECT", fmt.Sprint(r.IntN(4))}}
	case 7:
		return [][]string{{"MULTI"}, {"SET", key, value}, {"INCR", counter}, {"EXEC"}}
	case 8:
		return [][]string{{"MSET", key, value, key + "b", value}}
	case 9:
		return [][]string{{"SET", key, value, "PX", "1"}} // gone before anybody reads it
	case 10:
		return [][]string{{"GETEX", key, "EX", "2000"}, {"PERSIST", key}}
	}
	return [][]string{{"SET", key, value}}
}

// end stops writing and checks that nothing was refused.
func (w *writer) end(t *testing.T) {
	t.Helper()
	close(w.stop)
	if err := <-w.done; err != nil {
		t.Errorf("after %d commands: %v", w.n, err)
	}
}

// awaitWrites waits until the writer has done some more.
func (s *server) awaitWrites(bytes int64) {
	s.t.Helper()
	from := s.number("replication", "master_repl_offset")
	s.await(s.name+" to be written to", func() bool {
		return s.number("replication", "master_repl_offset") >= from+bytes
	})
}
