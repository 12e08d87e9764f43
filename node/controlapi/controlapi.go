// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Package controlapi holds the types of a node's control API: what a node
// tells about itself and what it may be told. It is the contract between
// node/control, which serves it, and controllers/nodeclient, which calls it;
// it holds no behaviour and imports nothing.
//
// All calls are JSON over HTTP on the node's admin port and carry a bearer
// token. A refused call answers 409 with a Refusal (401 without a valid token,
// 400 for a malformed body); an accepted one answers 200 with the State after
// it. Every call can be repeated: the same promise or grant twice is accepted
// twice and changes nothing the second time.
//
//	GET  /v1/state    → State      answered without the execution lock
//	POST /v1/promise  PromiseRequest → State
//	POST /v1/grant    GrantRequest   → State
//	POST /v1/renew    RenewRequest   → State
//	POST /v1/ack      AckRequest     → Ack        asked by masters, answered without the lock
package controlapi

// Position is a point in a replication history. Offsets of different replids
// say nothing about each other. The zero Position means "no history": a node
// that never held data.
type Position struct {
	Replid string `json:"replid,omitempty"` // 40 hex digits
	Offset int64  `json:"offset,omitempty"` // bytes of the stream applied
}

// Phase is how far a managed node has come since its process began.
type Phase string

// The phases of a node. An unmanaged node is always Serving.
const (
	PhaseLoading     Phase = "Loading"     // reading its disk
	PhaseQuarantined Phase = "Quarantined" // loaded; no role, waits for a grant
	PhaseServing     Phase = "Serving"     // has a role
)

// Role is the part that a grant gives.
type Role string

// The roles. A quarantined node has RoleNone.
const (
	RoleNone    Role = ""
	RoleMaster  Role = "master"
	RoleReplica Role = "replica"
)

// State is a node's own word about itself; at most 512 bytes in JSON in the
// usual case, hence the short names.
type State struct {
	RunID    string `json:"run"`             // 40 hex digits, new with every process
	GroupID  string `json:"group,omitempty"` // the group it belongs to, "" before it knows
	Managed  bool   `json:"op,omitempty"`    // started with the directive `managed yes`
	Phase    Phase  `json:"phase"`
	Role     Role   `json:"role,omitempty"`
	Epoch    uint64 `json:"epoch,omitempty"`  // of the grant it serves under
	Promised uint64 `json:"prom,omitempty"`   // it accepts no grant of a lower epoch
	Open     bool   `json:"open,omitempty"`   // master: renewed since its grant, takes writes
	Frozen   bool   `json:"frozen,omitempty"` // promised a higher epoch: link cut, no writes, position stands still
	// Nonce is what a renewal must bring back to a master under a lease; the lease
	// counts from the moment at which this state was given out.
	Nonce int64 `json:"nonce,omitempty"`

	Position           // replid and offset of the data set
	Replid2     string `json:"replid2,omitempty"`
	Offset2     int64  `json:"offset2,omitempty"` // first offset that replid2 no longer covers
	Complete    bool   `json:"full,omitempty"`    // finished a sync, or loaded its disk whole, or was granted as master
	LocalWrites bool   `json:"local,omitempty"`   // writes of its own as a writable replica: barred from election
	Keys        int64  `json:"keys,omitempty"`    // in all databases

	Upstream *Upstream `json:"up,omitempty"` // replica: whom it was told to follow
	// Linked: a replica's link was up under its present grant, and it is, or was
	// until a few seconds before it was lost or frozen. Only such a copy is known
	// to be a recent one.
	Linked     bool   `json:"linked,omitempty"`
	Link       Link   `json:"link,omitempty"`   // replica: state of the link to it
	LinkReason string `json:"reason,omitempty"` // why the link is not up, for people
	IdleSecs   int64  `json:"idle,omitempty"`   // replica: seconds since the last byte from the upstream

	Persistence Persistence `json:"disk"`

	// AgeSecs: the node took this state so many seconds ago, omitted below 5. It
	// takes it several times a second, unless a command or a disk holds it up.
	AgeSecs int64 `json:"age,omitempty"`
}

// Link is the state of a replica's link to its upstream.
type Link string

// The states of a link. LinkRefused is the data-set shield at work: the
// upstream answers, and what it offers was not accepted.
const (
	LinkNone    Link = ""
	LinkDown    Link = "down"
	LinkSync    Link = "sync"
	LinkUp      Link = "up"
	LinkRefused Link = "refused"
)

// Upstream names the process that a replica feeds from.
type Upstream struct {
	Host  string `json:"host"`
	Port  int    `json:"port"`
	RunID string `json:"run,omitempty"` // "" only for a real Redis outside the group
}

