// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"github.com/espalier-io/espalier/node/resp"
	"github.com/espalier-io/espalier/node/store"
)

// Context is all that a handler sees of one call. The engine owns it and uses
// it again for the next call: nothing of it may be kept.
type Context struct {
	// Argv is the call, name first. The slices alias the input buffer: copy what
	// is to outlive the handler.
	Argv  [][]byte
	Reply *resp.Writer

	Store *store.Store
	DB    *store.DB // the selected database
	Index int       // its number

	// Now is the wall clock in Unix milliseconds, frozen for one command, one
	// transaction or one script, as Redis freezes it.
	Now int64

	// Replica says that expired keys are hidden from clients and never removed:
	// this node follows a master, and only masters originate deletions; or its
	// stream has to stand still for a while (CLIENT PAUSE).
	Replica bool
	// Local says that this is a replica whose clients may write nevertheless
	// (replica-read-only no): a write does remove the expired key that it is about
	// to change, or it would change what no read shows.
	Local bool
	// FromMaster says that the call arrived in the replication stream: expiry is
	// ignored altogether, and nothing may fail for reasons of policy.
	FromMaster bool

	// Session is the caller as the engine knows it, for the commands that the
	// engine itself exports. Families do not touch it.
	Session any

	host  Host
	dirty int
	own   bool // the handler propagated in its own words
	kept  []byte
	words [][]byte // what Propagate hands over
	woken [][]byte // the key that ended the wait of a call that is run again
}

// Host is what the engine does on a handler's behalf.
type Host interface {
	// KeyModified tells watchers, client-side caches and, unless the event is
	// empty, subscribers.
	KeyModified(db int, class EventClass, event string, key []byte)
	// Propagate appends a command to the stream unit that is being built.
	Propagate(db int, argv [][]byte)
	// Expired says that a key was found expired and removed; it propagates the
	// deletion in the server's words (DEL or UNLINK).
	Expired(db int, key []byte)
	// ExpireWord is DEL or UNLINK: how the deletion of an expired key is said.
	ExpireWord() []byte
	// Dumping is how DUMP and RESTORE treat values.
	Dumping() Dumping
	// PayloadRefused logs why RESTORE did not take a payload, which its reply
	// does not tell.
	PayloadRefused(reason error)
	// ErrorReply counts an error by its code (INFO errorstats).
	ErrorReply(text string)
	// Block makes the session of the running call wait, if it may.
	Block(c *Context, w Wait) bool
	// ReplyTooLong is Context.ReplyTooLong.
	ReplyTooLong(c *Context) bool
	// Hit and Miss count keyspace_hits and keyspace_misses.
	Hit()
	Miss()
}

// Dumping is how DUMP and RESTORE treat values.
type Dumping struct {
	Compress  bool // rdbcompression
	Unchecked bool // take payloads whose checksum is wrong (DEBUG SET-SKIP-CHECKSUM-VALIDATION)
}

// EventClass is a class of keyspace notification (notify-keyspace-events).
type EventClass byte

// The classes of events, by Redis's letters.
const (
	EventGeneric EventClass = 'g'
	EventString  EventClass = '$'
	EventList    EventClass = 'l'
	EventSet     EventClass = 's'
	EventHash    EventClass = 'h'
	EventZSet    EventClass = 'z'
	EventExpired EventClass = 'x'
	EventEvicted EventClass = 'e'
	EventStream  EventClass = 't'
	EventNew     EventClass = 'n'
)

// Begin readies the context for a call. Engine only.
func (c *Context) Begin(host Host, argv [][]byte) {
	c.host, c.Argv, c.dirty, c.own = host, argv, 0, false
	c.woken = c.woken[:0]
	if cap(c.kept) > keptMax {
		c.kept = nil
	}
	c.kept = c.kept[:0]
}

// keptMax is how much memory for Keep a call leaves to the next one, in bytes.
const keptMax = 64 << 10

// Keep copies bytes to memory of the call. What is taken out of one value and put
// into another has to be kept: writes must not be given what lies in the store.
func (c *Context) Keep(b []byte) []byte {
	n := len(c.kept)
	c.kept = append(c.kept, b...)
	return c.kept[n:len(c.kept):len(c.kept)]
}

// Dirty is the number of changes that the handler reported. Engine only.
func (c *Context) Dirty() int { return c.dirty }

// Verbatim tells whether the call is to be propagated as it was given. Engine
// only.
func (c *Context) Verbatim() bool { return c.dirty > 0 && !c.own }

