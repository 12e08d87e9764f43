// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"slices"
	"time"
)

// Values are the settings that something in the node obeys. A directive that
// is accepted without effect has no field here (see Inert), so that nothing
// can come to rely on it unnoticed.
type Values struct {
	// Network and clients.
	Port                   int
	Bind                   []string // as written: "*", "-::*", host names; a leading "-" means "if it exists here"
	BindSourceAddr         string
	UnixSocket             string // path, "": none
	UnixSocketPerm         int    // permission bits, 0: as the umask leaves them
	ProtectedMode          bool
	TCPBacklog             int
	TCPKeepalive           time.Duration // 0: off
	ClientTimeout          time.Duration // directive timeout; 0: never
	MaxClients             int
	ProtoMaxBulkLen        int64 // bytes
	ClientQueryBufferLimit int64 // bytes
	OutputBufferLimits     [3]OutputBufferLimit
	RequirePass            string // "": none

	// General.
	Databases                     int
	Hz                            int // ticks of periodic work a second, 1–500
	ActiveExpireEffort            int // 1–10
	LazyfreeLazyExpire            bool
	LazyfreeLazyUserFlush         bool
	LogLevel                      LogLevel
	LogFile                       string // "": standard output
	PidFile                       string // "": none
	SlowlogLogSlowerThan          time.Duration
	SlowlogMaxLen                 int64
	BusyReplyThreshold            int64 // milliseconds; 0: never
	ShutdownTimeout               time.Duration
	ShutdownOnSigint              ShutdownFlags
	ShutdownOnSigterm             ShutdownFlags
	EnableDebugCommand            Permission
	EnableProtectedConfigs        Permission
	KeyLoadDelay, RDBKeySaveDelay time.Duration // of tests: pause for each key; below zero: once in so many keys, in microseconds

	// Memory.
	MaxMemory       uint64 // bytes; 0: no limit
	MaxMemoryPolicy MaxMemoryPolicy

	// Encodings: the most elements of a small collection, and their most bytes.
	HashMaxListpackEntries, HashMaxListpackValue int64
	SetMaxIntsetEntries                          int64
	ZSetMaxListpackEntries, ZSetMaxListpackValue int64
	ListMaxListpackSize                          int // of a node: elements, or with -1 to -5, 4 to 64 KiB
	HLLSparseMaxBytes                            int64

	// Persistence.
	Save                    []SavePoint // empty: never
	Dir                     string      // absolute
	DBFilename              string
	RDBCompression          bool
	RDBChecksum             bool
	RDBSaveIncrementalFsync bool
	StopWritesOnBgsaveError bool
	AppendOnly              AppendOnly

	// Replication.
	ReplicaOf                   HostPort // zero: a master
	MasterUser                  string
	MasterAuth                  string
	ReplicaServeStaleData       bool
	ReplicaReadOnly             bool
	ReplicaIgnoreMaxMemory      bool
	ReplicaPriority             int
	ReplicaAnnounced            bool
	ReplicaAnnounceIP           string
	ReplicaAnnouncePort         int
	ReplDisklessSync            bool
	ReplDisklessSyncDelay       time.Duration
	ReplDisklessSyncMaxReplicas int
	ReplDisklessLoad            DisklessLoad
	ReplDisableTCPNodelay       bool
	ReplPingReplicaPeriod       time.Duration
	ReplTimeout                 time.Duration
	ReplBacklogSize             int64         // bytes
	ReplBacklogTTL              time.Duration // 0: never freed
	MinReplicasToWrite          int
	MinReplicasMaxLag           time.Duration

	// Our own.
	ReplicaProtectDataset bool     // the shield: see the package guard
	Managed               bool     // roles are granted through the control API
	ManagedGroupID        string   // "": whichever the data directory or the first grant names
	AdminPort             int      // 0: no control API
	AdminBind             []string // in the notation of Bind
	AdminTokenFile        string

	heldNumbers []int64  // what the directives without effect were set to
	heldStrings []string // the same, those that are texts
}

// clone is a copy that shares nothing that set changes in place. Slices of the
// exported fields are always replaced, never written into.
func (v *Values) clone() *Values {
	c := *v
	c.heldNumbers = slices.Clone(v.heldNumbers)
	c.heldStrings = slices.Clone(v.heldStrings)
	return &c
}

// SavePoint asks for a snapshot after Period if at least Changes keys changed.
type SavePoint struct {
	Period  time.Duration
	Changes int64
}

// HostPort is a master's address; the zero value is none.
type HostPort struct {
	Host string
	Port int
}

// ClientClass indexes Values.OutputBufferLimits.
type ClientClass int

// The classes of clients, in the order of CONFIG GET.
const (
	ClientNormal ClientClass = iota
	ClientReplica
	ClientPubSub
)

// OutputBufferLimit closes a client whose unsent replies exceed Hard bytes, or
// Soft bytes for longer than SoftPeriod without a break. 0 is no limit.
type OutputBufferLimit struct {
	Hard, Soft uint64
	SoftPeriod time.Duration
}

// LogLevel orders log lines by weight.
type LogLevel int

// The log levels of the directive loglevel.
const (
	LogDebug LogLevel = iota
	LogVerbose
	LogNotice
	LogWarning
)

// Permission says who may use something protected.
type Permission int

// The permissions.
const (
	PermitNone  Permission = iota
	PermitAll              // every client
	PermitLocal            // clients of the loopback and of unix sockets
)

// ShutdownFlags are SHUTDOWN's options that a signal implies.
type ShutdownFlags int

// The shutdown options; zero is "default": save if save points are set.
const (
	ShutdownSave ShutdownFlags = 1 << iota
	ShutdownNoSave
	ShutdownNow
	ShutdownForce
)

// DisklessLoad is how a replica takes a snapshot in.
type DisklessLoad int

// The ways of loading.
const (
	DisklessLoadDisabled  DisklessLoad = iota // through a file
	DisklessLoadOnEmptyDB                     // straight from the socket if there is no data
	DisklessLoadSwapDB                        // straight from the socket, beside the old data set
)

// MaxMemoryPolicy says what goes when memory is full.
type MaxMemoryPolicy int

// The policies.
const (
	NoEviction MaxMemoryPolicy = iota
	VolatileLRU
	VolatileLFU
	VolatileRandom
	VolatileTTL
	AllKeysLRU
	AllKeysLFU
	AllKeysRandom
)

// IsLFU and IsLRU tell which access statistic the policy needs.
func (p MaxMemoryPolicy) IsLFU() bool { return p == VolatileLFU || p == AllKeysLFU }

// IsLRU tells whether the policy needs the time of the last access.
func (p MaxMemoryPolicy) IsLRU() bool { return p == VolatileLRU || p == AllKeysLRU }

// String is the policy's name, as in INFO.
func (p MaxMemoryPolicy) String() string { return policyNames.name(int(p)) }
