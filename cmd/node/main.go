// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Command node is the server, started like redis-server:
//
//	node [redis.conf] [--directive value …] [-]
//
// Flags and wiring only; see package engine for what it does.
package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/espalier-io/espalier/node/bitmaps"
	"github.com/espalier-io/espalier/node/config"
	"github.com/espalier-io/espalier/node/engine"
	"github.com/espalier-io/espalier/node/hashes"
	"github.com/espalier-io/espalier/node/hyperloglog"
	"github.com/espalier-io/espalier/node/keys"
	"github.com/espalier-io/espalier/node/lists"
	"github.com/espalier-io/espalier/node/log"
	"github.com/espalier-io/espalier/node/process"
	"github.com/espalier-io/espalier/node/server"
	"github.com/espalier-io/espalier/node/sets"
	"github.com/espalier-io/espalier/node/strings"
	"github.com/espalier-io/espalier/node/zsets"
)

// version is set by the linker.
var version = "dev"

const usage = `Usage: node [/path/to/redis.conf] [options] [-]
       node - (read the configuration from standard input)
       node -v or --version
       node -h or --help

Every directive of redis.conf is an option: --port 7777, --replicaof "10.0.0.5 6379".

Examples:
       node (with the default configuration)
       echo 'maxmemory 128mb' | node -
       node /etc/redis/6379.conf
       node --port 7777 --replicaof 127.0.0.1 8888
       node /etc/redis.conf --loglevel verbose -
`

func main() { os.Exit(run(os.Args, os.Stdin, os.Stderr)) }

// run is the life of the process; it returns the exit code.
func run(args []string, stdin io.Reader, complaints io.Writer) int {
	line := config.ParseCommandLine(args[1:])
	switch {
	case line.Version:
		fmt.Printf("Redis server v=%s sha=00000000:0 malloc=slabs bits=64 build=0 espalier=%s\n", config.RedisVersion, version)
		return 0
	case line.Help:
		fmt.Fprint(complaints, usage)
		return 1
	}
	cfg, err := config.Load(line, stdin)
	if err != nil {
		fmt.Fprintln(complaints, err)
		return 1
	}
	out, err := process.OpenLog(logPath(cfg))
	if err != nil {
		fmt.Fprintln(complaints, err)
		return 1
	}
	logger := log.New(out, time.Now)
	logger.Warningf("oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo")
	logger.Warningf("Redis version=%s, bits=64, commit=00000000, modified=0, pid=%d, just started", config.RedisVersion, os.Getpid())
	if cfg.File() != "" || line.Options != "" || line.Stdin {
		logger.Warningf("Configuration loaded")
	} else {
		logger.Warningf("Warning: no config file specified, using the default config. In order to specify a config file use %s /path/to/redis.conf", args[0])
	}
	n := &node{cfg: cfg, log: logger, failed: make(chan error, 1)}
	n.fit()
	if err := n.start(out); err != nil {
		logger.Warningf("%v", err)
		return 1
	}
	go n.load()
	return n.wait()
}

func logPath(cfg *config.Config) string {
	if cfg.LogFile == "" {
		return ""
	}
	return cfg.Path(cfg.LogFile)
}

// node is the process's parts.
type node struct {
	cfg    *config.Config
	log    *log.Logger
	engine *engine.Engine
	server *server.Server
	memory uint64     // limit of the container in bytes, 0 for none
	failed chan error // why the start could not be completed
}

// fit keeps to what the container and the system allow.
func (n *node) fit() {
	limits := process.CgroupLimits(os.DirFS("/"))
	n.memory = limits.Memory
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(limits.Procs(runtime.NumCPU()))
	}
	const reserved = 32 // files that are no clients
	if most := process.OpenFiles(); most != 0 && most < uint64(n.cfg.MaxClients)+reserved {
		allowed := max(1, int(most)-reserved)
		n.log.Warningf("You requested maxclients of %d requiring at least %d max file descriptors.",
			n.cfg.MaxClients, n.cfg.MaxClients+reserved)
		n.log.Warningf("Current maximum open files is %d. maxclients has been reduced to %d to compensate for low ulimit. "+
			"If you need higher maxclients increase 'ulimit -n'.", most, allowed)
		n.cfg.Adjust(func(v *config.Values) { v.MaxClients = allowed })
	}
}

