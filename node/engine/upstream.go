// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/espalier-io/espalier/node/repl"
)

// masterLink is one connection to the master, with a goroutine that reads and
// one that writes. What is read is given to the machine, and once the stream
// flows, executed; both under the lock. Writing snapshots to the disk and
// loading them happens outside of it.
//
// A link ends for good: after a break the machine dials another one. The news
// of a link that is not the present one any more are dropped.
type masterLink struct {
	e      *Engine
	id     repl.LinkID
	ctx    context.Context // over when the link is
	cancel context.CancelFunc
	closed atomic.Bool

	mu    sync.Mutex
	conn  net.Conn
	queue [][]byte // to be written
	wake  chan struct{}

	// Of the reading goroutine.
	stream  *repl.Stream // once it flows
	db      int          // that it has selected behind what was passed on
	changes bool         // what was executed since is more than signs of life
	session *Session     // executes it
	todo    []repl.Effect
	intake  *intake // of a snapshot
}

// readSize is how much is read from a master at once.
const readSize = 64 << 10

// performUpstream performs an effect on the link to the master.
func (r *replication) performUpstream(effect repl.Effect) {
	switch e := effect.(type) {
	case repl.Dial:
		r.dial(e)
	case repl.Hangup:
		if l := r.linkOf(e.Link); l != nil {
			l.close()
			r.link = nil
		}
	case repl.Send:
		if l := r.linkOf(e.Link); l != nil {
			l.send(e.Data)
		}
	case repl.Receive:
		r.leave(e.Link, e)
	case repl.Payload:
		r.leave(e.Link, e)
	case repl.Load:
		r.leave(e.Link, e)
	case repl.Install:
		if l := r.linkOf(e.Link); l != nil {
			l.install()
			r.e.managed.installed()
			r.e.aof.restart()
		}
	case repl.Follow:
		if l := r.linkOf(e.Link); l != nil {
			l.follow(e)
		}
	}
}

func (r *replication) linkOf(id repl.LinkID) *masterLink {
	if r.link != nil && r.link.id == id {
		return r.link
	}
	return nil
}

// leave leaves an effect to the link's goroutine, for when it has given the
// lock back. Such effects come of what that goroutine has received, only.
func (r *replication) leave(id repl.LinkID, effect repl.Effect) {
	if l := r.linkOf(id); l != nil {
		l.todo = append(l.todo, effect)
	}
}

func (r *replication) dial(d repl.Dial) {
	if r.stopped {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	l := &masterLink{e: r.e, id: d.Link, ctx: ctx, cancel: cancel, wake: make(chan struct{}, 1)}
	r.link = l
	dialer := &net.Dialer{Timeout: r.configured.ReplTimeout}
	if source := r.configured.BindSourceAddr; source != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(source)}
	}
	r.e.done.Go(func() {
		defer cancel()
		conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(d.Host, strconv.Itoa(d.Port)))
		l.run(conn, err)
	})
}

// close ends the link. Its goroutines notice.
func (l *masterLink) close() {
	l.closed.Store(true)
	l.cancel()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn != nil {
		l.conn.Close() // whatever it says, the link is over
	}
}

func (l *masterLink) run(conn net.Conn, err error) {
	if err != nil {
		l.step(repl.Dialed{Link: l.id, Err: reason(err)})
		return
	}
	l.mu.Lock()
	l.conn = conn
	over := l.closed.Load()
	l.mu.Unlock()
	defer conn.Close()
	if over {
		return
	}
	l.e.done.Go(l.write)
	defer l.cleanUp()
	l.step(repl.Dialed{Link: l.id})
	l.read()
}

// step tells the machine news of this link. Called without the lock.
func (l *masterLink) step(event repl.Event) {
	l.e.lockIdle()
	defer l.e.Unlock()
	l.e.BatchBegin()
	defer l.e.BatchEnd()
	if l.e.replication.link == l {
		l.e.replication.step(event)
	}
}

// read takes what the master sends, until the link ends. Whoever closes it, also
// while something is executed: the next read fails, and the machine learns of it.
func (l *masterLink) read() {
	buf := make([]byte, readSize)
	for {
		room := buf
		if l.stream != nil {
			room = l.stream.Room(max(readSize, min(l.stream.Need(), 16*readSize)))
		}
		n, err := l.conn.Read(room)
		if n > 0 {
			l.received(room[:n])
			l.work()
			l.e.Settle() // there may be no client whose replies wait for it
		}
		if err != nil {
			l.step(repl.LinkLost{Link: l.id, Err: reason(err)})
			return
		}
	}
}

// received hands bytes over, or executes what they hold.
func (l *masterLink) received(p []byte) {
	e := l.e
	e.lockIdle()
	defer e.Unlock()
	e.BatchBegin()
	defer e.BatchEnd()
	e.stats.replInput += int64(len(p))
	switch {
	case e.replication.link != l:
	case l.stream == nil:
		e.replication.step(repl.Received{Link: l.id, Data: p})
	default:
		l.stream.Grow(len(p))
		l.apply()
	}
}

