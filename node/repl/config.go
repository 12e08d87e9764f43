// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package repl

// Config is what the configuration says about replication. Times are in
// seconds and sizes in bytes, as in redis.conf; 0 is what it is there.
type Config struct {
	// Managed: an operator gives the roles and the replication ids.
	Managed bool
	// Protect is replica-protect-dataset.
	Protect bool

	// Port and IP are what this node announces to its master; an empty IP leaves
	// it to the connection.
	Port int
	IP   string
	// User and Password are masteruser and masterauth; without a password there
	// is no AUTH.
	User, Password string

	Timeout    int64 // repl-timeout
	PingPeriod int64 // repl-ping-replica-period

	BacklogSize int64 // repl-backlog-size
	BacklogTTL  int64 // repl-backlog-ttl; 0 keeps it for ever

	Diskless            bool  // repl-diskless-sync
	DisklessDelay       int64 // repl-diskless-sync-delay
	DisklessMaxReplicas int   // repl-diskless-sync-max-replicas; 0: no such rule
	DisklessLoad        DisklessLoad

	MinReplicas       int   // min-replicas-to-write
	MinReplicasMaxLag int64 // min-replicas-max-lag

	// Output limits of replicas (client-output-buffer-limit replica): what lies
	// in the backlog unsent. 0 is no limit.
	HardLimit, SoftLimit, SoftSeconds int64
}

// DisklessLoad is repl-diskless-load: whether a snapshot is parsed as it comes
// or stored first.
type DisklessLoad uint8

// The values of repl-diskless-load.
const (
	LoadFromDisk    DisklessLoad = iota // disabled
	LoadWhenEmpty                       // on-empty-db
	LoadFromNetwork                     // swapdb
)

// normal gives the configuration with defaults for what must not be zero.
func (c Config) normal() Config {
	if c.Timeout == 0 {
		c.Timeout = 60
	}
	if c.PingPeriod == 0 {
		c.PingPeriod = 10
	}
	if c.BacklogSize == 0 {
		c.BacklogSize = DefaultBacklogSize
	}
	c.BacklogSize = max(c.BacklogSize, MinBacklogSize)
	return c
}
