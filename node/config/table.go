// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"math"
	"time"
)

// The directives that have an effect, in the order of Redis's own redis.conf.

const maxInt = math.MaxInt32 // C's int, which bounds most of Redis's numbers

func networkDirectives() []directive {
	return []directive{
		{name: "bind", props: multiArg, kind: addresses{
			func(v *Values) *[]string { return &v.Bind }, []string{"*", "-::*"},
		}},
		optionalStr("bind-source-addr", func(v *Values) *string { return &v.BindSourceAddr }),
		yesNo("protected-mode", true, func(v *Values) *bool { return &v.ProtectedMode }),
		num("port", 0, 65535, 6379, func(v *Values) *int { return &v.Port }),
		optionalStr("unixsocket", func(v *Values) *string { return &v.UnixSocket }).with(immutable),
		num("unixsocketperm", 0, 0o777, 0, func(v *Values) *int { return &v.UnixSocketPerm }).in(octal).asUnsigned().with(immutable),
		num("tcp-backlog", 0, maxInt, 511, func(v *Values) *int { return &v.TCPBacklog }).with(immutable),
		period("tcp-keepalive", time.Second, 0, maxInt, 300, func(v *Values) *time.Duration { return &v.TCPKeepalive }),
		period("timeout", time.Second, 0, maxInt, 0, func(v *Values) *time.Duration { return &v.ClientTimeout }),
		num("maxclients", 1, math.MaxUint32, 10000, func(v *Values) *int { return &v.MaxClients }).asUnsigned(),
		num("proto-max-bulk-len", 1<<20, math.MaxInt64, 512<<20, func(v *Values) *int64 { return &v.ProtoMaxBulkLen }).in(memory),
		num("client-query-buffer-limit", 1<<20, math.MaxInt64, 1<<30, func(v *Values) *int64 { return &v.ClientQueryBufferLimit }).in(memory).asUnsigned(),
		{name: "client-output-buffer-limit", props: multiArg, kind: outputLimits{}},
		optionalStr("requirepass", func(v *Values) *string { return &v.RequirePass }).with(sensitive),
	}
}

// encodingDirectives say up to which size a collection stays in its small form.
func encodingDirectives() []directive {
	size := func(name string, def int64, at func(*Values) *int64) directive {
		return num(name, 0, math.MaxInt64, def, at).asUnsigned()
	}
	return []directive{
		size("hash-max-listpack-entries", 512, func(v *Values) *int64 { return &v.HashMaxListpackEntries }).as("hash-max-ziplist-entries"),
		size("hash-max-listpack-value", 64, func(v *Values) *int64 { return &v.HashMaxListpackValue }).in(memory).as("hash-max-ziplist-value"),
		num("list-max-listpack-size", math.MinInt32, maxInt, -2, func(v *Values) *int { return &v.ListMaxListpackSize }).as("list-max-ziplist-size"),
		size("set-max-intset-entries", 512, func(v *Values) *int64 { return &v.SetMaxIntsetEntries }),
		size("zset-max-listpack-entries", 128, func(v *Values) *int64 { return &v.ZSetMaxListpackEntries }).as("zset-max-ziplist-entries"),
		size("zset-max-listpack-value", 64, func(v *Values) *int64 { return &v.ZSetMaxListpackValue }).in(memory).as("zset-max-ziplist-value"),
		size("hll-sparse-max-bytes", 3000, func(v *Values) *int64 { return &v.HLLSparseMaxBytes }).in(memory),
	}
}

