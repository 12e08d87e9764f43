// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/espalier-io/espalier/node/config"
	"github.com/espalier-io/espalier/node/engine"
	"github.com/espalier-io/espalier/node/log"
	"github.com/espalier-io/espalier/node/resp"
	"github.com/espalier-io/espalier/node/server"
)

// TestNobodyIsServedBeforeTheStart connects between the opening of the port and
// the reading of the dump, and between that and the start: neither a client nor
// a replica may get the empty data set, nor what is no replica yet.
func TestNobodyIsServedBeforeTheStart(t *testing.T) {
	cfg := config.New()
	cfg.Adjust(func(v *config.Values) { v.Dir = t.TempDir() })
	run, err := os.MkdirTemp("", "loading") // paths of sockets must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(run) })
	e := engine.New(cfg, log.New(t.Output(), time.Now), families())
	e.AwaitStart()
	srv, err := server.New(e, server.Options{})
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(run, "s")
	if err := srv.ListenUnix(socket, 0o700); err != nil {
		t.Fatal(err)
	}
	srv.Start()
	ask := func(argv ...string) string {
		conn, err := net.Dial("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second)) // a broken connection shows below
		if _, err := conn.Write(resp.AppendCommand(nil, argv...)); err != nil {
			t.Fatal(err)
		}
		v, err := resp.NewReader(conn, 4096).Reply()
		if err != nil {
			t.Fatal(err)
		}
		return v.Text()
	}
	refused := func(when string) {
		t.Helper()
		for _, argv := range [][]string{{"PING"}, {"SET", "a", "b"}, {"PSYNC", "?", "-1"}, {"SYNC"}} {
			if got := ask(argv...); !strings.HasPrefix(got, "LOADING ") {
				t.Errorf("%s %s is answered %q", when, argv[0], got)
			}
		}
	}
	refused("before the load")
	if err := e.Load(); err != nil {
		t.Fatal(err)
	}
	refused("before the start")
	e.Start()
	t.Cleanup(func() {
		srv.Stop()
		e.Stop()
	})
	if got := ask("SET", "a", "b"); got != "OK" {
		t.Errorf("in the end SET is answered %q", got)
	}
}
