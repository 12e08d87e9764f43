// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"bytes"

	"github.com/espalier-io/espalier/node/repl"
	"github.com/espalier-io/espalier/node/resp"
)

// masterLink is the replica's end of a connection to the master, and of the
// attempt to make one.
type masterLink struct {
	p    *Process
	id   repl.LinkID
	wire *wire
	over bool

	stream   *repl.Stream // once it flows
	queued   []change     // of an open transaction
	multi    bool
	incoming []byte // snapshot that is being received
	toParser bool
	loaded   *dump // whole and verified, beside the data set
}

// change is a command with the database that it is for.
type change struct {
	db   int
	argv [][]byte
}

func (p *Process) linkOf(id repl.LinkID) *masterLink {
	if p.link != nil && p.link.id == id {
		return p.link
	}
	return nil
}

// performUpstream performs an effect on the link to the master.
func (p *Process) performUpstream(effect repl.Effect) {
	if e, ok := effect.(repl.Dial); ok {
		p.dial(e)
		return
	}
	id, l := linkOfEffect(effect), (*masterLink)(nil)
	if l = p.linkOf(id); l == nil {
		return
	}
	switch e := effect.(type) {
	case repl.Hangup:
		l.over = true
		if l.wire != nil {
			l.wire.shutUp()
		}
		p.link = nil
	case repl.Send:
		p.audit.sends(p, e.Data)
		if l.wire != nil {
			l.wire.up.push(&raw{rest: bytes.Clone(e.Data)})
		}
	case repl.Receive:
		l.incoming, l.toParser = []byte{}, e.ToParser
	case repl.Payload:
		l.payload(e.Data)
	case repl.Load:
		p.w.After(p.w.Rand.Int64N(1500), func() { l.load(e.At) })
	case repl.Discard:
		l.incoming, l.loaded = nil, nil
	case repl.Install:
		p.install(l)
	case repl.Follow:
		l.stream, l.queued, l.multi = repl.NewStream(e.DB), nil, false
		if len(e.Data) > 0 {
			l.stream.Write(e.Data)
			l.apply()
		}
	}
}

// linkOfEffect is the link that an effect is about, 0 for none.
func linkOfEffect(effect repl.Effect) repl.LinkID {
	switch e := effect.(type) {
	case repl.Hangup:
		return e.Link
	case repl.Send:
		return e.Link
	case repl.Receive:
		return e.Link
	case repl.Payload:
		return e.Link
	case repl.Load:
		return e.Link
	case repl.Discard:
		return e.Link
	case repl.Install:
		return e.Link
	case repl.Follow:
		return e.Link
	}
	return 0
}

// dial connects to where the name leads by then. To a place that is cut off
// nothing ever comes back.
func (p *Process) dial(e repl.Dial) {
	w := p.w
	w.Stats.Dials++
	p.audit.dials(p)
	l := &masterLink{p: p, id: e.Link}
	p.link = l
	w.After(1+w.Rand.Int64N(30), func() {
		target := w.Node(e.Host)
		switch {
		case p.dead || p.n.Isolated || target != nil && target.Isolated:
			return
		case target == nil || target.process == nil:
			p.step(repl.Dialed{Link: l.id, Err: "Connection refused"})
			return
		}
		if !l.over {
			target.process.accept(l)
		} else {
			w.Stats.LateEvents++
		}
		p.step(repl.Dialed{Link: l.id})
	})
}

// receive takes what the master sent.
func (l *masterLink) receive(piece []byte) {
	p := l.p
	switch {
	case p.dead || l.over:
	case l.stream == nil:
		p.step(repl.Received{Link: l.id, Data: piece})
	case p.w.fault(2000):
		l.passOn()
		p.audit.broke()
		p.step(repl.LinkLost{Link: l.id, Err: "Protocol error", Corrupt: true})
	default:
		l.stream.Write(piece)
		l.apply()
		p.check()
	}
}

// late lets the machine hear of what an earlier link brought. It must not mind.
func (l *masterLink) late(piece []byte) {
	if l.p.dead || l.p.w.chance(2) {
		return
	}
	l.p.w.Stats.LateEvents++
	l.p.ignore(repl.Received{Link: l.id, Data: piece})
}

// lost tells the machine that the connection broke, also when it has closed it
// itself by then.
func (l *masterLink) lost(reason string) {
	l.wire.shutUp()
	switch {
	case !l.over:
		l.p.step(repl.LinkLost{Link: l.id, Err: reason})
	case !l.p.dead:
		l.p.w.Stats.LateEvents++
		l.p.ignore(repl.LinkLost{Link: l.id, Err: reason})
	}
}