// Error answers with an error text, code first (see errors.go).
func (c *Context) Error(text string) {
	c.host.ErrorReply(text)
	c.Reply.Error(text)
}

// ReplyTooLong tells whether the client is owed more than it may be
// (client-output-buffer-limit): it is closed behind this call whatever the reply,
// so that a handler which writes as much as the client says may stop.
func (c *Context) ReplyTooLong() bool { return c.host.ReplyTooLong(c) }

// Modified reports one change of a key in the selected database: it counts for
// the save points, breaks the WATCH of others, is notified under class and
// event, and lets the call be propagated.
func (c *Context) Modified(class EventClass, event string, key []byte) {
	c.dirty++
	c.host.KeyModified(c.Index, class, event, key)
}

// ModifiedSilently is Modified for a change that subscribers do not hear of: what a
// command that reads leaves in the value (PFCOUNT).
func (c *Context) ModifiedSilently(key []byte) {
	c.dirty++
	c.host.KeyModified(c.Index, 0, "", key)
}

// Notify reports a further event of a key that Modified reported already.
func (c *Context) Notify(class EventClass, event string, key []byte) {
	c.host.KeyModified(c.Index, class, event, key)
}

// NotifyIn is Notify for a key of another database.
func (c *Context) NotifyIn(db int, class EventClass, event string, key []byte) {
	c.host.KeyModified(db, class, event, key)
}

// ModifiedIn is Modified for a key of another database.
func (c *Context) ModifiedIn(db int, class EventClass, event string, key []byte) {
	c.dirty++
	c.host.KeyModified(db, class, event, key)
}

// Changed adds n changes that have no key of their own to report (FLUSHALL,
// SWAPDB).
func (c *Context) Changed(n int) { c.dirty += n }

// Propagate puts argv on the stream in place of the call as it was given; it
// can be called several times. A deterministic rewrite of what depends on the
// clock, on chance or on the data set goes here (EXPIRE → PEXPIREAT).
func (c *Context) Propagate(argv ...[]byte) {
	c.own = true
	c.words = append(c.words[:0], argv...) // the host's memory, so that the caller's can be the stack
	c.host.Propagate(c.Index, c.words)
}

// DoNotPropagate keeps a call off the stream although it reported changes.
func (c *Context) DoNotPropagate() { c.own = true }

// MayExpire tells whether a deadline that has passed already deletes the key
// at once: a master's right, not that of who follows one.
func (c *Context) MayExpire() bool { return !c.Replica && !c.FromMaster }

// ExpireWord is DEL or UNLINK, as lazyfree-lazy-expire has it.
func (c *Context) ExpireWord() []byte { return c.host.ExpireWord() }

// Dumping is how DUMP and RESTORE treat values.
func (c *Context) Dumping() Dumping { return c.host.Dumping() }

// PayloadRefused logs why RESTORE did not take a payload.
func (c *Context) PayloadRefused(reason error) { c.host.PayloadRefused(reason) }

// Read finds a key for a command that only reads. An expired key is absent; on
// a master it is removed, and its deletion propagated, on the way. It counts
// for keyspace_hits and keyspace_misses.
func (c *Context) Read(key []byte) (store.Value, bool) {
	v, ok := c.DB.Get(key)
	if ok {
		ok = c.alive(key, v, !c.Replica)
	}
	if ok {
		c.host.Hit()
	} else {
		c.host.Miss()
	}
	return v, ok
}

// Peek is Read without touching the key's access time or the hit counters
// (OBJECT, TTL, TOUCH's siblings).
func (c *Context) Peek(key []byte) (store.Value, bool) {
	v, ok := c.DB.Peek(key)
	return v, ok && c.alive(key, v, !c.Replica)
}

// Write finds a key for a command that is about to change it.
func (c *Context) Write(key []byte) (store.Value, bool) {
	v, ok := c.DB.Get(key)
	return v, ok && c.alive(key, v, !c.Replica || c.Local)
}

// Exists tells whether a key is there and not expired.
func (c *Context) Exists(key []byte) bool {
	_, ok := c.Peek(key)
	return ok
}

// alive tells whether a key that was found has not expired, and removes one that
// has where it may be removed.
func (c *Context) alive(key []byte, v store.Value, removable bool) bool {
	at := v.ExpireAt()
	if at < 0 || at >= c.Now || c.FromMaster {
		return true
	}
	if removable {
		c.DB.Delete(key)
		c.host.KeyModified(c.Index, EventExpired, "expired", key)
		c.host.Expired(c.Index, key)
	}
	return false
}
