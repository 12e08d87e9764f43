// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package repl

// Event is something that happened to the node.
type Event interface{ event() }

// LinkID names one connection to a master: every Dial has a new one.
type LinkID uint64

// PeerID names one connection of a replica (a client's id).
type PeerID int64

// SnapshotID names one snapshot made for replicas.
type SnapshotID uint64

// Events that the node's owner or its clock cause.
type (
	// SetMaster: REPLICAOF, the directive at start, or a grant. By is who
	// asked, for the log; empty without one.
	SetMaster struct {
		Host string
		Port int
		By   string
		// Consent: a person asked for it now, so the data set may be replaced.
		Consent bool
		Grant   *Grant
	}
	// UnsetMaster: REPLICAOF NO ONE, or a grant of the master role, which names
	// the new replication id.
	UnsetMaster struct {
		By     string
		Replid string
	}
	// Freeze: a promise was given; stand still until the next role.
	Freeze struct{}
	// ChangeReplid: DEBUG CHANGE-REPL-ID.
	ChangeReplid struct{}
	// AskAcks: a client waits for acknowledgements (WAIT).
	AskAcks struct{}
	// Failover: FAILOVER, which RefuseFailover has let pass. Without a host any
	// replica will do. Timeout is in milliseconds, 0 for none.
	Failover struct {
		Host    string
		Port    int
		Force   bool
		Timeout int64
	}
	// AbortFailover: FAILOVER ABORT.
	AbortFailover struct{}
	// FailoverDue: the time of a FAILOVER may be over.
	FailoverDue struct{}
	// Tick comes once a second.
	Tick struct{}
)

// Events of the link to the master.
type (
	// Dialed: the Dial is done; Err is empty where it succeeded.
	Dialed struct {
		Link LinkID
		Err  string
	}
	// Received: bytes came while the link was not yet followed (see Follow).
	// Effects may refer to Data.
	Received struct {
		Link LinkID
		Data []byte
	}
	// Unappliable: the stream holds what this node can't apply. To pass over it
	// would be to diverge, so the link goes down. The next sync is a full one: the
	// data sets differ already, or the command, if it was a transaction, has left
	// effects beyond the position. Untouched: nothing was executed, so that the
	// same may be tried again.
	Unappliable struct {
		Link      LinkID
		Reason    string
		Untouched bool
	}
	// LinkLost: the connection broke. Corrupt: what came over it was no stream,
	// so that its offset has lost its meaning.
	LinkLost struct {
		Link    LinkID
		Err     string
		Corrupt bool
	}
	// SnapshotLoaded: what Load asked for is done. Err is empty where the data
	// set is whole and ready beside the served one; DB is the database that the
	// stream has selected.
	SnapshotLoaded struct {
		Link LinkID
		Err  string
		DB   int
	}
	// GetAck: the master asked for an acknowledgement. The answer is to be sent
	// before the request itself counts as applied.
	GetAck struct{}
)

// Events of the replicas of this node.
type (
	// Replconf: REPLCONF with its options, from a connection at IP.
	Replconf struct {
		Peer PeerID
		IP   string
		Args [][]byte
	}
	// Psync: PSYNC, or SYNC where Legacy is set (then without arguments).
	Psync struct {
		Peer     PeerID
		IP       string
		Replid   string
		Offset   string
		Legacy   bool
		Failover bool // with the word FAILOVER
		By       string
	}
	// Alive: a replica sent a bare newline, its sign of life while it loads.
	Alive struct{ Peer PeerID }
	// PeerGone: the connection is closed.
	PeerGone struct{ Peer PeerID }
	// SnapshotDone: the snapshot is complete (Size bytes in its file, when it
	// has one), or failed.
	SnapshotDone struct {
		ID   SnapshotID
		Size int64
		Err  string
	}
	// Stalled: for repl-timeout no byte of a snapshot went to this replica,
	// although there are some.
	Stalled struct{ Peer PeerID }
	// TransferDone: the last byte of the snapshot was written to this replica.
	TransferDone struct{ Peer PeerID }
)

func (SetMaster) event()      {}
func (UnsetMaster) event()    {}
func (Freeze) event()         {}
func (ChangeReplid) event()   {}
func (AskAcks) event()        {}
func (Failover) event()       {}
func (AbortFailover) event()  {}
func (FailoverDue) event()    {}
func (Tick) event()           {}
func (Dialed) event()         {}
func (Received) event()       {}
func (LinkLost) event()       {}
func (Unappliable) event()    {}
func (SnapshotLoaded) event() {}
func (GetAck) event()         {}
func (Replconf) event()       {}
func (Psync) event()          {}
func (Alive) event()          {}
func (PeerGone) event()       {}
func (SnapshotDone) event()   {}
func (TransferDone) event()   {}
func (Stalled) event()        {}