// payload stores a piece of the snapshot. A parser may find it broken before
// its end.
func (l *masterLink) payload(piece []byte) {
	l.incoming = append(l.incoming, piece...)
	if l.toParser && l.p.w.fault(200) {
		l.p.later = append(l.p.later, repl.SnapshotLoaded{Link: l.id, Err: "Wrong signature"})
	}
}

// load verifies the snapshot and puts it beside the data set.
func (l *masterLink) load(at repl.Position) {
	p := l.p
	if p.dead {
		return
	}
	if l.over {
		p.w.Stats.LateEvents++
		p.ignore(repl.SnapshotLoaded{Link: l.id})
		return
	}
	d, err := decodeDump(l.incoming)
	switch {
	case err != nil:
		p.w.Fail("%s received a snapshot that is not what was sent: %v", p.n.Name, err)
		return
	case p.w.fault(20):
		p.step(repl.SnapshotLoaded{Link: l.id, Err: "Wrong RDB checksum"})
		return
	case at.Replid != "" && at != d.at:
		p.w.Fail("%s was offered %v and received the data set of %v", p.n.Name, at, d.at)
		return
	}
	l.loaded = &d
	p.step(repl.SnapshotLoaded{Link: l.id, DB: d.db})
}

// install puts the loaded data set in the place of the served one.
func (p *Process) install(l *masterLink) {
	p.w.Stats.Installs++
	p.audit.installs(p, l.loaded)
	if l.loaded == nil {
		return
	}
	p.data, p.tainted = l.loaded.data, false
	l.loaded, l.incoming = nil, nil
}

// apply executes the whole commands that are there, and passes them on.
func (l *masterLink) apply() {
	p := l.p
	for p.link == l && p.w.err == nil {
		argv, err := l.stream.Next()
		if err != nil {
			p.w.Fail("%s reads what is no stream: %v", p.n.Name, err)
			return
		}
		if argv == nil {
			break
		}
		if string(argv[0]) == "REPLCONF" {
			l.passOn()
			p.take(repl.GetAck{})
		} else if !l.execute(argv) {
			return
		}
		l.stream.Done()
		if l.wire.session.p.n.Old {
			// The history of such a stream begins here, and so does its record.
			l.passOn()
			p.check()
		}
	}
	if p.link == l {
		l.passOn()
	}
}

// execute runs one command; a transaction's wait for their EXEC. Where one
// can't be applied, half a transaction may have been.
func (l *masterLink) execute(argv [][]byte) bool {
	p := l.p
	var words [][]byte
	for _, word := range argv {
		words = append(words, bytes.Clone(word))
	}
	run := []change{{l.stream.DB(), words}}
	switch string(argv[0]) {
	case "SELECT", "PING":
		return true
	case "MULTI":
		l.multi = true
		return true
	case "EXEC":
		run, l.queued, l.multi = l.queued, nil, false
	default:
		if l.multi {
			l.queued = append(l.queued, run...)
			return true
		}
	}
	if p.w.fault(2000) || len(run) > 1 && p.w.fault(300) {
		if half := len(run) / 2; half > 0 {
			p.data.applyAll(run[:half])
			p.tainted = true
		}
		l.passOn()
		p.audit.broke()
		p.take(repl.Unappliable{Link: l.id, Reason: "Can't apply the master's command"})
		return false
	}
	p.data.applyAll(run)
	return true
}

func (d *dataset) applyAll(changes []change) {
	for _, c := range changes {
		d.apply(c.db, c.argv)
	}
}

// passOn counts what was executed and gives it to the replicas, as it came.
func (l *masterLink) passOn() {
	p := l.p
	applied := l.stream.TakeApplied()
	p.audit.applies(p, len(applied))
	p.m.Applied(applied, l.stream.DB())
	p.m.Heard(p.w.now, p.m.Offset()+int64(l.stream.Unapplied()))
	p.perform(p.m.Take())
	p.wake()
}

// unit is what goes on the stream for commands that were executed together.
func unit(commands [][][]byte) []byte {
	var b []byte
	if len(commands) > 1 {
		b = resp.AppendCommand(b, "MULTI")
	}
	for _, argv := range commands {
		b = resp.AppendCommand(b, argv...)
	}
	if len(commands) > 1 {
		b = resp.AppendCommand(b, "EXEC")
	}
	return b
}