func generalDirectives() []directive {
	seconds, micros := time.Second, time.Microsecond
	hz := num("hz", 0, maxInt, 10, func(v *Values) *int { return &v.Hz })
	hz.kind.(*number).fix = func(n int64) int64 { return min(max(n, 1), 500) }
	return []directive{
		num("databases", 1, maxInt, 16, func(v *Values) *int { return &v.Databases }).with(immutable),
		hz,
		num("active-expire-effort", 1, 10, 1, func(v *Values) *int { return &v.ActiveExpireEffort }),
		yesNo("lazyfree-lazy-expire", false, func(v *Values) *bool { return &v.LazyfreeLazyExpire }),
		yesNo("lazyfree-lazy-user-flush", false, func(v *Values) *bool { return &v.LazyfreeLazyUserFlush }),
		oneOf("loglevel", named("debug", "verbose", "notice", "warning"), LogNotice, func(v *Values) *LogLevel { return &v.LogLevel }),
		str("logfile", "", func(v *Values) *string { return &v.LogFile }).with(immutable),
		optionalStr("pidfile", func(v *Values) *string { return &v.PidFile }).with(immutable),
		period("slowlog-log-slower-than", micros, -1, math.MaxInt64, 10000, func(v *Values) *time.Duration { return &v.SlowlogLogSlowerThan }),
		num("slowlog-max-len", 0, math.MaxInt64, 128, func(v *Values) *int64 { return &v.SlowlogMaxLen }),
		num("busy-reply-threshold", 0, math.MaxInt64, 5000, func(v *Values) *int64 { return &v.BusyReplyThreshold }).as("lua-time-limit"),
		period("shutdown-timeout", seconds, 0, maxInt, 10, func(v *Values) *time.Duration { return &v.ShutdownTimeout }),
		onSignal("shutdown-on-sigint", func(v *Values) *ShutdownFlags { return &v.ShutdownOnSigint }),
		onSignal("shutdown-on-sigterm", func(v *Values) *ShutdownFlags { return &v.ShutdownOnSigterm }),
		oneOf("enable-debug-command", permissions, PermitNone, func(v *Values) *Permission { return &v.EnableDebugCommand }).with(immutable),
		oneOf("enable-protected-configs", permissions, PermitNone, func(v *Values) *Permission { return &v.EnableProtectedConfigs }).with(immutable),
		period("key-load-delay", micros, math.MinInt32, maxInt, 0, func(v *Values) *time.Duration { return &v.KeyLoadDelay }).with(hidden),
		period("rdb-key-save-delay", micros, math.MinInt32, maxInt, 0, func(v *Values) *time.Duration { return &v.RDBKeySaveDelay }).with(hidden),
		num("maxmemory", 0, -1, 0, func(v *Values) *uint64 { return &v.MaxMemory }).in(memory).asUnsigned(),
		oneOf("maxmemory-policy", policyNames, NoEviction, func(v *Values) *MaxMemoryPolicy { return &v.MaxMemoryPolicy }),
	}
}

var permissions = enum{{"no", int(PermitNone)}, {"yes", int(PermitAll)}, {"local", int(PermitLocal)}}

var policyNames = enum{
	{"volatile-lru", int(VolatileLRU)}, {"volatile-lfu", int(VolatileLFU)},
	{"volatile-random", int(VolatileRandom)}, {"volatile-ttl", int(VolatileTTL)},
	{"allkeys-lru", int(AllKeysLRU)}, {"allkeys-lfu", int(AllKeysLFU)},
	{"allkeys-random", int(AllKeysRandom)}, {"noeviction", int(NoEviction)},
}

func onSignal(name string, at func(*Values) *ShutdownFlags) directive {
	d := oneOf(name, enum{
		{"default", 0}, {"save", int(ShutdownSave)}, {"nosave", int(ShutdownNoSave)},
		{"now", int(ShutdownNow)}, {"force", int(ShutdownForce)},
	}, 0, at).with(multiArg)
	c := d.kind.(*choice)
	c.flags = true
	c.check = func(set int) error {
		if both := int(ShutdownSave | ShutdownNoSave); set&both == both {
			return refusal("shutdown options SAVE and NOSAVE can't be used simultaneously")
		}
		return nil
	}
	return d
}

func persistenceDirectives() []directive {
	return []directive{
		{name: "save", props: multiArg, kind: savePoints{}},
		{name: "dir", props: protected | denyLoading, kind: directory{}},
		str("dbfilename", "dump.rdb", func(v *Values) *string { return &v.DBFilename }).
			with(protected).checked(baseName("dbfilename", "filename")),
		yesNo("rdbcompression", true, func(v *Values) *bool { return &v.RDBCompression }),
		yesNo("rdbchecksum", true, func(v *Values) *bool { return &v.RDBChecksum }).with(immutable),
		yesNo("rdb-save-incremental-fsync", true, func(v *Values) *bool { return &v.RDBSaveIncrementalFsync }),
		yesNo("stop-writes-on-bgsave-error", true, func(v *Values) *bool { return &v.StopWritesOnBgsaveError }),
	}
}

