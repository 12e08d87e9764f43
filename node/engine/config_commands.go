// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/config"
	"github.com/espalier-io/espalier/node/log"
	"github.com/espalier-io/espalier/node/store"
)

func (e *Engine) configCommands() []command.Spec {
	const flags = command.Admin | command.NoScript | command.Loading | command.Stale
	return []command.Spec{{
		Name: "config", Arity: -2, Group: "server", Since: "2.0.0",
		Summary: "Commands about the configuration", Complexity: "Depends on subcommand.",
		Sub: []command.Spec{
			{Name: "get", Arity: -3, Flags: flags | command.Unquarantine, Since: "2.0.0",
				Summary: "Show directives", Complexity: "O(N) for N directives", Handler: e.configGet},
			{Name: "resetstat", Arity: 2, Flags: flags, Since: "2.0.0",
				Summary: "Set the figures of INFO to zero", Complexity: "O(1)", Handler: e.configResetStat},
			{Name: "rewrite", Arity: 2, Flags: flags, Since: "2.8.0",
				Summary: "Write the configuration into its file", Complexity: "O(1)", Handler: e.configRewrite},
			{Name: "set", Arity: -4, Flags: flags, Tips: []string{"request_policy:all_nodes", "response_policy:all_succeeded"}, Since: "2.0.0",
				Summary: "Change directives, all or none", Complexity: "O(N) for N directives", Handler: e.configSet},
			command.HelpSpec("5.0.0", 0,
				"GET <pattern> [<pattern> ...]",
				"    Show the directives that match a pattern, with their values.",
				"SET <directive> <value> [<directive> <value> ...]",
				"    Change directives, all or none.",
				"RESETSTAT",
				"    Set the figures of INFO to zero.",
				"REWRITE",
				"    Write the configuration into its file.",
			),
		},
	}}
}

func (e *Engine) configGet(ctx *command.Context) {
	found := e.cfg.Get(texts(ctx.Argv[2:])...)
	ctx.Reply.MapLen(len(found))
	for _, p := range found {
		ctx.Reply.BulkString(p.Name)
		ctx.Reply.BulkString(p.Value)
	}
}

func (e *Engine) configSet(ctx *command.Context) {
	s := ctx.Session.(*Session)
	client := config.Client{Local: s.local(), Loading: e.loading != nil}
	if err := e.cfg.Set(client, texts(ctx.Argv[2:])...); err != nil {
		ctx.Error(err.Error())
		return
	}
	e.replication.obeyConfig()
	ctx.Reply.OK()
}

func (e *Engine) configRewrite(ctx *command.Context) {
	if err := e.cfg.Rewrite(); err != nil {
		e.log.Warningf("CONFIG REWRITE failed: %v", err)
		ctx.Error(err.Error())
		return
	}
	e.log.Noticef("CONFIG REWRITE executed with success.")
	ctx.Reply.OK()
}

func (e *Engine) configResetStat(ctx *command.Context) {
	e.resetStats()
	ctx.Reply.OK()
}

// texts copies arguments that are to be kept as strings.
func texts(args [][]byte) []string {
	out := make([]string, len(args))
	for i, a := range args {
		out[i] = string(a)
	}
	return out
}

// watchConfig makes changed directives take effect where reading them anew
// each time is not enough. What concerns sockets is hooked by who has them.
func (e *Engine) watchConfig() {
	e.cfg.OnChange("requirepass", e.requirePassChanged)
	e.cfg.OnChange("loglevel", func(c *config.Config) error {
		e.log.SetLevel(logLevels[c.LogLevel])
		return nil
	})
	e.cfg.OnChange("slowlog-log-slower-than", func(*config.Config) error {
		e.setSlowAt()
		return nil
	})
	e.cfg.OnChange("slowlog-max-len", func(c *config.Config) error {
		e.slowlog.trim(c.SlowlogMaxLen)
		return nil
	})
	for _, name := range []string{
		"maxmemory-policy", "hash-max-listpack-entries", "hash-max-listpack-value",
		"list-max-listpack-size", "set-max-intset-entries", "zset-max-listpack-entries", "zset-max-listpack-value",
		"hll-sparse-max-bytes",
	} {
		e.cfg.OnChange(name, func(*config.Config) error {
			e.configureStore(e.store)
			return nil
		})
	}
}

var logLevels = map[config.LogLevel]log.Level{
	config.LogDebug: log.Debug, config.LogVerbose: log.Verbose, config.LogNotice: log.Notice, config.LogWarning: log.Warning,
}

// configureStore tells a data set the settings that it obeys.
func (e *Engine) configureStore(st *store.Store) {
	st.SetLimits(limits(&e.cfg.Values, e.debugging.listPlain))
	st.SetAccessPolicy(store.AccessPolicy{LFU: e.cfg.MaxMemoryPolicy.IsLFU(), LogFactor: 10, DecayTime: 1})
	st.SetClock(e.now)
}
