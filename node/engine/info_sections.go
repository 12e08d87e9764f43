// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/config"
	"github.com/espalier-io/espalier/node/info"
)

// Version is our own, beside the version of Redis that clients compare with.
// The build sets it.
var Version = "dev"

// registerInfo names the sections of INFO, in Redis's order. What a field means
// where we work differently: nothing is forked, so the cow and fork fields are
// those of snapshots; figures of allocators, and of scripts that we do not
// have are left out, but for those that tools rely on.
func (e *Engine) registerInfo() {
	r := &e.sections
	r.Register("server", "Server", info.ByDefault, e.infoServer)
	r.Register("clients", "Clients", info.ByDefault, e.infoClients)
	r.Register("memory", "Memory", info.ByDefault, e.infoMemory)
	r.Register("persistence", "Persistence", info.ByDefault, e.infoPersistence)
	r.Register("stats", "Stats", info.ByDefault, e.infoStats)
	r.Register("replication", "Replication", info.ByDefault, e.infoReplication)
	if e.managed.on {
		r.Register("espalier", "Espalier", info.ByDefault, e.infoManaged)
	}
	r.Register("cpu", "CPU", info.ByDefault, e.infoCPU)
	r.Register("modules", "Modules", info.InEverything, func(*info.Fields) {})
	r.Register("commandstats", "Commandstats", info.InAll, e.infoCommandStats)
	r.Register("errorstats", "Errorstats", info.ByDefault, e.infoErrorStats)
	r.Register("cluster", "Cluster", info.ByDefault, func(f *info.Fields) { f.Bool("cluster_enabled", false) })
	r.Register("keyspace", "Keyspace", info.ByDefault, e.infoKeyspace)
}

func (e *Engine) info(ctx *command.Context) {
	ctx.Reply.Verbatim("txt", string(e.sections.Text(texts(ctx.Argv[1:])...)))
}

func (e *Engine) infoServer(f *info.Fields) {
	executable, _ := os.Executable() // "" where the system does not tell
	up := time.Duration(e.clock)
	f.Str("redis_version", config.RedisVersion)
	f.Str("espalier_version", Version)
	f.Str("redis_git_sha1", "00000000")
	f.Int("redis_git_dirty", 0)
	f.Str("redis_build_id", "0")
	f.Str("redis_mode", "standalone")
	f.Str("os", operatingSystem())
	f.Int("arch_bits", 64)
	f.Str("monotonic_clock", "go "+runtime.Version())
	f.Str("multiplexing_api", multiplexing())
	f.Int("process_id", int64(os.Getpid()))
	f.Str("process_supervised", "no")
	f.Str("run_id", e.runID)
	f.Int("tcp_port", int64(e.cfg.Port))
	f.Int("server_time_usec", e.startedAt.Add(up).UnixMicro())
	f.Int("uptime_in_seconds", int64(up/time.Second))
	f.Int("uptime_in_days", int64(up/(24*time.Hour)))
	f.Int("hz", int64(e.cfg.Hz))
	f.Int("configured_hz", int64(e.cfg.Hz))
	f.Int("lru_clock", e.now/1000&0xffffff)
	f.Str("executable", executable)
	f.Str("config_file", e.cfg.File())
	f.Bool("io_threads_active", false)
	if left := e.shutdownLeft(); left >= 0 {
		f.Int("shutdown_in_milliseconds", left)
	}
}

func multiplexing() string {
	if runtime.GOOS == "linux" {
		return "epoll"
	}
	return "goroutines"
}

func (e *Engine) infoClients(f *info.Fields) {
	c := e.census()
	f.Int("connected_clients", int64(c.clients))
	f.Int("cluster_connections", 0)
	f.Int("maxclients", int64(e.cfg.MaxClients))
	f.Int("client_recent_max_input_buffer", int64(c.maxInput))
	f.Int("client_recent_max_output_buffer", int64(c.maxOutput))
	f.Int("blocked_clients", int64(c.blocked))
	f.Int("tracking_clients", 0)
	f.Int("clients_in_timeout_table", int64(c.timing))
}

