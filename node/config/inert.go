// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"math"
	"strings"
)

// The directives that are accepted without effect. Where silence would be
// dangerous (a password file, TLS), the value that asks for what the
// node does not do is refused instead.

const (
	noFork     = "nothing is forked: snapshots are taken inside the process"
	ownThreads = "the node arranges its threads itself"
	ownMemory  = "values are kept outside the allocator that this tunes"
	foreground = "the node stays in the foreground and logs to a file or standard output"
	noCluster  = "the node is not a member of a Redis Cluster"
	noTLS      = "the node does not speak TLS"
	noEviction = "keys are not evicted: at the limit, writes are refused"
	noModules  = "the node loads no modules"
	noACL      = "the node has one user, with requirepass"
)

// refusing gives a row a rule under which a value is refused with a reason.
func refusing(d directive, reason string) directive {
	no := refusal(reason)
	switch k := d.kind.(type) {
	case *boolean:
		k.check = func(on bool) error {
			if on {
				return no
			}
			return nil
		}
	case *text:
		k.check = func(s string) error {
			if s != "" {
				return no
			}
			return nil
		}
	case *number:
		k.check = func(n int64) error {
			if n != 0 {
				return no
			}
			return nil
		}
	default:
		panic("config: no rule of refusal for " + d.name)
	}
	return d
}

// because gives rows one reason for being without effect.
func because(reason string, rows ...directive) []directive {
	for i := range rows {
		rows[i].inert = reason
	}
	return rows
}

func flatten(groups ...[]directive) []directive {
	var all []directive
	for _, g := range groups {
		all = append(all, g...)
	}
	return all
}

