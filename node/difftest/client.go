// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package difftest

import (
	"bytes"
	"net"
	"testing"
	"time"

	"github.com/espalier-io/espalier/node/resp"
)

// reply is a reply with the bytes that it came in.
type reply struct {
	raw   []byte
	value resp.Value
}

// Client is a connection that keeps the bytes of the last reply.
type Client struct {
	Conn    net.Conn
	raw     bytes.Buffer
	replies *resp.Reader
}

// Dial connects to a server's Unix socket; the connection ends with the test.
func Dial(t testing.TB, socket string) *Client {
	t.Helper()
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := &Client{Conn: conn}
	c.replies = resp.NewReader(recorder{c}, 64<<10)
	return c
}

type recorder struct{ c *Client }

func (r recorder) Read(p []byte) (int, error) {
	n, err := r.c.Conn.Read(p)
	r.c.raw.Write(p[:n])
	return n, err
}

// Send sends a command and does not wait for the reply.
func (c *Client) Send(t testing.TB, argv ...string) {
	t.Helper()
	if err := c.Conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Conn.Write(resp.AppendCommand(nil, argv...)); err != nil {
		t.Fatalf("%.200q: %v", argv, err)
	}
}

// Receive reads a reply; an error is that of the connection.
func (c *Client) Receive() (resp.Value, error) {
	if err := c.Conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return resp.Value{}, err
	}
	return c.replies.Reply()
}

// Ask sends a command and returns its reply, an error reply too.
func (c *Client) Ask(t testing.TB, argv ...string) resp.Value {
	t.Helper()
	return c.ask(t, argv...).value
}

// ask reads a reply with the out-of-band messages in front of it.
func (c *Client) ask(t testing.TB, argv ...string) reply {
	t.Helper()
	c.raw.Reset()
	c.Send(t, argv...)
	return c.await(t, argv)
}

// await reads the reply to a command that was sent.
func (c *Client) await(t testing.TB, argv []string) reply {
	t.Helper()
	for {
		v, err := c.Receive()
		if err != nil {
			t.Fatalf("%.200q: %v", argv, err)
		}
		if v.Kind == resp.KindPush {
			continue
		}
		if left := len(c.replies.Buffered()); left != 0 {
			t.Fatalf("%.200q: %d bytes behind the reply %s", argv, left, show(c.raw.Bytes()))
		}
		return reply{bytes.Clone(c.raw.Bytes()), v}
	}
}