func (e *Engine) infoMemory(f *info.Fields) {
	m, c, mem := e.memoryFigures(), e.census(), e.store.Memory()
	percent := func(part, whole uint64) string {
		return fmt.Sprintf("%.2f%%", 100*float64(part)/float64(max(1, whole)))
	}
	f.Bytes("used_memory", m.used)
	f.Bytes("used_memory_rss", m.rss)
	f.Bytes("used_memory_peak", m.peak)
	f.Str("used_memory_peak_perc", percent(m.used, m.peak))
	f.Uint("used_memory_overhead", m.overhead)
	f.Uint("used_memory_startup", m.startup)
	f.Uint("used_memory_dataset", m.dataset)
	f.Str("used_memory_dataset_perc", percent(m.dataset, m.used-min(m.used-1, m.startup)))
	f.Uint("allocator_allocated", m.used)
	f.Uint("allocator_active", uint64(mem.Mapped)+m.overhead)
	f.Uint("allocator_resident", m.rss)
	f.Bytes("total_system_memory", m.system)
	e.scripting.info(f)
	f.Bytes("maxmemory", e.cfg.MaxMemory)
	f.Str("maxmemory_policy", e.cfg.MaxMemoryPolicy.String())
	f.Float("mem_fragmentation_ratio", m.fragmentation(), 2)
	f.Int("mem_fragmentation_bytes", int64(m.rss)-int64(m.used))
	f.Int("mem_not_counted_for_evict", 0)
	f.Uint("mem_replication_backlog", m.backlog)
	f.Uint("mem_total_replication_buffers", m.backlog)
	f.Int("mem_clients_slaves", int64(c.replicaMemory))
	f.Int("mem_clients_normal", int64(c.memory))
	f.Int("mem_cluster_links", 0)
	f.Int("mem_aof_buffer", int64(e.aof.status().Buffered))
	f.Str("mem_allocator", "slabs")
	f.Bool("active_defrag_running", false)
	f.Int("lazyfree_pending_objects", int64(mem.Pending))
	f.Int("lazyfreed_objects", 0)
}

func (e *Engine) infoPersistence(f *info.Fields) {
	s := &e.saving
	f.Bool("loading", e.loading != nil)
	f.Bool("async_loading", e.replication.loadsBeside())
	if l := e.loading; l != nil {
		e.infoLoading(f, l)
	}
	keys, total, current := int64(0), int64(0), int64(-1)
	if e.snapshot != nil {
		keys, total = e.snapshot.written, e.snapshot.keys
	}
	if s.job != nil {
		current = (e.clock - s.job.startedAt) / int64(time.Second)
	}
	f.Int("current_cow_peak", int64(s.asidePeak))
	f.Int("current_cow_size", int64(e.store.Memory().Aside))
	f.Int("current_cow_size_age", 0)
	f.Float("current_fork_perc", 100*float64(keys)/float64(max(1, total)), 2)
	f.Int("current_save_keys_processed", keys)
	f.Int("current_save_keys_total", total)
	f.Int("rdb_changes_since_last_save", e.dirty)
	f.Bool("rdb_bgsave_in_progress", s.job != nil || e.snapshot != nil && e.snapshot.req.purpose != forAppendOnly)
	f.Int("rdb_last_save_time", s.lastSave)
	f.Str("rdb_last_bgsave_status", okOrErr(!s.lastFailed))
	f.Int("rdb_last_bgsave_time_sec", wholeSeconds(s.lastTook))
	f.Int("rdb_current_bgsave_time_sec", current)
	f.Int("rdb_saves", s.saves)
	f.Int("rdb_last_cow_size", int64(s.lastAside))
	f.Int("rdb_last_load_keys_expired", e.lastLoad.expired)
	f.Int("rdb_last_load_keys_loaded", e.lastLoad.keys)
	e.aof.info(f)
}

func (e *Engine) infoLoading(f *info.Fields, l *loading) {
	read, total, took := l.read.Load(), l.total.Load(), time.Since(l.startedAt)
	eta := int64(1)
	if read > 0 {
		eta = int64(took.Seconds() * float64(total-read) / float64(read))
	}
	f.Int("loading_start_time", l.startedAt.Unix())
	f.Int("loading_total_bytes", total)
	f.Int("loading_rdb_used_mem", 0)
	f.Int("loading_loaded_bytes", read)
	f.Float("loading_loaded_perc", 100*float64(read)/float64(max(1, total)), 2)
	f.Int("loading_eta_seconds", max(0, eta))
}