// start opens everything, so that clients, probes and signals are answered
// while the data set is read.
func (n *node) start(out io.Writer) error {
	engine.Version = version
	n.engine = engine.New(n.cfg, n.log, engine.Families{
		strings.Commands(), keys.Commands(), lists.Commands(), hashes.Commands(), sets.Commands(), zsets.Commands(),
		bitmaps.Commands(), hyperloglog.Commands(),
	})
	n.engine.AwaitStart()
	n.engine.LimitMemory(n.memory)
	if err := n.listen(); err != nil {
		return err
	}
	go n.obeySignals()
	if err := process.WritePID(pidPath(n.cfg)); err != nil {
		n.log.Warningf("%v", err)
	}
	fmt.Fprintf(out, banner, config.RedisVersion, version, n.cfg.Port, os.Getpid())
	if err := n.serveAdmin(); err != nil {
		return err
	}
	n.log.Warningf("Server initialized")
	n.server.Start()
	return nil
}

// load reads the data set and lets the node begin its work.
func (n *node) load() {
	if err := n.engine.Load(); err != nil {
		n.failed <- err // Load has logged it
		return
	}
	n.engine.Start()
	n.log.Noticef("Ready to accept connections")
}

// banner tells people and tools where the process is to be found.
const banner = `
        |  |  |      Espalier, a node that speaks Redis %s (%s)
     ---+--+--+---
        |  |  |      Running in standalone mode
     ---+--+--+---   Port: %d
           |         PID: %d

`

func pidPath(cfg *config.Config) string {
	if cfg.PidFile == "" {
		return ""
	}
	return cfg.Path(cfg.PidFile)
}

// listen opens the sockets, and lets CONFIG SET open others.
func (n *node) listen() error {
	cfg := n.cfg
	var err error
	n.server, err = server.New(n.engine, server.Options{
		Backlog:        cfg.TCPBacklog,
		KeepAlive:      cfg.TCPKeepalive,
		MaxQueryBuffer: cfg.ClientQueryBufferLimit,
		Warn:           func(text string) { n.log.Warningf("%s", text) },
	})
	if err != nil {
		return err
	}
	if err := n.server.Listen(cfg.Bind, cfg.Port); err != nil {
		return fmt.Errorf("%w\nFailed listening on port %d (TCP), aborting.", err, cfg.Port)
	}
	if cfg.UnixSocket != "" {
		if err := n.server.ListenUnix(cfg.Path(cfg.UnixSocket), fs.FileMode(cfg.UnixSocketPerm)); err != nil {
			return err
		}
	}
	n.engine.ServeStats(n.server.Stats)
	relisten := func(failure string) func(*config.Config) error {
		return func(c *config.Config) error {
			if err := n.server.Listen(c.Bind, c.Port); err != nil {
				n.log.Warningf("%v", err)
				return fmt.Errorf("%s", failure)
			}
			return nil
		}
	}
	cfg.OnChange("port", relisten("Unable to listen on this port. Check server logs."))
	cfg.OnChange("bind", relisten("Failed to bind to specified addresses."))
	cfg.OnChange("tcp-keepalive", func(c *config.Config) error { return n.server.SetKeepAlive(c.TCPKeepalive) })
	cfg.OnChange("client-query-buffer-limit", func(c *config.Config) error {
		n.server.SetMaxQueryBuffer(c.ClientQueryBufferLimit)
		return nil
	})
	return nil
}

func (n *node) obeySignals() {
	signal.Ignore(syscall.SIGHUP)
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	for s := range signals {
		n.engine.Signal(s == syscall.SIGINT)
	}
}

// wait stays until the engine says that the process may end, and lets what is
// on its way to clients and replicas go out.
func (n *node) wait() int {
	code := 1
	select {
	case code = <-n.engine.Exits():
	case <-n.failed:
	}
	n.server.Stop()
	return code
}