// Persistence is what a node observes of its own durability, never what was
// declared for it.
type Persistence struct {
	AOF     bool   `json:"aof,omitempty"`     // on, with a complete base
	AOFOK   bool   `json:"aofOK,omitempty"`   // aof_last_write_status:ok
	Fsync   string `json:"fsync,omitempty"`   // appendfsync, while AOF is on
	RDB     bool   `json:"rdb,omitempty"`     // save points are set
	RDBOK   bool   `json:"rdbOK,omitempty"`   // rdb_last_bgsave_status:ok
	SavedAt int64  `json:"savedAt,omitempty"` // unix seconds of the last successful save
	DirID   string `json:"dir,omitempty"`     // identity of the data directory, "" without one
}

// PromiseRequest asks a node to accept no grant below Epoch any more. A
// replica cuts its upstream link and stands still; a master stops taking
// writes. The answer's Position cannot move until the next grant.
type PromiseRequest struct {
	GroupID string `json:"group"`
	Epoch   uint64 `json:"epoch"`
}

// GrantRequest gives a role to one process. The node refuses another group,
// another run id, an epoch below its promise, and the epoch it serves under
// with another replid.
type GrantRequest struct {
	GroupID string `json:"group"`
	Epoch   uint64 `json:"epoch"`
	RunID   string `json:"run"`
	Role    Role   `json:"role"`
	// Replid is the history of this mastership, minted by the operator. A new
	// master shifts to it; a replica accepts an upstream of this history only.
	Replid string `json:"replid"`

	// From is where a new master must stand, exactly: its position becomes the
	// fork. Master only.
	From Position `json:"from,omitzero"`

	// LeaseMillis is how long a master may take writes after the latest word of
	// its operator or of most of its voters, in milliseconds; 0: for good. Master
	// only.
	LeaseMillis int64 `json:"lease,omitempty"`
	// Voters are asked by the master, one to four beside itself, for as long as
	// the epoch lasts. Needed by a lease.
	Voters []Voter `json:"voters,omitempty"`

	// Upstream is whom to feed from. Replica only.
	Upstream *Upstream `json:"up,omitempty"`
	// Ancestors are the older histories of Replid, newest first, each with the
	// offset at which its successor forked off. A replica at (ancestor, offset ≤
	// fork) lies on the mainline; anything else it holds is a tail that is lost
	// with the next full sync. Replica only.
	Ancestors []Position `json:"ancestors,omitempty"`
	// Discard authorises the loss of what the node holds, if and only if it
	// stands exactly there. Replica only.
	Discard *Position `json:"discard,omitempty"`
}

// RenewRequest lets a granted master take writes. The operator sends it only
// after the ledger says Open for this epoch.
type RenewRequest struct {
	GroupID string `json:"group"`
	Epoch   uint64 `json:"epoch"`
	RunID   string `json:"run"`
	// Nonce is the one that the master's state had before the ledger was read for
	// this renewal. Needed where the master has a lease.
	Nonce int64 `json:"nonce,omitempty"`
}

// Voter is a member whose agreement keeps a master's lease.
type Voter struct {
	RunID string `json:"run"`
	Host  string `json:"host"`
	Port  int    `json:"port"` // of its control API
}

// AckRequest asks a voter whether it still follows this mastership.
type AckRequest struct {
	GroupID string `json:"group"`
	Epoch   uint64 `json:"epoch"`
	Replid  string `json:"replid"`
	Nonce   int64  `json:"nonce"` // the master's clock when it asked
}

// Ack is a voter's yes.
type Ack struct {
	RunID string `json:"run"` // the voter's
	Epoch uint64 `json:"epoch"`
	Nonce int64  `json:"nonce"`
}

// Refusal is the body of a 409.
type Refusal struct {
	Reason  Reason `json:"reason"`
	Message string `json:"message"`
}

// Error gives the reason and the message in one line.
func (r *Refusal) Error() string { return string(r.Reason) + ": " + r.Message }

// Reason names why a node refused a call.
type Reason string

// The reasons of a refusal.
const (
	ReasonNotManaged    Reason = "NotManaged"    // the node has no operator
	ReasonLoading       Reason = "Loading"       // ask again when its disk is read
	ReasonWrongGroup    Reason = "WrongGroup"    // the node belongs to another group
	ReasonWrongRunID    Reason = "WrongRunID"    // another process than the one meant
	ReasonStaleEpoch    Reason = "StaleEpoch"    // below what was promised or granted
	ReasonReplidClash   Reason = "ReplidClash"   // the same epoch with another replid or role
	ReasonWrongPosition Reason = "WrongPosition" // a new master does not stand at From
	ReasonNotGranted    Reason = "NotGranted"    // a renewal for what was never granted
	ReasonInvalid       Reason = "Invalid"       // the request contradicts itself
)
