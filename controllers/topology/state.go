// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package topology

import "time"

// State is one observation of one ReplicationGroup: everything that Decide may
// look at. The observer fills it anew for every pass, reading the ledger, the
// pods and the claims past any cache and asking every node once.
type State struct {
	Spec     Spec
	Deleting bool // the ReplicationGroup is being deleted: pods go, claims and ledger stay

	Ledger *Ledger // nil: no ReplicationLedger exists
	// Members holds one entry for every logical name that has a pod or a claim
	// labelled as this group's, declared or not, in any order. A name that is
	// missing here has neither.
	Members   []Member
	Published *Published // what the master Service's EndpointSlice says; nil: no endpoint
	Mint      Mint
}

// Spec is the part of a ReplicationGroup's spec that decides about topology,
// with defaults resolved. Exactly one form is set: Instances and Fanout, or
// Tree.
type Spec struct {
	Instances   int         // nodes in all, the master included
	Fanout      int         // at most so many replicas feed from one node; 0 for no limit (a star)
	Persistence Persistence // of every member in the instances form

	Tree []TreeEntry // parents before children; the first has no ReplicaOf

	// SuspectAfter is how long a process may be out of reach before the group
	// is reported as stalled over it; 0 means DefaultSuspectAfter.
	SuspectAfter time.Duration
	OnTotalLoss  TotalLoss // "" means Halt
	Adopt        *Adoption // a person's word on what to adopt, nil without
}

// DefaultSuspectAfter is the suspicion time of the protocol (safety.md).
const DefaultSuspectAfter = 3 * time.Second

// TreeEntry is one line of the explicit form. Its members are called Name, or
// Name-0 … Name-(Count-1) when Count is above 1.
type TreeEntry struct {
	Name        string
	ReplicaOf   string // Name of an earlier entry; "" for the root
	Count       int    // 0 means 1; the root has 1
	Persistence Persistence
	Zone        string // "" for any
}

// Persistence is what is declared for a member; what a node really does is in
// NodeState.Disk.
type Persistence struct {
	Mode PersistenceMode
}

// PersistenceMode says what a member writes to its claim.
type PersistenceMode string

// The modes. All but None need a claim.
const (
	PersistNone PersistenceMode = "None"
	PersistRDB  PersistenceMode = "RDB"
	PersistAOF  PersistenceMode = "AOF"
	PersistBoth PersistenceMode = "Both"
)

// NeedsClaim says whether members with this persistence have a claim. The
// empty mode means None.
func (p Persistence) NeedsClaim() bool { return p.Mode != "" && p.Mode != PersistNone }

// TotalLoss says what happens when every copy is provably gone.
type TotalLoss string

// Halt stops the group with the condition DataLost until a person decides;
// Reinitialize starts it again with an empty data set.
const (
	Halt         TotalLoss = "Halt"
	Reinitialize TotalLoss = "Reinitialize"
)

// Adoption names the group id and the member whose claim holds the data to go
// on with, where the planner could not decide by itself.
type Adoption struct {
	GroupID string
	Claim   string // logical name of the member
}

// Mint is a supply of random ids for this pass, so that Decide stays pure. The
// observer fills it freshly every time; an id counts as used only once a
// ledger that holds it was written.
type Mint struct {
	GroupID string
	Replid  string // 40 hex digits
}

// Member is what was seen under one logical name: the pod name without the
// group's prefix ("0" … "n-1", or a name made from a TreeEntry).
type Member struct {
	Name   string
	Pod    *Pod   // nil: no Pod object (which proves nothing about a process)
	Claim  *Claim // nil: no claim
	Answer Answer // of the process in Pod; the zero Answer where there is no pod to ask
}

// Pod is a Pod object.
type Pod struct {
	UID         string
	IP          string // "" before it has one
	Phase       PodPhase
	Terminating bool // has a deletion timestamp
	Held        bool // bears the finalizer that keeps it until its death is recorded
	Container   Container
	Host        Host
}

// PodPhase is a pod's phase as Kubernetes spells it. It proves nothing by
// itself: a garbage collector writes it too.
type PodPhase string

// The phases of a pod.
const (
	PodPending   PodPhase = "Pending"
	PodRunning   PodPhase = "Running"
	PodSucceeded PodPhase = "Succeeded"
	PodFailed    PodPhase = "Failed"
	PodUnknown   PodPhase = "Unknown"
)

