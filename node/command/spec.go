// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Package command is the contract between the engine and the command
// families. A family (strings, keys, later hashes, lists …) exports its
// commands as a []Spec; the engine assembles the table from them, and
// everything that is known about a command, be it COMMAND's answer, the
// positions of its keys, its ACL categories or the gates it must pass, is
// derived from its Spec and from nowhere else.
//
// A handler gets a Context and sees nothing but it: the store through
// Context's lookups, its arguments, the reply writer. It never reaches the
// network, the replicas or the disk. What it changed it says through
// Context.Modified, what shall be propagated instead of the command as it was
// given through Context.Propagate; the engine does the rest after it returned,
// so that no handler can forget it.
//
// Start reading at Spec, then Context.
package command

import "strings"

// Flags are the properties of a command that the gates of the engine and
// COMMAND INFO read; the names are Redis's.
type Flags uint32

// The command flags.
const (
	Write Flags = 1 << iota
	ReadOnly
	DenyOOM
	Admin
	PubSub
	NoScript
	Blocking
	Loading     // allowed while the data set is loaded
	Stale       // allowed on a replica whose link is down with replica-serve-stale-data no
	SkipMonitor // not shown by MONITOR
	SkipSlowlog
	Fast
	NoAuth // allowed before AUTH
	MayReplicate
	NoMulti // refused inside a transaction
	NoAsyncLoading
	AllowBusy
	MovableKeys
	Sentinel     // only listed for completeness of the names
	NoMandatory  // keys are optional
	Unquarantine // our own: answered by a managed node that waits for its grant
	OneAuthor    // our own: refused to clients of a managed node, roles have one author
	Protected    // DEBUG and its like: an enable-…-command directive must allow it
)

// flagNames are COMMAND INFO's names, in Redis's order. Our own have none, nor
// do those that Redis hides: may_replicate, sentinel, protected.
var flagNames = []struct {
	flag Flags
	name string
}{
	{Write, "write"}, {ReadOnly, "readonly"}, {DenyOOM, "denyoom"}, {Admin, "admin"},
	{PubSub, "pubsub"}, {NoScript, "noscript"}, {Blocking, "blocking"}, {Loading, "loading"},
	{Stale, "stale"}, {SkipMonitor, "skip_monitor"}, {SkipSlowlog, "skip_slowlog"},
	{Fast, "fast"}, {NoAuth, "no_auth"},
	{NoMandatory, "no_mandatory_keys"}, {NoAsyncLoading, "no_async_loading"},
	{NoMulti, "no_multi"}, {MovableKeys, "movablekeys"}, {AllowBusy, "allow_busy"},
}

// Names lists the flags as COMMAND INFO does.
func (f Flags) Names() []string {
	var names []string
	for _, n := range flagNames {
		if f&n.flag != 0 {
			names = append(names, n.name)
		}
	}
	return names
}

// Category is a set of ACL categories.
type Category uint32

// The ACL categories of Redis 7.0.
const (
	CatKeyspace Category = 1 << iota
	CatRead
	CatWrite
	CatSet
	CatSortedSet
	CatList
	CatHash
	CatString
	CatBitmap
	CatHyperLogLog
	CatGeo
	CatStream
	CatPubSub
	CatAdmin
	CatFast
	CatSlow
	CatBlocking
	CatDangerous
	CatConnection
	CatTransaction
	CatScripting
)

// CategoryNames are the names of the categories, in the order of their bits.
var CategoryNames = []string{
	"keyspace", "read", "write", "set", "sortedset", "list", "hash", "string", "bitmap",
	"hyperloglog", "geo", "stream", "pubsub", "admin", "fast", "slow", "blocking",
	"dangerous", "connection", "transaction", "scripting",
}

// Names lists the categories with their leading @, as COMMAND INFO does.
func (c Category) Names() []string {
	var names []string
	for i, n := range CategoryNames {
		if c&(1<<i) != 0 {
			names = append(names, "@"+n)
		}
	}
	return names
}

// KeyFlags say what a command does with the keys of one KeySpec.
type KeyFlags uint16

// The key spec flags of Redis 7.0.
const (
	KeyRO KeyFlags = 1 << iota
	KeyRW
	KeyOW
	KeyRM
	KeyAccess
	KeyUpdate
	KeyInsert
	KeyDelete
	KeyNotKey
	KeyIncomplete
	KeyVariableFlags
)

// keyFlagNames are COMMAND INFO's names of the key spec flags.
var keyFlagNames = []string{
	"RO", "RW", "OW", "RM", "access", "update", "insert", "delete", "not_key", "incomplete", "variable_flags",
}

// Names lists the flags as COMMAND INFO does.
func (f KeyFlags) Names() []string {
	var names []string
	for i, n := range keyFlagNames {
		if f&(1<<i) != 0 {
			names = append(names, n)
		}
	}
	return names
}

// KeySpec tells where a command's keys stand, as Redis 7.0's key
// specifications do: a place to begin and a way to go on from there.
type KeySpec struct {
	Flags KeyFlags

	// Index is the argument of the first key (1 is the first after the name).
	// With Keyword set, the search begins behind that word instead, found at or
	// after argument Index (counted from the end when Index is negative).
	Index   int
	Keyword string

	// Last is the last key relative to the first; negative counts from the end
	// of the command (-1 is its last argument). Step is the distance of two keys
	// (0 means 1). Limit n > 1 takes only 1/n of the range.
	Last, Step, Limit int

	// NumKeys, when set, overrides Last: the count of the keys stands NumKeysAt
	// arguments behind the beginning and the first key FirstKeyAt behind it.
	NumKeys               bool
	NumKeysAt, FirstKeyAt int

	// Unknown says that no rule finds the keys (SORT's BY and GET patterns).
	Unknown bool
	Notes   string
}

