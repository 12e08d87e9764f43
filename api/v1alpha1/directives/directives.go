// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Package directives is the one place that knows which redis.conf directives a
// group's `config` may hold. The validation rules of v1alpha1.Config are
// generated from it, so the API server and the Go code cannot disagree. It
// imports nothing of the API, which is what lets the generator read it before
// the generated code is there.
package directives

import "strings"

// Kind is the form of a directive's value.
type Kind struct {
	Words   string // what it is, after "needs"
	Pattern string // RE2, of the whole value
	Example string
}

// The kinds. They are at most as wide as what a node accepts, so that nothing
// that passes keeps a node from starting.
var (
	yesNo    = Kind{"yes or no", "yes|no", "yes"}
	count    = Kind{"a whole number", "0|[1-9][0-9]{0,8}", "0"}
	positive = Kind{"a whole number above 0", "[1-9][0-9]{0,8}", "1"}
	effort   = Kind{"a number from 1 to 10", "[1-9]|10", "10"}
	fill     = Kind{"a number of elements, or -1 to -5 for 4 to 64 KiB", "-[1-5]|[1-9][0-9]{0,8}", "-2"}
	micros   = Kind{"a number of microseconds, or -1 for never", "-1|0|[1-9][0-9]{0,8}", "-1"}
	memory   = Kind{"an amount of memory such as 100mb", "(?i:" + amount + ")", "100mb"}
	large    = Kind{"an amount of memory from 1mb, in mb or gb", "(?i:[1-9][0-9]{0,8}[mg]b)", "1mb"}
	atLeast1 = Kind{"an amount of memory above 0, such as 1mb", "(?i:[1-9][0-9]{0,14}|[1-9][0-9]{0,8}[kmg]b?)", "1"}
	policy   = Kind{"noeviction: nodes do not evict keys, at the limit writes are refused", "noeviction", "noeviction"}
	level    = Kind{"debug, verbose, notice or warning", "debug|verbose|notice|warning", "notice"}
	diskless = Kind{"disabled, on-empty-db or swapdb", "disabled|on-empty-db|swapdb", "swapdb"}
	limits   = Kind{"classes of clients with their limits, such as replica 256mb 64mb 60",
		"(?i:" + limit + "( " + limit + "){0,3})", "replica 256mb 64mb 60 pubsub 32mb 8mb 60"}
)

const (
	amount = "0|[1-9][0-9]{0,14}|[1-9][0-9]{0,8}[kmg]b?"
	limit  = "(normal|replica|slave|pubsub) (" + amount + ") (" + amount + ") (0|[1-9][0-9]{0,8})"
)

// Permitted are the directives that a user may set, in redis.conf's current
// spelling. Each is one that the node obeys; see Spellings for the older names.
var Permitted = map[string]Kind{
	// Memory and expiry.
	"maxmemory": memory, "maxmemory-policy": policy, "replica-ignore-maxmemory": yesNo,
	"active-expire-effort": effort, "hz": count,
	"lazyfree-lazy-expire": yesNo, "lazyfree-lazy-user-flush": yesNo,
	// Clients and network.
	"databases": positive, "maxclients": positive, "timeout": count, "tcp-keepalive": count, "tcp-backlog": count,
	"client-output-buffer-limit": limits, "client-query-buffer-limit": large, "proto-max-bulk-len": large,
	// Replication.
	"min-replicas-to-write": count, "min-replicas-max-lag": count,
	"replica-read-only": yesNo, "replica-serve-stale-data": yesNo,
	"repl-backlog-size": atLeast1, "repl-backlog-ttl": count, "repl-disable-tcp-nodelay": yesNo,
	"repl-diskless-load": diskless, "repl-diskless-sync": yesNo, "repl-diskless-sync-delay": count,
	"repl-diskless-sync-max-replicas": count, "repl-ping-replica-period": positive, "repl-timeout": positive,
	// Snapshots.
	"rdbchecksum": yesNo, "rdbcompression": yesNo, "rdb-save-incremental-fsync": yesNo, "stop-writes-on-bgsave-error": yesNo,
	// Encodings and scripts.
	"hash-max-listpack-entries": count, "hash-max-listpack-value": count, "set-max-intset-entries": count,
	"zset-max-listpack-entries": count, "zset-max-listpack-value": count, "list-max-listpack-size": fill,
	"hll-sparse-max-bytes": count, "busy-reply-threshold": count,
	// Observation and the end.
	"loglevel": level, "slowlog-log-slower-than": micros, "slowlog-max-len": count, "shutdown-timeout": count,
}

// Spellings maps Redis's older names of directives to the current ones. Both
// are accepted, but not both in one group.
var Spellings = map[string]string{
	"min-slaves-to-write":    "min-replicas-to-write",
	"min-slaves-max-lag":     "min-replicas-max-lag",
	"slave-read-only":        "replica-read-only",
	"slave-serve-stale-data": "replica-serve-stale-data",
	"slave-ignore-maxmemory": "replica-ignore-maxmemory",
	"repl-ping-slave-period": "repl-ping-replica-period",

	"hash-max-ziplist-entries": "hash-max-listpack-entries",
	"hash-max-ziplist-value":   "hash-max-listpack-value",
	"zset-max-ziplist-entries": "zset-max-listpack-entries",
	"zset-max-ziplist-value":   "zset-max-listpack-value",
	"list-max-ziplist-size":    "list-max-listpack-size",
	"lua-time-limit":           "busy-reply-threshold",
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
	"aof-*": "", "auto-aof-*": "", "no-appendfsync-on-rewrite": "",
	"daemonize": "", "supervised": "", "pidfile": "", "logfile": "", "syslog-*": "",
	"include": "", "loadmodule": "", "rename-command": "", "enable-*": "",
	"key-load-delay": testing, "rdb-key-save-delay": testing, "loading-process-events-interval-bytes": testing,

	"shutdown-on-sigterm": "", "shutdown-on-sigint": "",
}

const testing = "it is there for tests of the node"

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
