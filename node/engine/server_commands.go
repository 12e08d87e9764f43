// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"slices"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/resp"
	"github.com/espalier-io/espalier/node/store"
)

// serverCommands are the commands about the server as a whole; each container
// has a file of its own.
func (e *Engine) serverCommands() []command.Spec {
	const group = "server"
	everywhere := []string{"request_policy:all_shards", "response_policy:all_succeeded"}
	plain := []command.Spec{
		{Name: "dbsize", Arity: 1, Flags: command.ReadOnly | command.Fast, Categories: command.CatKeyspace, Group: group,
			Tips: []string{"request_policy:all_shards", "response_policy:agg_sum"}, Since: "1.0.0",
			Summary: "Count the keys of the selected database", Complexity: "O(1)",
			Handler: func(ctx *command.Context) { ctx.Reply.Int(int64(ctx.DB.Len())) }},
		{Name: "flushall", Arity: -1, Flags: command.Write, Categories: command.CatKeyspace | command.CatDangerous, Group: group,
			Tips: everywhere, Since: "1.0.0",
			Summary: "Remove all keys of all databases", Complexity: "O(1), the memory is freed in the background", Handler: e.flushAll},
		{Name: "flushdb", Arity: -1, Flags: command.Write, Categories: command.CatKeyspace | command.CatDangerous, Group: group,
			Tips: everywhere, Since: "1.0.0",
			Summary: "Remove all keys of the selected database", Complexity: "O(1), the memory is freed in the background", Handler: e.flushDB},
		{Name: "info", Arity: -1, Flags: command.Loading | command.Stale | command.Unquarantine, Categories: command.CatDangerous, Group: group,
			Tips: []string{"nondeterministic_output", "request_policy:all_shards", "response_policy:special"}, Since: "1.0.0",
			Summary: "Show figures and the state of the server", Complexity: "O(N) for N clients", Handler: e.info},
		{Name: "monitor", Arity: 1, Flags: command.Admin | command.NoScript | command.Loading | command.Stale, Group: group, Since: "1.0.0",
			Summary: "Show every command as it is executed", Handler: e.monitor},
		{Name: "shutdown", Arity: -1, Group: group, Since: "1.0.0",
			Flags:   command.Admin | command.NoScript | command.Loading | command.Stale | command.NoMulti | command.AllowBusy | command.Unquarantine,
			Summary: "Save the data set, if so configured, and end the process", Complexity: "O(N) for N keys when saving", Handler: e.shutdownCommand},
		{Name: "swapdb", Arity: 3, Flags: command.Write | command.Fast, Categories: command.CatKeyspace | command.CatDangerous, Group: group, Since: "4.0.0",
			Summary: "Swap two databases", Complexity: "O(N) for N watching clients", Handler: e.swapDB},
		{Name: "time", Arity: 1, Flags: command.Loading | command.Stale | command.Fast, Group: group,
			Tips: []string{"nondeterministic_output"}, Since: "2.6.0",
			Summary: "Return the server's time", Complexity: "O(1)", Handler: e.time},
	}
	return slices.Concat(plain, e.clientCommands(), e.commandCommands(), e.configCommands(), e.debugCommands(),
		e.slowlogCommands(), e.memoryCommands(), e.latencyCommands())
}

func (e *Engine) time(ctx *command.Context) {
	now := e.startedAt.Add(e.sinceStart())
	ctx.Reply.ArrayLen(2)
	ctx.Reply.BulkInt(now.Unix())
	ctx.Reply.BulkInt(int64(now.Nanosecond() / 1000))
}

// flushMode reads the option of FLUSHALL and FLUSHDB.
func (e *Engine) flushMode(ctx *command.Context) (lazy, ok bool) {
	switch {
	case len(ctx.Argv) == 1:
		return e.cfg.LazyfreeLazyUserFlush, true
	case len(ctx.Argv) == 2 && fold(ctx.Argv[1], "SYNC"):
		return false, true
	case len(ctx.Argv) == 2 && fold(ctx.Argv[1], "ASYNC"):
		return true, true
	}
	ctx.Error(command.ErrSyntax)
	return false, false
}

// flushDB is propagated even where there was nothing to remove, as is
// FLUSHALL: the replicas may know better.
func (e *Engine) flushDB(ctx *command.Context) {
	lazy, ok := e.flushMode(ctx)
	if !ok {
		return
	}
	e.watched.touchDatabase(ctx.Index, ctx.DB, nil, e.now)
	ctx.Changed(e.store.FlushDB(ctx.Index, lazy))
	ctx.Propagate(ctx.Argv...)
	ctx.Reply.OK()
}

func (e *Engine) flushAll(ctx *command.Context) {
	lazy, ok := e.flushMode(ctx)
	if !ok {
		return
	}
	ctx.Changed(e.emptyStore(lazy))
	e.forgetDump()
	ctx.Propagate(ctx.Argv...)
	ctx.Reply.OK()
}

// emptyStore removes every key of every database and returns how many they
// were.
func (e *Engine) emptyStore(lazy bool) int {
	for i := range e.store.NumDBs() {
		e.watched.touchDatabase(i, e.store.DB(i), nil, e.now)
	}
	return e.store.FlushAll(lazy)
}

func (e *Engine) swapDB(ctx *command.Context) {
	i, ok := resp.ParseInt(ctx.Argv[1])
	if !ok {
		ctx.Error("ERR invalid first DB index")
		return
	}
	j, ok := resp.ParseInt(ctx.Argv[2])
	if !ok {
		ctx.Error("ERR invalid second DB index")
		return
	}
	n := int64(e.store.NumDBs())
	if i < 0 || j < 0 || i >= n || j >= n {
		ctx.Error(command.ErrDBIndex)
		return
	}
	if i != j {
		a, b := e.store.DB(int(i)), e.store.DB(int(j))
		e.watched.touchDatabase(int(i), a, b, e.now)
		e.watched.touchDatabase(int(j), b, a, e.now)
		e.store.SwapDB(int(i), int(j))
		e.waiting.touchDatabase(int(i))
		e.waiting.touchDatabase(int(j))
	}
	ctx.Changed(1)
	ctx.Reply.OK()
}

// adoptStore replaces the whole data set by another one, loaded beside it. The
// old one's memory is freed, and a snapshot of it ends.
func (e *Engine) adoptStore(next *store.Store) {
	if e.snapshot != nil {
		e.snapshot.cancel()
	}
	e.local.forget()
	old := e.store
	for i := range old.NumDBs() {
		e.watched.touchDatabase(i, old.DB(i), next.DB(i), e.now)
	}
	e.store = next
	for _, s := range e.sessions {
		s.selectDB(s.index)
	}
	e.ctx.Store, e.ctx.DB = next, nil
	for i := range next.NumDBs() {
		e.waiting.touchDatabase(i)
	}
	e.configureStore(next)
	old.Close()
}