func okOrErr(ok bool) string {
	if ok {
		return "ok"
	}
	return "err"
}

// wholeSeconds keeps the -1 that means "never".
func wholeSeconds(d time.Duration) int64 {
	if d < 0 {
		return -1
	}
	return int64(d / time.Second)
}

func (e *Engine) infoStats(f *info.Fields) {
	s, net := &e.stats, e.netStats()
	f.Int("total_connections_received", s.connections)
	f.Int("total_commands_processed", s.commands)
	f.Int("instantaneous_ops_per_sec", s.ops.perSecond)
	f.Int("total_net_input_bytes", net.input)
	f.Int("total_net_output_bytes", net.output)
	f.Int("total_net_repl_input_bytes", net.replInput)
	f.Int("total_net_repl_output_bytes", net.replOutput)
	f.Float("instantaneous_input_kbps", float64(s.input.perSecond)/1024, 2)
	f.Float("instantaneous_output_kbps", float64(s.output.perSecond)/1024, 2)
	f.Int("rejected_connections", s.rejectedConnections)
	f.Int("sync_full", s.fullSyncs)
	f.Int("sync_partial_ok", s.partialSyncs)
	f.Int("sync_partial_err", s.partialSyncsRefused)
	f.Int("expired_keys", s.expired)
	f.Float("expired_stale_perc", s.expiredStale, 2)
	f.Int("expired_time_cap_reached_count", s.expireCapReached)
	f.Int("expire_cycle_cpu_milliseconds", int64(e.expire.cpu/time.Millisecond))
	f.Int("evicted_keys", 0)
	f.Int("evicted_clients", 0)
	f.Int("keyspace_hits", s.hits)
	f.Int("keyspace_misses", s.misses)
	f.Int("pubsub_channels", 0)
	f.Int("pubsub_patterns", 0)
	f.Int("latest_fork_usec", 0)
	f.Int("total_forks", 0)
	f.Int("slave_expires_tracked_keys", int64(len(e.local.keys)))
	f.Int("unexpected_error_replies", 0)
	f.Int("total_error_replies", s.errorReplies)
	f.Int("dump_payload_sanitizations", 0)
	f.Int("client_query_buffer_limit_disconnections", net.queryBufferKills)
	f.Int("client_output_buffer_limit_disconnections", s.limitDisconnects)
}

func (e *Engine) infoCPU(f *info.Fields) {
	user, sys := cpuTime()
	f.Float("used_cpu_sys", sys.Seconds(), 6)
	f.Float("used_cpu_user", user.Seconds(), 6)
	f.Float("used_cpu_sys_children", 0, 6)
	f.Float("used_cpu_user_children", 0, 6)
}

func (e *Engine) infoCommandStats(f *info.Fields) {
	line := func(c *command.Command) {
		st := &c.Stats
		if st.Calls == 0 && st.Rejected == 0 && st.Failed == 0 {
			return
		}
		micros := st.Nanos / 1000
		f.Str("cmdstat_"+strings.ReplaceAll(c.FullName, ":", "_"), fmt.Sprintf(
			"calls=%d,usec=%d,usec_per_call=%.2f,rejected_calls=%d,failed_calls=%d",
			st.Calls, micros, float64(st.Nanos)/1000/float64(max(1, st.Calls)), st.Rejected, st.Failed))
	}
	e.eachCommand(line)
}

// eachCommand visits every command and subcommand.
func (e *Engine) eachCommand(visit func(*command.Command)) {
	for _, c := range e.table.All() {
		visit(c)
		for _, sub := range c.SubList() {
			visit(sub)
		}
	}
}

func (e *Engine) infoErrorStats(f *info.Fields) {
	for _, code := range slices.Sorted(maps.Keys(e.stats.errors)) {
		f.Str("errorstat_"+code, fmt.Sprintf("count=%d", e.stats.errors[code]))
	}
}

func (e *Engine) infoKeyspace(f *info.Fields) {
	for i := range e.store.NumDBs() {
		if db := e.store.DB(i); db.Len() > 0 {
			f.Str(fmt.Sprintf("db%d", i), fmt.Sprintf("keys=%d,expires=%d,avg_ttl=%d",
				db.Len(), db.Expires(), db.AverageTTL(e.now)))
		}
	}
}
