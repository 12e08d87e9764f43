// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package mixed

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/espalier-io/espalier/hack/redisclient"
	"github.com/espalier-io/espalier/hack/servers"
	"github.com/espalier-io/espalier/node/resp"
)

// kind is which program a member runs.
type kind string

const (
	aNode  kind = "node"
	aRedis kind = "redis"
)

// syncs are the resyncs that a server gave, by its own count.
type syncs struct{ full, partial int64 }

func (s syncs) plus(o syncs) syncs  { return syncs{s.full + o.full, s.partial + o.partial} }
func (s syncs) minus(o syncs) syncs { return syncs{s.full - o.full, s.partial - o.partial} }

// member is one server of a tree. Its configuration is written anew at each
// start, as whom it follows changes.
type member struct {
	name    string
	kind    kind
	dir     string
	server  *servers.Server
	config  string
	retired syncs // what the processes before this one gave
	conn    *redisclient.Conn
}

// newMember prepares a member with lines of configuration.
func newMember(t *testing.T, k kind, name string, config string) *member {
	t.Helper()
	binary := map[kind]func(*testing.T) string{aNode: servers.Node, aRedis: servers.Redis}[k](t)
	dir, port := t.TempDir(), freePort(t)
	m := &member{name: name, kind: k, dir: dir, config: fmt.Sprintf("port %d\nbind 127.0.0.1\ndir %s\n%s", port, dir, config)}
	m.server = servers.New(t, binary, dir, port, m.file("server.conf"))
	t.Cleanup(m.hangUp)
	return m
}

// lastPort was given to a member last.
var lastPort atomic.Int32

// freePort finds a port that nobody listens on, below those that the kernel
// gives to outgoing connections: it must still be free when the member, after
// a while, starts again.
func freePort(t *testing.T) int {
	t.Helper()
	lastPort.CompareAndSwap(0, 10000+rand.Int32N(10000))
	for {
		port := int(lastPort.Add(1))
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			l.Close()
			return port
		}
		if port > 32000 {
			t.Fatal(err)
		}
	}
}

func (m *member) file(name string) string { return filepath.Join(m.dir, name) }

// start runs the member as a replica of master, as the top if that is nil, and
// waits until it serves.
func (m *member) start(master *member) error {
	config := m.config
	if master != nil {
		config += fmt.Sprintf("replicaof 127.0.0.1 %d\n", master.server.Port)
	}
	if err := os.WriteFile(m.file("server.conf"), []byte(config), 0o600); err != nil {
		return err
	}
	if err := m.server.Start(); err != nil {
		return err
	}
	return servers.Await(m.name+" serves", patience, func() (bool, error) {
		_, err := m.do("PING") // an error while it loads
		return err == nil, err
	})
}

// kill ends the process as a crash does.
func (m *member) kill() error {
	given, err := m.given()
	if err != nil {
		return err
	}
	m.hangUp()
	m.server.Kill()
	m.retired = given
	return nil
}

// shutDown ends the process in order, with a dump.
func (m *member) shutDown() error {
	given, err := m.given()
	if err != nil {
		return err
	}
	_, err = m.do("SHUTDOWN", "SAVE")
	var refused resp.Error
	if errors.As(err, &refused) {
		return fmt.Errorf("%s: SHUTDOWN SAVE: %w", m.name, refused)
	}
	m.hangUp()
	m.retired = given
	return m.server.Ended(patience)
}

// save writes a dump in the background and waits for it.
func (m *member) save() error {
	if err := m.tell("BGSAVE"); err != nil {
		return err
	}
	return servers.Await(m.name+" has saved", patience, func() (bool, error) {
		info, err := m.info("persistence")
		if err != nil {
			return false, err
		}
		return info["rdb_bgsave_in_progress"] == "0" && info["rdb_last_bgsave_status"] == "ok", nil
	})
}

// loseData removes what the process left on the disk.
func (m *member) loseData() error {
	if err := os.Remove(m.file("dump.rdb")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

func (m *member) hangUp() {
	if m.conn != nil {
		m.conn.Close()
		m.conn = nil
	}
}

// do sends a command on the member's connection, which is made when needed.
func (m *member) do(argv ...string) (resp.Value, error) {
	if m.conn == nil {
		conn, err := redisclient.DialTimeout(m.server.Addr(), "", patience)
		if err != nil {
			return resp.Value{}, err
		}
		m.conn = conn
	}
	v, err := m.conn.Do(argv...)
	var refused resp.Error
	if err != nil && !errors.As(err, &refused) {
		m.hangUp()
	}
	return v, err
}

// tell sends a command that must not fail.
func (m *member) tell(argv ...string) error {
	if _, err := m.do(argv...); err != nil {
		return fmt.Errorf("%s: %s: %w", m.name, strings.Join(argv, " "), err)
	}
	return nil
}

// info gives the fields of a section of INFO.
func (m *member) info(section string) (map[string]string, error) {
	v, err := m.do("INFO", section)
	if err != nil {
		return nil, fmt.Errorf("%s: INFO %s: %w", m.name, section, err)
	}
	fields := map[string]string{}
	for line := range strings.SplitSeq(v.Str, "\r\n") {
		if name, value, ok := strings.Cut(line, ":"); ok {
			fields[name] = value
		}
	}
	return fields, nil
}

// given are the resyncs that the member gave in all its lives.
func (m *member) given() (syncs, error) {
	info, err := m.info("stats")
	if err != nil {
		return syncs{}, err
	}
	full, err1 := strconv.ParseInt(info["sync_full"], 10, 64)
	partial, err2 := strconv.ParseInt(info["sync_partial_ok"], 10, 64)
	return m.retired.plus(syncs{full, partial}), errors.Join(err1, err2)
}

// mostLines bounds what is shown of a log.
const mostLines = 60

// logFrom are lines of the member's log: the first behind a moment, the last of
// all if that is zero.
func (m *member) logFrom(moment time.Time) string {
	lines := strings.Split(strings.TrimSpace(string(m.server.Log())), "\n")
	if moment.IsZero() {
		return strings.Join(lines[max(0, len(lines)-mostLines):], "\n")
	}
	for i, line := range lines {
		_, stamp, _ := strings.Cut(line, " ")
		at, err := time.ParseInLocation("02 Jan 2006 15:04:05.000", stamp[:min(len(stamp), 24)], time.Local)
		if err == nil && !at.Before(moment.Truncate(time.Millisecond)) {
			return strings.Join(lines[i:min(len(lines), i+mostLines)], "\n")
		}
	}
	return "(nothing)"
}

// patience bounds every wait.
const patience = 60 * time.Second
