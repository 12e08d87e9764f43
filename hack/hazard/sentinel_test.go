// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package hazard

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/espalier-io/espalier/hack/redisclient"
	"github.com/espalier-io/espalier/hack/servers"
)

// watchedTree is a Redis tree that three Sentinels look after, as their
// documentation advises.
type watchedTree struct {
	*tree
	sentinels []*servers.Server
}

// sentinelConf: suspicion after five seconds, which is far below the default of
// thirty.
const sentinelConf = `port %d
sentinel monitor tree 127.0.0.1 %d 2
sentinel down-after-milliseconds tree 5000
sentinel failover-timeout tree 20000
`

func redisWithSentinels(t *testing.T) setup {
	w := &watchedTree{tree: newTree(t, servers.Redis(t))}
	w.pause = 200 * time.Millisecond
	for _, port := range servers.FreePorts(t, 3) {
		conf := filepath.Join(t.TempDir(), "sentinel.conf")
		text := fmt.Sprintf(sentinelConf, port, w.servers[0].Port)
		if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		w.sentinels = append(w.sentinels, servers.Serve(t, servers.Redis(t), port, conf, "--sentinel"))
	}
	for _, s := range w.sentinels {
		err := servers.Await("a Sentinel knows the tree", 30*time.Second, func() (bool, error) {
			f, err := w.ask(s)
			return err == nil && f["num-slaves"] == "2" && f["num-other-sentinels"] == "2", err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// ask gives what a Sentinel says of the master.
func (w *watchedTree) ask(s *servers.Server) (map[string]string, error) {
	c, err := redisclient.Dial(s.Addr(), "")
	if err != nil {
		return nil, err
	}
	defer c.Close()
	v, err := c.Do("SENTINEL", "MASTER", "tree")
	if err != nil {
		return nil, err
	}
	fields := map[string]string{}
	for i := 0; i+1 < len(v.Elems); i += 2 {
		fields[v.Elems[i].Str] = v.Elems[i+1].Str
	}
	return fields, nil
}

func (w *watchedTree) master() (addr, password string) {
	f, err := w.ask(w.sentinels[0])
	if err != nil {
		return "", ""
	}
	return net.JoinHostPort(f["ip"], f["port"]), ""
}

// settle waits until the replicas follow whom the Sentinels call the master: on
// a machine that is slow for five seconds that can be another one now.
func (w *watchedTree) settle() error {
	return servers.Await("the watched tree settles", 60*time.Second, func() (bool, error) {
		f, err := w.ask(w.sentinels[0])
		if err != nil {
			return false, err
		}
		for i, s := range w.servers {
			if strconv.Itoa(s.Port) == f["port"] {
				w.servers[0], w.servers[i] = w.servers[i], w.servers[0]
			}
		}
		for _, s := range w.servers[1:] {
			f, err := s.Replication()
			if err != nil || f["master_link_status"] != "up" || f["master_port"] != strconv.Itoa(w.servers[0].Port) {
				return false, fmt.Errorf("%s: %s of %s, %w", s.Addr(), f["role"], f["master_port"], err)
			}
		}
		return true, nil
	})
}

// promoted counts the failovers that the Sentinels agreed on.
func (w *watchedTree) promoted() int {
	f, err := w.ask(w.sentinels[0])
	if err != nil {
		return 0
	}
	n, err := strconv.Atoi(f["config-epoch"])
	if err != nil {
		return 0
	}
	return n
}
