// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package topology

// Ledger is the group's memory: whatever must outlive observation and nothing
// else (safety.md, "ledger"). Decide never changes the one it is given; it hands
// back whole new values in UpdateLedger.
type Ledger struct {
	// ResourceVersion is that of the object as observed; it is the precondition
	// of the next update and is no part of the value.
	ResourceVersion string

	GroupID  string
	Epoch    uint64 // raised by one for every attempt to give the master role; 1 at first
	Phase    LedgerPhase
	EverOpen bool // some epoch was Open; never unset: provably no data before

	// AllMustReport is set when a node was seen to be ahead of the ledger (which
	// then is a restored one) or when the ledger was rebuilt: until the next
	// Open every member must report by itself.
	AllMustReport bool

	// Grant is the newest mastership that was decided: of Epoch in Offered and
	// Open, of an earlier one in Fencing, nil before the first.
	Grant *Grant

	// History has one entry per Offered epoch, oldest first, at most
	// HistoryLimit of them.
	History []Mastership
	Members []MemberRecord // the roster: every member, by natural order of names

	// Decision is the last decision and its reason, in one sentence for people.
	Decision string
}

// HistoryLimit is how many masterships a ledger remembers. A data set of an
// older one counts as foreign: nobody's to drop, nobody's to follow.
const HistoryLimit = 256

// LedgerPhase is how far the current epoch has come.
type LedgerPhase string

// The phases of an epoch, in their order.
const (
	PhaseFencing LedgerPhase = "Fencing" // nobody renews an earlier epoch any more; promises are gathered
	PhaseOffered LedgerPhase = "Offered" // Grant names the next master, which takes no writes yet
	PhaseOpen    LedgerPhase = "Open"    // the master may be renewed
)

// Grant is the master role of one epoch, given to one process. It must stand
// at the fork of that epoch's Mastership.
type Grant struct {
	Epoch  uint64
	Node   string // logical name
	PodUID string
	RunID  string
	Replid string
}

// Mastership is one replication history: which it grew from, and where. The
// stream's offsets go on across the fork.
type Mastership struct {
	Epoch      uint64
	Replid     string
	Parent     string // replid it forked from, "" for an empty start
	ForkOffset int64  // the last offset it shares with Parent
	// Opened is set with the Open phase. A history that was only offered never
	// took a write: it holds nothing beyond its fork.
	Opened bool
}

// MemberRecord is what must be remembered of a member.
type MemberRecord struct {
	Name     string
	ClaimUID string // of its claim when it was last given a role, "" without one
	DirID    string // identity of its data directory, likewise

	// Place is its place in the declared shape, and Parent the member whose
	// place is above it ("" for the root). Both are empty for a member that is
	// no longer declared: it is drained and removed. The upstream in the interim,
	// while Parent is down, is not remembered.
	Place  string
	Parent string

	// PodUID and RunID are the last process that was given a role, written
	// before the grant is sent. Dead: proven dead, written before its pod goes.
	PodUID string
	RunID  string
	Dead   bool

	// Upstreams are the run ids that it was told to feed from since the last
	// Open, written before each grant: they bound what an unreachable member can
	// hold. The master's own is its own. UpstreamsUnbounded stands for more than are worth remembering.
	Upstreams []string
}

// UpstreamsUnbounded in MemberRecord.Upstreams says that there were too many
// to remember; such a member's position has no known bound.
const UpstreamsUnbounded = "*"

// Clone returns a deep copy.
func (l *Ledger) Clone() *Ledger {
	c := *l
	if l.Grant != nil {
		g := *l.Grant
		c.Grant = &g
	}
	c.History = append([]Mastership(nil), l.History...)
	c.Members = append([]MemberRecord(nil), l.Members...)
	for i := range c.Members {
		c.Members[i].Upstreams = append([]string(nil), c.Members[i].Upstreams...)
	}
	return &c
}

// Record returns the record of a member for reading or changing in place, or
// nil.
func (l *Ledger) Record(name string) *MemberRecord {
	for i := range l.Members {
		if l.Members[i].Name == name {
			return &l.Members[i]
		}
	}
	return nil
}
