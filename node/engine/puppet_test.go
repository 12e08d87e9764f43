// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/espalier-io/espalier/node/difftest"
	"github.com/espalier-io/espalier/node/rdb"
	"github.com/espalier-io/espalier/node/resp"
)

// puppetID is the history that a puppet offers.
var puppetID = strings.Repeat("f", 40)

// puppet is a master that says what the test wants: every PSYNC gets an empty
// data set at offset 100, or what answer says, and then the stream.
type puppet struct {
	listener net.Listener
	asked    chan string // the arguments of each PSYNC
	stream   chan string // commands, a line each
	answer   func(asked string) string
}

func newPuppet(t *testing.T, answer func(asked string) string) *puppet {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	p := &puppet{listener: l, asked: make(chan string, 100), stream: make(chan string, 100), answer: answer}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go p.serve(conn)
		}
	}()
	return p
}

func (p *puppet) port() string {
	return strconv.Itoa(p.listener.Addr().(*net.TCPAddr).Port)
}

// serve answers the words of a handshake, whatever stands around them.
func (p *puppet) serve(conn net.Conn) {
	defer conn.Close()
	over := make(chan struct{})
	defer close(over)
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		answer := ""
		switch lines.Text() {
		case "PING":
			answer = "+PONG\r\n"
		case "listening-port", "eof":
			answer = "+OK\r\n"
		case "PSYNC":
			var words [2]string
			for i := range words {
				lines.Scan()
				lines.Scan()
				words[i] = lines.Text()
			}
			asked := strings.Join(words[:], " ")
			p.asked <- asked
			if _, err := conn.Write([]byte(p.answer(asked))); err != nil {
				return
			}
			go p.send(conn, over)
		}
		if _, err := conn.Write([]byte(answer)); err != nil {
			return
		}
	}
}

// send writes the stream, until the link is over.
func (p *puppet) send(conn net.Conn, over <-chan struct{}) {
	for {
		select {
		case <-over:
			return
		case line := <-p.stream:
			argv, _ := resp.SplitArgs([]byte(line), nil)
			if _, err := conn.Write(resp.AppendCommand(nil, argv...)); err != nil {
				return
			}
		}
	}
}

// fullSync is the answer with an empty data set.
func fullSync(string) string { return syncOf() }

// syncOf is the answer with these keys.
func syncOf(items ...rdb.Item) string {
	var dump bytes.Buffer
	w := rdb.NewWriter(&dump, rdb.WriterOptions{Checksum: true})
	if err := w.Header(rdb.Header{RedisVersion: "7.0.15"}); err != nil {
		panic(err)
	}
	for _, it := range items {
		if err := w.Item(&it); err != nil {
			panic(err)
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return fmt.Sprintf("+FULLRESYNC %s 100\r\n$%d\r\n%s", puppetID, dump.Len(), &dump)
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// infoField is the value of a field of INFO.
func infoField(t *testing.T, c *difftest.Client, section, field string) string {
	t.Helper()
	for line := range strings.SplitSeq(c.Ask(t, "INFO", section).Str, "\r\n") {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			return value
		}
	}
	t.Fatalf("INFO %s has no %s", section, field)
	return ""
}
