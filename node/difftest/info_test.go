// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package difftest_test

import (
	"regexp"
	"slices"
	"testing"

	"github.com/espalier-io/espalier/node/difftest"
	"github.com/espalier-io/espalier/node/redistest"
)

// withoutMeaning are the fields of Redis's INFO that the node leaves out, with
// the reason.
var withoutMeaning = map[string]string{
	"atomicvar_api": "of a C program", "gcc_version": "of a C program",

	"allocator_frag_ratio": "of jemalloc", "allocator_frag_bytes": "of jemalloc",
	"allocator_rss_ratio": "of jemalloc", "allocator_rss_bytes": "of jemalloc",
	"rss_overhead_ratio": "of jemalloc", "rss_overhead_bytes": "of jemalloc",

	"used_memory_vm_functions": "no functions",
	"used_memory_vm_total":     "no functions", "used_memory_vm_total_human": "no functions",
	"number_of_functions": "no functions", "number_of_libraries": "no functions",
	"used_memory_functions": "no functions",

	"module_fork_in_progress": "no modules", "module_fork_last_cow_size": "no modules",

	"instantaneous_input_repl_kbps": "not sampled", "instantaneous_output_repl_kbps": "not sampled",
	"total_eviction_exceeded_time": "no eviction", "current_eviction_exceeded_time": "no eviction",
	"pubsubshard_channels": "no Redis Cluster", "migrate_cached_sockets": "no Redis Cluster",
	"active_defrag_hits": "no defragmentation", "active_defrag_misses": "no defragmentation",
	"active_defrag_key_hits": "no defragmentation", "active_defrag_key_misses": "no defragmentation",
	"total_active_defrag_time": "no defragmentation", "current_active_defrag_time": "no defragmentation",
	"tracking_total_keys": "no client-side caching", "tracking_total_items": "no client-side caching",
	"tracking_total_prefixes": "no client-side caching",
	"total_reads_processed":   "of Redis's event loop", "total_writes_processed": "of Redis's event loop",
	"io_threaded_reads_processed": "of Redis's event loop", "io_threaded_writes_processed": "of Redis's event loop",
	"reply_buffer_shrinks": "of Redis's event loop", "reply_buffer_expands": "of Redis's event loop",

	"used_cpu_sys_main_thread": "no main thread", "used_cpu_user_main_thread": "no main thread",
}

// TestInfoFields holds INFO to the names of Redis's fields, in Redis's order.
func TestInfoFields(t *testing.T) {
	n, r := difftest.StartNode(t, all()), redistest.Start(t, t.TempDir())
	name := regexp.MustCompile(`(?m)^[a-z0-9_]+:`)
	for _, section := range []string{"server", "clients", "memory", "persistence", "stats", "replication", "cpu", "cluster"} {
		theirs := name.FindAllString(r.Do("INFO", section).Str, -1)
		ours := name.FindAllString(n.Do(t, "INFO", section).Str, -1)
		last := -1
		for _, field := range theirs {
			plain := field[:len(field)-1]
			at := slices.Index(ours, field)
			switch {
			case withoutMeaning[plain] != "" && at >= 0:
				t.Errorf("%s: %s is there after all", section, plain)
			case withoutMeaning[plain] != "":
			case at < 0:
				t.Errorf("%s lacks %s", section, plain)
			case at < last:
				t.Errorf("%s: %s is not where Redis has it", section, plain)
			}
			last = max(last, at)
		}
	}
}
