// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Package redisclient is the small client that the project's own tests,
// measurements and demonstration talk to servers with: one connection, one
// command after the other, everything bounded in time.
package redisclient

import (
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/espalier-io/espalier/node/resp"
)

// Timeout bounds the connecting and each call.
const Timeout = 5 * time.Second

// Conn is a connection to a server. It is not for concurrent use.
type Conn struct {
	conn    net.Conn
	replies *resp.Reader
	out     []byte
	timeout time.Duration
}

// Dial connects and, with a password, authenticates.
func Dial(addr, password string) (*Conn, error) { return DialTimeout(addr, password, Timeout) }

// DialTimeout is Dial with another bound for the connecting and each call.
func DialTimeout(addr, password string, timeout time.Duration) (*Conn, error) {
	conn, err := net.DialTimeout("tcp", addr, timeout)
	if err != nil {
		return nil, err
	}
	c := &Conn{conn: conn, replies: resp.NewReader(conn, 16<<10), timeout: timeout}
	if password == "" {
		return c, nil
	}
	if err := c.OK("AUTH", password); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Close ends the connection.
func (c *Conn) Close() { c.conn.Close() }

// Do sends a command and reads its reply. An error reply is an error.
func (c *Conn) Do(argv ...string) (resp.Value, error) {
	replies, err := c.Pipeline(argv)
	if err != nil {
		return resp.Value{}, err
	}
	return replies[0], replies[0].Err()
}

// Pipeline sends commands together and reads all replies. Error replies are
// among them; an error is one of the connection.
func (c *Conn) Pipeline(commands ...[]string) ([]resp.Value, error) {
	c.out = c.out[:0]
	for _, argv := range commands {
		c.out = resp.AppendCommand(c.out, argv...)
	}
	if err := c.conn.SetDeadline(time.Now().Add(c.timeout)); err != nil {
		return nil, err
	}
	if _, err := c.conn.Write(c.out); err != nil {
		return nil, err
	}
	values := make([]resp.Value, len(commands))
	for i := range values {
		v, err := c.replies.Reply()
		if err != nil {
			return nil, err
		}
		values[i] = v
	}
	return values, nil
}

// OK sends a command and gives the error, if the reply is one.
func (c *Conn) OK(argv ...string) error {
	_, err := c.Do(argv...)
	return err
}

// Int sends a command whose reply is a number.
func (c *Conn) Int(argv ...string) (int64, error) {
	v, err := c.Do(argv...)
	if err != nil {
		return 0, err
	}
	if v.Kind != resp.KindInt {
		return 0, fmt.Errorf("%s: no number: %q", argv[0], v.Text())
	}
	return v.Int, nil
}

// Text sends a command whose reply is text; a null is "".
func (c *Conn) Text(argv ...string) (string, error) {
	v, err := c.Do(argv...)
	if err != nil {
		return "", err
	}
	return v.Str, nil
}

// Info reads a section of INFO, field by field.
func (c *Conn) Info(section string) (map[string]string, error) {
	text, err := c.Text("INFO", section)
	if err != nil {
		return nil, err
	}
	fields := map[string]string{}
	for line := range strings.SplitSeq(text, "\r\n") {
		if name, value, ok := strings.Cut(line, ":"); ok {
			fields[name] = value
		}
	}
	return fields, nil
}