func replicationDirectives() []directive {
	s := time.Second
	backlog := num("repl-backlog-size", 1, math.MaxInt64, 1<<20, func(v *Values) *int64 { return &v.ReplBacklogSize }).in(memory)
	backlog.kind.(*number).fix = func(n int64) int64 { return max(n, 16<<10) }
	return []directive{
		directive{name: "replicaof", props: immutable | multiArg, kind: masterAddress{}}.as("slaveof"),
		optionalStr("masteruser", func(v *Values) *string { return &v.MasterUser }).with(sensitive),
		optionalStr("masterauth", func(v *Values) *string { return &v.MasterAuth }).with(sensitive),
		yesNo("replica-serve-stale-data", true, func(v *Values) *bool { return &v.ReplicaServeStaleData }).as("slave-serve-stale-data"),
		yesNo("replica-read-only", true, func(v *Values) *bool { return &v.ReplicaReadOnly }).as("slave-read-only"),
		yesNo("replica-ignore-maxmemory", true, func(v *Values) *bool { return &v.ReplicaIgnoreMaxMemory }).as("slave-ignore-maxmemory"),
		num("replica-priority", 0, maxInt, 100, func(v *Values) *int { return &v.ReplicaPriority }).as("slave-priority"),
		yesNo("replica-announced", true, func(v *Values) *bool { return &v.ReplicaAnnounced }),
		optionalStr("replica-announce-ip", func(v *Values) *string { return &v.ReplicaAnnounceIP }).as("slave-announce-ip"),
		num("replica-announce-port", 0, 65535, 0, func(v *Values) *int { return &v.ReplicaAnnouncePort }).as("slave-announce-port"),
		yesNo("repl-diskless-sync", true, func(v *Values) *bool { return &v.ReplDisklessSync }),
		period("repl-diskless-sync-delay", s, 0, maxInt, 5, func(v *Values) *time.Duration { return &v.ReplDisklessSyncDelay }),
		num("repl-diskless-sync-max-replicas", 0, maxInt, 0, func(v *Values) *int { return &v.ReplDisklessSyncMaxReplicas }),
		oneOf("repl-diskless-load", named("disabled", "on-empty-db", "swapdb"), DisklessLoadDisabled,
			func(v *Values) *DisklessLoad { return &v.ReplDisklessLoad }).with(denyLoading),
		yesNo("repl-disable-tcp-nodelay", false, func(v *Values) *bool { return &v.ReplDisableTCPNodelay }),
		period("repl-ping-replica-period", s, 1, maxInt, 10, func(v *Values) *time.Duration { return &v.ReplPingReplicaPeriod }).as("repl-ping-slave-period"),
		period("repl-timeout", s, 1, maxInt, 60, func(v *Values) *time.Duration { return &v.ReplTimeout }),
		backlog,
		period("repl-backlog-ttl", s, 0, math.MaxInt64, 3600, func(v *Values) *time.Duration { return &v.ReplBacklogTTL }),
		num("min-replicas-to-write", 0, maxInt, 0, func(v *Values) *int { return &v.MinReplicasToWrite }).as("min-slaves-to-write"),
		period("min-replicas-max-lag", s, 0, maxInt, 10, func(v *Values) *time.Duration { return &v.MinReplicasMaxLag }).as("min-slaves-max-lag"),
	}
}

// ownDirectives are those that Redis does not have.
func ownDirectives() []directive {
	return []directive{
		yesNo("replica-protect-dataset", false, func(v *Values) *bool { return &v.ReplicaProtectDataset }),
		yesNo("managed", false, func(v *Values) *bool { return &v.Managed }).with(immutable),
		optionalStr("managed-group-id", func(v *Values) *string { return &v.ManagedGroupID }).with(immutable),
		num("admin-port", 0, 65535, 0, func(v *Values) *int { return &v.AdminPort }).with(immutable),
		{name: "admin-bind", props: immutable | multiArg, kind: addresses{
			func(v *Values) *[]string { return &v.AdminBind }, []string{"*", "-::*"},
		}},
		optionalStr("admin-token-file", func(v *Values) *string { return &v.AdminTokenFile }).with(immutable),
	}
}