// Container is the kubelet's word on the node's container.
type Container struct {
	State    ContainerState
	Reason   string // of waiting or terminated: ImagePullBackOff, OOMKilled, Error, …
	ExitCode int    // terminated only
	// When it began and ended, by the clock of its Kubernetes node; terminated
	// only, zero where it is not known.
	StartedAt  time.Time
	FinishedAt time.Time
	Restarts   int // the kubelet re-ran it so often; 0 under restartPolicy Never, but see safety.md, wall 1
}

// ContainerState is one of the three states of a container, or none yet.
type ContainerState string

// The states of a container.
const (
	ContainerNone       ContainerState = ""
	ContainerWaiting    ContainerState = "waiting"
	ContainerRunning    ContainerState = "running"
	ContainerTerminated ContainerState = "terminated"
)

// ReasonStatusUnknown is the reason that the kubelet gives for a container it
// has lost sight of; such a "terminated" is no proof of death.
const ReasonStatusUnknown = "ContainerStatusUnknown"

// Host is the Kubernetes node a pod is bound to.
type Host struct {
	Name         string // "" before the pod is scheduled
	Ready        bool   // condition Ready is True; false for a missing Node object
	OutOfService bool   // carries the taint node.kubernetes.io/out-of-service
}

// Claim is a PersistentVolumeClaim.
type Claim struct {
	UID     string
	GroupID string // the group id written on it, "" if none
	Bound   bool
	Lost    bool // phase Lost: its volume is gone from the API
}

// Answer is what came of asking a node for its state. Unreachable is a value:
// Reached is false, with the error and since when.
type Answer struct {
	Reached bool
	Node    NodeState // if reached

	Since time.Time // if not reached: the first failure since it last answered or since the pod was there
	Error string    // if not reached; "" means that nobody was asked
}

// NodeState is a node's own word about itself: controlapi.State in the
// planner's types, field by field.
type NodeState struct {
	RunID    string
	GroupID  string
	Managed  bool
	Phase    NodePhase
	Role     Role
	Epoch    uint64 // of the grant it serves under
	Promised uint64 // it accepts no grant of a lower epoch
	Open     bool   // master: renewed since its grant, takes writes
	Frozen   bool

	Position
	Replid2     string
	Offset2     int64 // first offset that Replid2 no longer covers
	Complete    bool
	LocalWrites bool
	Keys        int64

	// Linked: its link was up under its present grant, and is, or was until a few
	// seconds before it was lost or frozen: only then is the copy known to be a
	// recent one.
	Linked bool

	Upstream   string // run id of the process it was told to follow, "" without one
	Link       Link
	LinkReason string
	Idle       time.Duration // since the last byte from the upstream

	Disk Disk
}

// Position is a point in a replication history; offsets of different replids
// say nothing about each other. The zero Position is "no history".
type Position struct {
	Replid string
	Offset int64 // bytes
}

// IsZero says that p is no position at all: the node never held data.
func (p Position) IsZero() bool { return p == Position{} }

// NodePhase is how far a managed node has come since its process began.
type NodePhase string

// The phases of a node.
const (
	NodeLoading     NodePhase = "Loading"
	NodeQuarantined NodePhase = "Quarantined"
	NodeServing     NodePhase = "Serving"
)

// Role is the part that a grant gives.
type Role string

// The roles. A quarantined node has none.
const (
	RoleNone    Role = ""
	RoleMaster  Role = "master"
	RoleReplica Role = "replica"
)

// Link is the state of a replica's link to its upstream.
type Link string

// The states of a link.
const (
	LinkNone    Link = ""
	LinkDown    Link = "down"
	LinkSync    Link = "sync"
	LinkUp      Link = "up"
	LinkRefused Link = "refused" // the data-set shield refuses what the upstream offers
)

// Disk is what a node observes of its own durability.
type Disk struct {
	AOF     bool // on, with a complete base
	AOFOK   bool
	Fsync   string // appendfsync, while AOF is on
	RDB     bool   // save points are set
	RDBOK   bool
	SavedAt int64  // unix seconds of the last successful save
	DirID   string // identity of the data directory, "" without one
}

// Published is the endpoint behind the master Service.
type Published struct {
	Member string
	PodUID string
	PodIP  string
	Epoch  uint64
}