// Spec is one command, or a container with subcommands.
type Spec struct {
	Name       string // lower case, as COMMAND shows it; a subcommand's is without the container's
	Arity      int    // with the name itself; negative is a minimum
	Flags      Flags
	Categories Category // those that do not follow from the flags (see Table)
	Keys       []KeySpec
	Tips       []string
	// Refine tells more of the keys of a call than Keys can, whose flags are then
	// KeyVariableFlags (SET with and without GET). It may be nil.
	Refine func(argv [][]byte, refs []KeyRef) []KeyRef
	// CallFlags gives the flags of a call where they depend on it (EVAL: on what
	// the script declares). It may be nil.
	CallFlags func(argv [][]byte) Flags

	Since, Group, Summary, Complexity string

	// Deprecated is the version since when another command is preferred, named
	// by ReplacedBy; System marks commands that tools, not people, call.
	Deprecated, ReplacedBy string
	System                 bool

	// Handler runs the command. Containers have none and Sub instead.
	Handler func(*Context)
	Sub     []Spec
}

// ArityOK tells whether argc arguments, the name included, fit.
func (s *Spec) ArityOK(argc int) bool {
	if s.Arity >= 0 {
		return argc == s.Arity
	}
	return argc >= -s.Arity
}

// implied gives the categories that follow from the flags (Redis's
// setImplicitACLCategories).
func implied(f Flags, c Category) Category {
	if f&Write != 0 {
		c |= CatWrite
	}
	if f&ReadOnly != 0 && c&CatScripting == 0 {
		c |= CatRead
	}
	if f&Admin != 0 {
		c |= CatAdmin | CatDangerous
	}
	if f&PubSub != 0 {
		c |= CatPubSub
	}
	if f&Fast != 0 {
		c |= CatFast
	}
	if f&Blocking != 0 {
		c |= CatBlocking
	}
	if c&CatFast == 0 {
		c |= CatSlow
	}
	return c
}

// Command is a Spec in a Table: with its full name, its container and the
// figures of INFO commandstats.
type Command struct {
	Spec
	FullName string   // "get", "config|set"
	Parent   *Command // the container, for a subcommand
	Stats    Stats

	// Cheap says that a call takes about the same, little time whatever it is
	// about, so that several can share a look at the clock.
	Cheap bool

	subs    index
	subList []*Command
}

// FlagsOf gives the flags of a call.
func (c *Command) FlagsOf(argv [][]byte) Flags {
	if c.CallFlags == nil {
		return c.Flags
	}
	return c.CallFlags(argv)
}

// IsContainer tells whether the command has subcommands.
func (c *Command) IsContainer() bool { return c.subList != nil }

// SubList gives the subcommands in the order in which the Spec lists them.
func (c *Command) SubList() []*Command { return c.subList }

// DocGroup is the group of COMMAND DOCS; a subcommand shares its container's.
func (c *Command) DocGroup() string {
	if c.Group == "" && c.Parent != nil {
		return c.Parent.DocGroup()
	}
	return c.Group
}

// Stats are the figures of one command in INFO commandstats; guarded by the
// execution lock.
type Stats struct {
	Calls    int64
	Nanos    int64
	Rejected int64
	Failed   int64
}

// Table finds commands by name.
type Table struct {
	byName index
	order  []*Command
}

// NewTable assembles the table. A name given twice is a mistake of the
// program and panics.
func NewTable(families ...[]Spec) *Table {
	t := &Table{}
	seen := make(map[string]bool)
	for _, family := range families {
		for _, s := range family {
			if seen[s.Name] {
				panic("command " + s.Name + " is defined twice")
			}
			seen[s.Name] = true
			t.order = append(t.order, newCommand(s, nil))
		}
	}
	t.byName = newIndex(t.order)
	return t
}

func newCommand(s Spec, parent *Command) *Command {
	c := &Command{Spec: s, FullName: s.Name, Parent: parent}
	c.Categories = implied(s.Flags, s.Categories)
	c.Cheap = s.Complexity == "O(1)" && s.Flags&(Admin|Blocking) == 0
	if parent != nil {
		c.FullName = parent.FullName + "|" + s.Name
	}
	for _, sub := range s.Sub {
		c.subList = append(c.subList, newCommand(sub, c))
	}
	c.subs = newIndex(c.subList)
	return c
}

// All gives the commands in the order in which the families list them.
func (t *Table) All() []*Command { return t.order }

// Lookup finds a command by its name in any case, without subcommands.
func (t *Table) Lookup(name []byte) *Command { return t.byName.find(name) }

// Sub finds a subcommand by its name in any case.
func (c *Command) Sub(name []byte) *Command { return c.subs.find(name) }

// Resolve finds the command that argv calls: the subcommand where the command
// is a container and names one, the container itself where it does not.
func (t *Table) Resolve(argv [][]byte) *Command {
	c := t.Lookup(argv[0])
	if c != nil && c.IsContainer() && len(argv) > 1 {
		return c.Sub(argv[1])
	}
	return c
}

// ByFullName finds "get" or "config|set".
func (t *Table) ByFullName(name string) *Command {
	head, tail, sub := strings.Cut(name, "|")
	c := t.Lookup([]byte(head))
	if c != nil && sub {
		return c.Sub([]byte(tail))
	}
	return c
}