func inertServerDirectives() []directive {
	facilities := named("user", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7")
	procTitle := heldStr("proc-title-template", "{title} {listen-addr} {server-mode}").checked(checkProcTitle)
	percentiles := &heldList{def: "50 99 99.9", parse: parsePercentiles, force: true}
	return flatten(
		because(foreground,
			heldYesNo("daemonize", false).with(immutable),
			heldOneOf("supervised", 3, named("upstart", "systemd", "auto", "no")).with(immutable),
			heldYesNo("syslog-enabled", false).with(immutable),
			heldStr("syslog-ident", "redis").with(immutable),
			heldOneOf("syslog-facility", 1, facilities).with(immutable),
			heldYesNo("always-show-logo", false).with(immutable),
			heldYesNo("set-proc-title", true).with(immutable),
			procTitle,
		),
		because(ownThreads,
			heldNum("io-threads", 1, 128, 1).with(immutable),
			heldYesNo("io-threads-do-reads", false).with(immutable),
			heldOptionalStr("server_cpulist").with(immutable),
			heldOptionalStr("bio_cpulist").with(immutable),
			heldYesNo("dynamic-hz", true),
		),
		because("the node marks no sockets",
			heldNum("socket-mark-id", 0, math.MaxUint32, 0).asUnsigned().with(immutable),
		),
		because("the Go runtime reports crashes",
			heldYesNo("crash-log-enabled", true),
			heldYesNo("crash-memcheck-enabled", true),
			heldYesNo("use-exit-on-panic", false).with(hidden),
			heldNum("watchdog-period", 0, maxInt, 0).with(hidden),
		),
		because("latencies are in the metrics of the control port",
			heldYesNo("latency-tracking", true),
			heldNum("latency-monitor-threshold", 0, math.MaxInt64, 0),
			directive{name: "latency-tracking-info-percentiles", props: multiArg, kind: percentiles},
		),
		because(noModules, heldOneOf("enable-module-command", 0, named("no", "yes", "local")).with(immutable)),
		because(noACL,
			refusing(heldStr("aclfile", "").with(immutable), "aclfile is not supported by this node: "+noACL),
			heldOneOf("acl-pubsub-default", 1, named("allchannels", "resetchannels")),
			heldNum("acllog-max-len", 0, math.MaxInt64, 128),
		),
		because("keyspace events are not published", directive{
			name: "notify-keyspace-events",
			kind: &heldList{parse: parseNotifyEvents, write: quote},
		}),
		because("client-side caching is not offered", heldNum("tracking-table-max-keys", 0, math.MaxInt64, 1000000).asUnsigned()),
		because("a command that fails on a replica ends the link to its master",
			heldOneOf("propagation-error-behavior", 0, named("ignore", "panic", "panic-on-replicas")),
			heldYesNo("replica-ignore-disk-write-errors", false),
		),
		because("the node makes no such checks", heldStr("ignore-warnings", "")),
	)
}

func checkProcTitle(template string) error {
	bad := refusal("template format is invalid or contains unknown variables")
	rest := template
	for {
		_, after, found := strings.Cut(rest, "{")
		if !found {
			break
		}
		name, tail, closed := strings.Cut(after, "}")
		switch name {
		case "title", "listen-addr", "server-mode", "port", "tls-port", "unixsocket", "config-file":
		default:
			return bad
		}
		if !closed {
			return bad
		}
		rest = tail
	}
	if strings.TrimSpace(template) == "" {
		return bad
	}
	return nil
}

func inertPersistenceDirectives() []directive {
	return flatten(
		because(noFork,
			heldOptionalStr("aof_rewrite_cpulist").with(immutable),
			heldOptionalStr("bgsave_cpulist").with(immutable),
		),
		because("the node answers all the time while it loads",
			heldNum("loading-process-events-interval-bytes", 1024, maxInt, 2<<20).with(hidden)),
		because("dumps are always checked in full", heldOneOf("sanitize-dump-payload", 0, named("no", "yes", "clients"))),
		because("dumps written for a replica are removed anyway", heldYesNo("rdb-del-sync-files", false)),
	)
}

func inertMemoryDirectives() []directive {
	oomScores := &heldList{def: "0 200 800", parse: parseOOMScores}
	return flatten(
		because(noEviction,
			heldNum("maxmemory-samples", 1, maxInt, 5),
			heldNum("maxmemory-eviction-tenacity", 0, 100, 10),
			heldYesNo("lazyfree-lazy-eviction", false),
		),
		because("access counters grow and fade by Redis's defaults",
			heldNum("lfu-log-factor", 0, maxInt, 10),
			heldNum("lfu-decay-time", 0, maxInt, 1),
		),
		because("memory is always given back beside the commands, not in them",
			heldYesNo("lazyfree-lazy-server-del", false),
			heldYesNo("lazyfree-lazy-user-del", false),
			heldYesNo("replica-lazy-flush", false).as("slave-lazy-flush"),
		),
		because("clients are bounded one by one, by client-output-buffer-limit and client-query-buffer-limit",
			heldNum("maxmemory-clients", -100, math.MaxInt64, 0).in(memoryOrPercent)),
		because("the scores are those that the process is started with",
			heldOneOf("oom-score-adj", 0, enum{{"no", 0}, {"yes", 1}, {"relative", 1}, {"absolute", 2}}),
			directive{name: "oom-score-adj-values", props: multiArg, kind: oomScores},
		),
		because(ownMemory,
			heldYesNo("activerehashing", true),
			heldYesNo("jemalloc-bg-thread", true),
			heldYesNo("disable-thp", true).with(immutable),
			heldYesNo("activedefrag", false),
			heldNum("active-defrag-cycle-min", 1, 99, 1),
			heldNum("active-defrag-cycle-max", 1, 99, 25),
			heldNum("active-defrag-threshold-lower", 0, 1000, 10),
			heldNum("active-defrag-threshold-upper", 0, 1000, 100),
			heldNum("active-defrag-max-scan-fields", 1, math.MaxInt64, 1000),
			heldNum("active-defrag-ignore-bytes", 1, math.MaxInt64, 100<<20).in(memory).asUnsigned(),
		),
	)
}

func inertEncodingDirectives() []directive {
	return flatten(
		because("nodes of lists are kept as they are", heldNum("list-compress-depth", 0, maxInt, 0)),
		because("the node holds no such values",
			heldNum("stream-node-max-bytes", 0, math.MaxInt64, 4096).in(memory).asUnsigned(),
			heldNum("stream-node-max-entries", 0, math.MaxInt64, 100),
		),
	)
}

func inertClusterDirectives() []directive {
	port := func(name string) directive { return heldNum(name, 0, 65535, 0) }
	return because(noCluster,
		refusing(heldYesNo("cluster-enabled", false).with(immutable), "cluster-enabled yes is not supported by this node: "+noCluster),
		heldStr("cluster-config-file", "nodes.conf").with(immutable),
		heldNum("cluster-node-timeout", 0, math.MaxInt64, 15000),
		port("cluster-port").with(immutable),
		port("cluster-announce-port"),
		port("cluster-announce-tls-port"),
		port("cluster-announce-bus-port"),
		heldOptionalStr("cluster-announce-ip"),
		heldOptionalStr("cluster-announce-hostname").checked(checkHostname),
		heldOneOf("cluster-preferred-endpoint-type", 0, named("ip", "hostname", "unknown-endpoint")),
		heldNum("cluster-replica-validity-factor", 0, maxInt, 10).as("cluster-slave-validity-factor"),
		heldYesNo("cluster-replica-no-failover", false).as("cluster-slave-no-failover"),
		heldNum("cluster-migration-barrier", 0, maxInt, 1),
		heldYesNo("cluster-allow-replica-migration", true),
		heldYesNo("cluster-require-full-coverage", true),
		heldYesNo("cluster-allow-reads-when-down", false),
		heldYesNo("cluster-allow-pubsubshard-when-down", true),
		heldNum("cluster-link-sendbuf-limit", 0, -1, 0).in(memory).asUnsigned(),
	)
}

func checkHostname(name string) error {
	const longest = 256 // with C's closing NUL
	if len(name) >= longest {
		return refusal(fmt.Sprintf("Hostnames must be less than %d characters", longest))
	}
	for _, c := range name {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '.':
		default:
			return refusal("Hostnames may only contain alphanumeric characters, hyphens or dots")
		}
	}
	return nil
}

func inertTLSDirectives() []directive {
	rows := []directive{
		refusing(heldNum("tls-port", 0, 65535, 0), "tls-port is not supported by this node: "+noTLS),
		refusing(heldYesNo("tls-replication", false), "tls-replication yes is not supported by this node: "+noTLS),
		heldYesNo("tls-cluster", false),
		heldOneOf("tls-auth-clients", 1, named("no", "yes", "optional")),
		heldYesNo("tls-prefer-server-ciphers", false),
		heldYesNo("tls-session-caching", true),
		heldNum("tls-session-cache-size", 0, maxInt, 20480),
		heldNum("tls-session-cache-timeout", 0, maxInt, 300),
	}
	for _, name := range []string{
		"tls-cert-file", "tls-key-file", "tls-client-cert-file", "tls-client-key-file",
		"tls-dh-params-file", "tls-ca-cert-file", "tls-ca-cert-dir",
		"tls-protocols", "tls-ciphers", "tls-ciphersuites",
	} {
		rows = append(rows, heldOptionalStr(name))
	}
	for _, name := range []string{"tls-key-file-pass", "tls-client-key-file-pass"} {
		rows = append(rows, heldOptionalStr(name).with(sensitive))
	}
	return because(noTLS, rows...)
}
