// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
)

// impostor is a master that offers a snapshot whose checksum is wrong.
type impostor struct{ listener net.Listener }

func newImpostor(t *testing.T) *impostor {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	m := &impostor{l}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go m.serve(conn)
		}
	}()
	return m
}

func (m *impostor) addr() string { return m.listener.Addr().String() }

// serve answers the words of a handshake, whatever stands around them.
func (m *impostor) serve(conn net.Conn) {
	defer conn.Close()
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		answer := ""
		switch lines.Text() {
		case "PING":
			answer = "+PONG\r\n"
		case "listening-port", "eof":
			answer = "+OK\r\n"
		case "PSYNC":
			dump := "REDIS0010\xfe\x00\x00\x03key\x05value\xff12345678"
			answer = fmt.Sprintf("+FULLRESYNC %s 1\r\n$%d\r\n%s", strings.Repeat("f", 40), len(dump), dump)
		}
		if _, err := conn.Write([]byte(answer)); err != nil {
			return
		}
	}
}