// follow begins to execute the stream.
func (l *masterLink) follow(f repl.Follow) {
	e := l.e
	l.stream, l.db = repl.NewStream(f.DB), f.DB
	s := e.newSession(nil)
	s.fromMaster, s.authenticated = true, true
	s.onKill, s.link = l.close, l.conn
	e.sessions[s.id] = s
	l.session = s
	if f.DB < 0 || f.DB >= e.store.NumDBs() {
		e.replication.later = append(e.replication.later, repl.Unappliable{Link: l.id, Untouched: true,
			Reason: fmt.Sprintf("The master's stream has selected database %d, and the directive databases allows %d", f.DB, e.store.NumDBs())})
		return
	}
	s.selectDB(f.DB)
	e.managed.noteLink()
	if len(f.Data) > 0 {
		l.stream.Write(f.Data)
		l.apply()
	}
}

// apply executes the whole commands that are there, and passes them on.
func (l *masterLink) apply() {
	r := &l.e.replication
	l.e.aof.muted = true
	defer func() { l.e.aof.muted = false }()
	for r.link == l {
		argv, err := l.stream.Next()
		if err != nil {
			l.passOn()
			l.e.log.Warningf("Protocol error from the master: %v. Closing the master connection and discarding the cached master.", err)
			r.step(repl.LinkLost{Link: l.id, Err: err.Error(), Corrupt: true})
			return
		}
		if argv == nil {
			break
		}
		if text := l.execute(argv); text != "" {
			if fold(argv[0], "EXEC") {
				l.e.managed.wrote()
			}
			l.passOn()
			r.step(repl.Unappliable{Link: l.id, Reason: text})
			return
		}
		l.stream.Done()
	}
	if r.link == l {
		l.passOn()
	}
}

// passOn counts what was executed and gives it to the replicas, as it came.
func (l *masterLink) passOn() {
	r := &l.e.replication
	applied := l.stream.TakeApplied()
	if l.changes && len(applied) > 0 {
		l.e.aof.appendStream(applied, l.db, l.stream.DB())
		l.changes = false
	}
	l.db = l.stream.DB()
	r.m.Applied(applied, l.db)
	r.m.Heard(r.clock(), r.m.Offset()+int64(l.stream.Unapplied()))
}

// execute runs one command of the master. text says why it could not: the data
// sets would differ from there on.
func (l *masterLink) execute(argv [][]byte) (text string) {
	e, s := l.e, l.session
	if fold(argv[0], "REPLCONF") {
		// The answer to GETACK is the offset before it.
		if len(argv) == 3 && fold(argv[1], "GETACK") {
			l.passOn()
			e.replication.step(repl.GetAck{})
		}
		return ""
	}
	l.changes = l.changes || !fold(argv[0], "PING")
	failures := e.stats.errorReplies
	s.Execute(argv)
	reply := s.reply.Buffer()
	if e.stats.errorReplies != failures {
		why := firstError(reply)
		e.log.Warningf("== CRITICAL == This replica is sending an error to its master: '%s' after processing the command '%.128s'", why, argv[0])
		text = fmt.Sprintf("Can't apply the master's command %s: %s", quoteCommand(argv), why)
	}
	s.reply.Reset()
	return text
}

// firstError finds the error in the reply to a command or a transaction.
func firstError(reply []byte) string {
	for line := range strings.SplitSeq(string(reply), "\r\n") {
		if strings.HasPrefix(line, "-") {
			return line[1:]
		}
	}
	return "it failed"
}

// quoteCommand shows a command with its first argument, mostly the key.
func quoteCommand(argv [][]byte) string {
	const shown = 128
	text := fmt.Sprintf("'%.*s'", shown, argv[0])
	if len(argv) > 1 {
		text += fmt.Sprintf(" with '%.*s'", shown, argv[1])
	}
	return text
}

// send queues bytes for the master. It never blocks.
func (l *masterLink) send(data []byte) {
	l.mu.Lock()
	l.queue = append(l.queue, data)
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// write sends what is queued, until the link ends.
func (l *masterLink) write() {
	for {
		select {
		case <-l.wake:
		case <-l.ctx.Done():
			return
		}
		l.mu.Lock()
		queue := net.Buffers(l.queue)
		l.queue = nil
		l.mu.Unlock()
		if _, err := queue.WriteTo(l.conn); err != nil {
			l.close() // the reader tells the machine
			return
		}
	}
}

// cleanUp forgets what belonged to the link.
func (l *masterLink) cleanUp() {
	if l.intake != nil {
		l.intake.discard()
	}
	if l.session != nil {
		l.e.Lock()
		l.session.Disconnected()
		l.e.Unlock()
	}
}

// reason is an error of the network in the words of the system, as Redis
// shows it.
func reason(err error) string {
	var errno syscall.Errno
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection lost"
	case errors.As(err, &errno):
		text := errno.Error()
		return strings.ToUpper(text[:1]) + text[1:]
	}
	return err.Error()
}
