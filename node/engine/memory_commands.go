// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/resp"
)

func (e *Engine) memoryCommands() []command.Spec {
	special := []string{"nondeterministic_output", "request_policy:all_shards", "response_policy:special"}
	return []command.Spec{{
		Name: "memory", Arity: -2, Group: "server", Since: "4.0.0",
		Summary: "Commands about memory", Complexity: "Depends on subcommand.",
		Sub: []command.Spec{
			{Name: "doctor", Arity: 2, Tips: special, Since: "4.0.0",
				Summary: "Say what is wrong with the use of memory", Complexity: "O(1)", Handler: e.memoryDoctor},
			{Name: "malloc-stats", Arity: 2, Tips: special, Since: "4.0.0",
				Summary: "Show the allocator's own figures", Complexity: "O(1)",
				Handler: func(ctx *command.Context) {
					ctx.Reply.Verbatim("txt", "Stats not supported for the current allocator")
				}},
			{Name: "purge", Arity: 2, Tips: []string{"request_policy:all_shards", "response_policy:all_succeeded"}, Since: "4.0.0",
				Summary: "Give memory back to the system", Complexity: "O(1)",
				Handler: func(ctx *command.Context) { ctx.Reply.OK() }}, // freed slabs are unmapped anyway
			{Name: "stats", Arity: 2, Tips: special, Since: "4.0.0",
				Summary: "Show what memory is used for", Complexity: "O(N) for N clients", Handler: e.memoryStats},
			{Name: "usage", Arity: -3, Flags: command.ReadOnly, Since: "4.0.0",
				Keys:    []command.KeySpec{{Flags: command.KeyRO, Index: 2}},
				Summary: "Tell the memory that a key takes", Complexity: "O(1)", Handler: memoryUsage},
			command.HelpSpec("4.0.0", 0,
				"DOCTOR",
				"    Say what is wrong with the use of memory.",
				"MALLOC-STATS",
				"    Show the allocator's own figures.",
				"PURGE",
				"    Give memory back to the system.",
				"STATS",
				"    Show what memory is used for.",
				"USAGE <key> [SAMPLES <count>]",
				"    Tell the bytes that a key and its value take.",
			),
		},
	}}
}

// memoryUsage takes SAMPLES for its syntax only: nothing needs sampling.
func memoryUsage(ctx *command.Context) {
	for args := ctx.Argv[3:]; len(args) > 0; args = args[2:] {
		if len(args) < 2 || !fold(args[0], "SAMPLES") {
			ctx.Error(command.ErrSyntax)
			return
		}
		n, ok := resp.ParseInt(args[1])
		if !ok {
			ctx.Error(command.ErrNotInteger)
			return
		}
		if n < 0 {
			ctx.Error(command.ErrSyntax)
			return
		}
	}
	if !ctx.Exists(ctx.Argv[2]) {
		ctx.Reply.Null()
		return
	}
	n, _ := ctx.DB.MemoryUsage(ctx.Argv[2]) // it is there
	ctx.Reply.Int(int64(n))
}

func (e *Engine) memoryDoctor(ctx *command.Context) {
	const enough = 5 << 20
	if e.store.UsedMemory() < enough {
		ctx.Reply.Verbatim("txt", "There is too little data in this instance to say anything about its use of memory.\n")
		return
	}
	ctx.Reply.Verbatim("txt", "Nothing is wrong with the use of memory as far as can be told.\n")
}

func (e *Engine) memoryStats(ctx *command.Context) {
	m, census := e.memoryFigures(), e.census()
	w := ctx.Reply
	place, pairs := w.Defer(), 0
	put := func(name string, n int64) {
		w.BulkString(name)
		w.Int(n)
		pairs++
	}
	put("peak.allocated", int64(m.peak))
	put("total.allocated", int64(m.used))
	put("startup.allocated", int64(m.startup))
	put("replication.backlog", e.replication.backlogMemory())
	put("clients.slaves", int64(census.replicaMemory))
	put("clients.normal", int64(census.memory))
	put("cluster.links", 0)
	put("aof.buffer", int64(e.aof.status().Buffered))
	put("overhead.total", int64(m.overhead))
	put("keys.count", int64(e.store.Len()))
	put("keys.bytes-per-key", int64(m.dataset)/int64(max(1, e.store.Len())))
	put("dataset.bytes", int64(m.dataset))
	for _, d := range []struct {
		name  string
		value float64
	}{
		{"dataset.percentage", 100 * float64(m.dataset) / float64(max(1, m.used))},
		{"peak.percentage", 100 * float64(m.used) / float64(max(1, m.peak))},
		{"fragmentation", m.fragmentation()},
	} {
		w.BulkString(d.name)
		w.Double(d.value)
		pairs++
	}
	put("fragmentation.bytes", int64(m.rss)-int64(m.used))
	w.SetMapLen(place, pairs)
}

// latencyCommands is LATENCY of a server whose latency-monitor-threshold is 0:
// nothing was ever sampled.
func (e *Engine) latencyCommands() []command.Spec {
	const flags = command.Admin | command.NoScript | command.Loading | command.Stale
	special := []string{"nondeterministic_output", "request_policy:all_nodes", "response_policy:special"}
	none := func(ctx *command.Context) { ctx.Reply.ArrayLen(0) }
	return []command.Spec{{
		Name: "latency", Arity: -2, Group: "server", Since: "2.8.13",
		Summary: "Commands about latencies", Complexity: "Depends on subcommand.",
		Sub: []command.Spec{
			{Name: "doctor", Arity: 2, Flags: flags, Tips: special, Since: "2.8.13",
				Summary: "Say what is wrong with latencies", Complexity: "O(1)",
				Handler: func(ctx *command.Context) {
					ctx.Reply.Verbatim("txt", "Latencies are not sampled here: they are in the metrics of the admin port.\n")
				}},
			{Name: "graph", Arity: 3, Flags: flags, Tips: special, Since: "2.8.13",
				Summary: "Draw the samples of an event", Complexity: "O(1)",
				Handler: func(ctx *command.Context) {
					ctx.Error("ERR No samples available for event '" + string(ctx.Argv[2]) + "'")
				}},
			{Name: "history", Arity: 3, Flags: flags, Tips: special, Since: "2.8.13",
				Summary: "Show the samples of an event", Complexity: "O(1)", Handler: none},
			{Name: "latest", Arity: 2, Flags: flags, Tips: special, Since: "2.8.13",
				Summary: "Show the last sample of every event", Complexity: "O(1)", Handler: none},
			{Name: "reset", Arity: -2, Flags: flags, Tips: []string{"request_policy:all_nodes", "response_policy:all_succeeded"}, Since: "2.8.13",
				Summary: "Forget the samples", Complexity: "O(1)",
				Handler: func(ctx *command.Context) { ctx.Reply.Int(0) }},
			command.HelpSpec("2.8.13", 0,
				"DOCTOR",
				"    Say what is wrong with latencies.",
				"GRAPH <event>",
				"    Draw the samples of an event.",
				"HISTORY <event>",
				"    Show the samples of an event.",
				"LATEST",
				"    Show the last sample of every event.",
				"RESET [<event> ...]",
				"    Forget the samples, of all events or of those named.",
			),
		},
	}}
}
