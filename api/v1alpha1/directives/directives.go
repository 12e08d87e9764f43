// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Package directives is the one place that knows which redis.conf directives a
// group's `config` may hold. The validation rules of v1alpha1.Config are
// generated from it, so the API server and the Go code cannot disagree. It
// imports nothing of the API, which is what lets the generator read it before
// the generated code is there.
package directives

import "strings"

// Permitted are the directives that a user may set, in redis.conf's current
// spelling. Each is one that the node obeys; see Spellings for the
// older names.
var Permitted = []string{
	// Memory and expiry.
	"maxmemory", "maxmemory-policy", "replica-ignore-maxmemory",
	"active-expire-effort", "hz",
	"lazyfree-lazy-eviction", "lazyfree-lazy-expire", "lazyfree-lazy-server-del",
	"lazyfree-lazy-user-del", "lazyfree-lazy-user-flush", "replica-lazy-flush",
	// Clients and network.
	"databases", "maxclients", "timeout", "tcp-keepalive", "tcp-backlog",
	"client-output-buffer-limit", "client-query-buffer-limit", "proto-max-bulk-len",
	// Replication.
	"min-replicas-to-write", "min-replicas-max-lag",
	"replica-read-only", "replica-serve-stale-data",
	"repl-backlog-size", "repl-backlog-ttl", "repl-disable-tcp-nodelay",
	"repl-diskless-load", "repl-diskless-sync", "repl-diskless-sync-delay",
	"repl-diskless-sync-max-replicas", "repl-ping-replica-period", "repl-timeout",
	// Snapshots.
	"rdbchecksum", "rdbcompression", "rdb-save-incremental-fsync", "stop-writes-on-bgsave-error",
	// Observation and the end.
	"loglevel", "slowlog-log-slower-than", "slowlog-max-len", "shutdown-timeout",
}

// Spellings maps Redis's older names of directives to the current ones. Both
// are accepted, but not both in one group.
var Spellings = map[string]string{
	"min-slaves-to-write":    "min-replicas-to-write",
	"min-slaves-max-lag":     "min-replicas-max-lag",
	"slave-read-only":        "replica-read-only",
	"slave-serve-stale-data": "replica-serve-stale-data",
	"slave-ignore-maxmemory": "replica-ignore-maxmemory",
	"slave-lazy-flush":       "replica-lazy-flush",
	"repl-ping-slave-period": "repl-ping-replica-period",
}

// Owned directives are the operator's: they carry identity, topology, secrets
// and what makes a restart safe. A name that ends in * stands for all names
// that begin so. The value, where there is one, says which field to use.
var Owned = map[string]string{
	"save":        "set spec.persistence.save instead",
	"requirepass": "set spec.auth.secretRef instead",
	"masterauth":  "set spec.auth.secretRef instead",
	"masteruser":  "", "user": "", "aclfile": "",

	"replicaof": "the shape says who feeds from whom", "slaveof": "the shape says who feeds from whom",
	"replica-announce*": "", "slave-announce*": "",
	"replica-priority": "the member with the freshest data is promoted",
	"slave-priority":   "the member with the freshest data is promoted",
	"replica-protect*": "the shield is always on",

	"port": "", "bind": "", "bind-source-addr": "", "unixsocket": "", "unixsocketperm": "",
	"protected-mode": "", "tls-*": "", "admin-*": "", "managed*": "", "cluster-*": "",
	"dir": "", "dbfilename": "", "rdb-del-sync-files": "",
	"appendonly": "", "appendfilename": "", "appenddirname": "", "appendfsync": "",
	"daemonize": "", "supervised": "", "pidfile": "", "logfile": "", "syslog-*": "",
	"include": "", "loadmodule": "", "rename-command": "", "enable-*": "",
	"shutdown-on-sigterm": "", "shutdown-on-sigint": "",
}

// IsOwned tells whether the operator owns the directive, and which field to use
// in its place, if there is one.
func IsOwned(directive string) (hint string, owned bool) {
	if hint, owned = Owned[directive]; owned {
		return hint, true
	}
	for name, hint := range Owned {
		if prefix, isPattern := strings.CutSuffix(name, "*"); isPattern && strings.HasPrefix(directive, prefix) {
			return hint, true
		}
	}
	return "", false
}
