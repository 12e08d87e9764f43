// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/espalier-io/espalier/node/resp"
	"golang.org/x/sys/unix"
)

// connections are those of the client that measures latencies.
const connections = 16

// openLoop is a client that sends requests at moments fixed beforehand, however
// long the replies take, and counts each latency from the moment at which its
// request was due: a server that stands still for 100 ms makes all that was due
// in this time late, and not only the requests that had been sent. Half of the
// requests are GETs, half SETs, of keys that are there.
type openLoop struct {
	p     *peer
	rate  float64 // requests per second, of all connections
	begin time.Time
	conns []net.Conn

	stopping atomic.Bool
	sent     chan error
	readers  sync.WaitGroup
	replies  [][]reply // by connection
	errs     []error
}

// reply is when a request was due, since the begin, and how late its reply came.
type reply struct{ due, latency time.Duration }

// request appends a GET or a SET of one of the keys 0 to n-1.
func request(dst []byte, n int) []byte {
	i := rand.IntN(n)
	if rand.IntN(2) == 0 {
		return resp.AppendCommand(dst, []byte("GET"), key(nil, i))
	}
	return resp.AppendCommand(dst, []byte("SET"), key(nil, i), record(nil, i))
}

// readReply reads the reply to a request. A missing key is an error, too.
func readReply(r *bufio.Reader) error {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return err
	}
	switch line = bytes.TrimRight(line, "\r\n"); line[0] {
	case '+':
		return nil
	case '$':
		size, err := strconv.Atoi(string(line[1:]))
		if err != nil || size < 0 {
			return fmt.Errorf("the reply to a GET is %q", line)
		}
		_, err = r.Discard(size + len("\r\n"))
		return err
	}
	return fmt.Errorf("the reply is %q", line)
}

func dialAll(p *peer) ([]net.Conn, error) {
	var conns []net.Conn
	for range connections {
		conn, err := net.Dial("tcp", p.addr())
		if err != nil {
			closeAll(conns)
			return nil, err
		}
		conns = append(conns, conn)
	}
	return conns, nil
}

func closeAll(conns []net.Conn) {
	for _, conn := range conns {
		conn.Close()
	}
}

// reached is how many of the requests of the open loop a server answers in a
// second to as many connections, each of which waits for the reply before it
// sends the next.
func reached(p *peer, keys int, length time.Duration) (float64, error) {
	conns, err := dialAll(p)
	if err != nil {
		return 0, err
	}
	defer closeAll(conns)
	var (
		done  atomic.Int64
		group sync.WaitGroup
		errs  = make([]error, len(conns))
		begin = time.Now()
	)
	for i, conn := range conns {
		group.Go(func() {
			conn.SetDeadline(begin.Add(length + patience))
			var out []byte
			for in := bufio.NewReader(conn); errs[i] == nil && time.Since(begin) < length; done.Add(1) {
				out = request(out[:0], keys)
				if _, errs[i] = conn.Write(out); errs[i] == nil {
					errs[i] = readReply(in)
				}
			}
		})
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return 0, fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return float64(done.Load()) / time.Since(begin).Seconds(), nil
}

// startOpenLoop begins to send. The caller stops it.
func startOpenLoop(p *peer, keys int, rate float64) (*openLoop, error) {
	conns, err := dialAll(p)
	if err != nil {
		return nil, err
	}
	l := &openLoop{p: p, rate: rate, conns: conns, begin: time.Now(), sent: make(chan error, 1),
		replies: make([][]reply, len(conns)), errs: make([]error, len(conns))}
	for i := range conns {
		l.readers.Go(func() { l.errs[i] = l.read(i) })
	}
	go func() { l.sent <- l.send(keys) }()
	return l, nil
}

// due is when a request is to be sent, since the begin.
func (l *openLoop) due(n int) time.Duration {
	return time.Duration(float64(n) / l.rate * float64(time.Second))
}

// send sends each request when it is due, on one connection after the other, and
// a PING on each at the end. It has a thread to itself: Go's timers are rounded
// to a millisecond where nothing else is to be done.
func (l *openLoop) send(keys int) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var out []byte
	for n := 0; !l.stopping.Load(); n++ {
		out = request(out[:0], keys)
		pause(l.due(n) - time.Since(l.begin))
		if _, err := l.conns[n%len(l.conns)].Write(out); err != nil {
			return err
		}
	}
	for _, conn := range l.conns {
		if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
			return err
		}
		if _, err := conn.Write([]byte("PING\r\n")); err != nil {
			return err
		}
	}
	return nil
}

// pause lets the thread sleep as exactly as the kernel can.
func pause(d time.Duration) {
	if d > 0 {
		t := unix.NsecToTimespec(d.Nanoseconds())
		_ = unix.Nanosleep(&t, nil) // cut short by a signal: the request goes a little early
	}
}

// read notes the latency of each reply until the answer to the PING.
func (l *openLoop) read(i int) error {
	in := bufio.NewReader(l.conns[i])
	for n := i; ; n += len(l.conns) {
		if next, err := in.Peek(2); err == nil && string(next) == "+P" {
			return nil
		}
		if err := readReply(in); err != nil {
			return err
		}
		due := l.due(n)
		l.replies[i] = append(l.replies[i], reply{due, time.Since(l.begin) - due})
	}
}

// now is the moment, as the replies count it.
func (l *openLoop) now() time.Duration { return time.Since(l.begin) }

// stop waits for the last reply and gives all of them.
func (l *openLoop) stop() ([]reply, error) {
	l.stopping.Store(true)
	err := <-l.sent
	if err != nil {
		closeAll(l.conns) // nobody waits for replies that don't come
	}
	l.readers.Wait()
	closeAll(l.conns)
	for _, failed := range l.errs {
		if failed != nil {
			return nil, fmt.Errorf("%s: %w", l.p.name, failed)
		}
	}
	return slices.Concat(l.replies...), err
}

// span is a time in which something went on, since the begin of an open loop.
type span struct{ from, to time.Duration }

// during gives the latencies of what was due in one of the spans, in milliseconds.
func during(replies []reply, spans []span) []float64 {
	var ms []float64
	for _, r := range replies {
		if slices.ContainsFunc(spans, func(s span) bool { return s.from <= r.due && r.due < s.to }) {
			ms = append(ms, r.latency.Seconds()*1000)
		}
	}
	return ms
}

// quantile is the smallest value that the share q of all values does not exceed;
// 0 if there are none.
func quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}
