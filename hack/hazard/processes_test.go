// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package hazard

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/espalier-io/espalier/hack/podhost"
	"github.com/espalier-io/espalier/hack/servers"
)

func TestMain(m *testing.M) {
	podhost.OwnNetwork()
	code := m.Run()
	if c, err := theCluster(); err == nil {
		c.close()
	}
	servers.RemoveNode()
	os.Exit(code)
}

// tree is a master with two replicas, as plain processes without persistence.
type tree struct {
	servers    []*servers.Server // the first is the master
	pause      time.Duration
	shield     bool
	promotions int
}

func newTree(t *testing.T, binary string, options ...string) *tree {
	t.Helper()
	ports := servers.FreePorts(t, 3)
	tr := &tree{}
	for i, port := range ports {
		args := append([]string{"--port", strconv.Itoa(port), "--save", "", "--repl-diskless-sync-delay", "0"}, options...)
		s := servers.Serve(t, binary, port, args...)
		tr.servers = append(tr.servers, s)
		if i > 0 {
			if err := s.Tell("REPLICAOF", "127.0.0.1", strconv.Itoa(ports[0])); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := tr.linked(); err != nil {
		t.Fatal(err)
	}
	return tr
}

func redisAlone(t *testing.T) setup { return newTree(t, servers.Redis(t)) }

func nodesAlone(t *testing.T) setup {
	tr := newTree(t, servers.Node(t), "--replica-protect-dataset", "yes")
	tr.shield = true
	return tr
}

func (tr *tree) master() (addr, password string) { return tr.servers[0].Addr(), "" }

func (tr *tree) members() (addrs []string, password string) {
	for _, s := range tr.servers {
		addrs = append(addrs, s.Addr())
	}
	return addrs, ""
}

func (tr *tree) promoted() int { return tr.promotions }

// next makes the freshest of the shielded replicas the master, as a person who
// is called would: REPLICAOF NO ONE there, REPLICAOF it everywhere else.
func (tr *tree) next() error {
	if !tr.shield {
		return nil
	}
	best, furthest := 0, int64(-1)
	for i, s := range tr.servers[1:] {
		offset, err := offset(s)
		if err != nil {
			return err
		}
		if offset > furthest {
			best, furthest = i+1, offset
		}
	}
	tr.servers[0], tr.servers[best] = tr.servers[best], tr.servers[0]
	if err := tr.servers[0].Tell("REPLICAOF", "NO", "ONE"); err != nil {
		return err
	}
	for _, s := range tr.servers[1:] {
		if err := s.Tell("REPLICAOF", "127.0.0.1", strconv.Itoa(tr.servers[0].Port)); err != nil {
			return err
		}
	}
	tr.promotions++
	return tr.linked()
}

// offset is how far a replica has come.
func offset(s *servers.Server) (int64, error) {
	f, err := s.Replication()
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(f["slave_repl_offset"], 10, 64)
}

func (tr *tree) restart() error {
	tr.servers[0].Kill()
	time.Sleep(tr.pause) // the restart's delay is what is being measured
	if err := tr.servers[0].Start(); err != nil {
		return err
	}
	return tr.servers[0].Up()
}

// settle waits until the replicas follow the restarted master, or, shielded,
// until they say that they refuse to.
func (tr *tree) settle() error {
	if !tr.shield {
		return tr.linked()
	}
	return tr.each("refuses the empty master", func(f map[string]string) bool {
		return strings.HasPrefix(f["master_link_reason"], "refused")
	})
}

// linked waits until every replica's link is up.
func (tr *tree) linked() error {
	return tr.each("follows the master", func(f map[string]string) bool {
		return f["master_link_status"] == "up" && f["master_sync_in_progress"] == "0"
	})
}

func (tr *tree) each(what string, holds func(replication map[string]string) bool) error {
	for _, s := range tr.servers[1:] {
		err := servers.Await(s.Addr()+" "+what, 20*time.Second, func() (bool, error) {
			f, err := s.Replication()
			if err != nil {
				return false, err
			}
			return holds(f), fmt.Errorf("link %s, %q", f["master_link_status"], f["master_link_reason"])
		})
		if err != nil {
			return err
		}
	}
	return nil
}
