// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/espalier-io/espalier/controllers/nodeclient"
	"github.com/espalier-io/espalier/node/controlapi"
)

var (
	probedGroup = types.NamespacedName{Namespace: "ns", Name: "cache"}
	errGone     = errors.New("connection refused")
)

// Each row is a second answer after {run 1, epoch 1, offset 10}; only what a
// plan could depend on causes a pass.
func TestWhatCausesAPass(t *testing.T) {
	first := controlapi.State{RunID: "1", Epoch: 1, Position: controlapi.Position{Replid: "a", Offset: 10}}
	for _, row := range []struct {
		why    string
		change func(*controlapi.State)
		err    error
		want   bool
	}{
		{"the same answer is no news", func(*controlapi.State) {}, nil, false},
		{"offsets move all the time", func(s *controlapi.State) { s.Offset = 99; s.Keys = 5; s.IdleSecs = 1 }, nil, false},
		{"a save that went well moves a time only", func(s *controlapi.State) { s.Persistence.SavedAt = 7 }, nil, false},
		{"a save that failed does not", func(s *controlapi.State) { s.Persistence.RDB = true }, nil, true},
		{"another process", func(s *controlapi.State) { s.RunID = "2" }, nil, true},
		{"another history", func(s *controlapi.State) { s.Replid = "b" }, nil, true},
		{"a link that went up", func(s *controlapi.State) { s.Link = controlapi.LinkUp }, nil, true},
		{"a first complete copy", func(s *controlapi.State) { s.Complete = true }, nil, true},
		{"a promise", func(s *controlapi.State) { s.Promised = 2; s.Frozen = true }, nil, true},
		{"silence", func(*controlapi.State) {}, errGone, true},
	} {
		t.Run(row.why, func(t *testing.T) {
			e := &probed{}
			e.note(first, nil, time.Unix(1, 0))
			second := first
			row.change(&second)
			if got := e.note(second, row.err, time.Unix(2, 0)); got != row.want {
				t.Errorf("changed = %v, want %v", got, row.want)
			}
		})
	}
}

func TestSinceTellsTheFirstSilence(t *testing.T) {
	p := NewProber(nodeclient.New(1), time.Now)
	note := func(err error, at int64) time.Time {
		return p.Note(probedGroup, "uid", controlapi.State{}, err, time.Unix(at, 0))
	}
	if since := note(nil, 1); !since.IsZero() {
		t.Errorf("a node that answers is silent since %v", since)
	}
	note(errGone, 2)
	if since := note(errGone, 5); since != time.Unix(2, 0) {
		t.Errorf("silent since %v, want the first failure", since)
	}
	note(nil, 6)
	if since := note(errGone, 7); since != time.Unix(7, 0) {
		t.Errorf("silent since %v: an answer in between was forgotten", since)
	}
}

func TestARoundCausesAPassForTheGroupThatChanged(t *testing.T) {
	var epoch atomic.Uint64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer secret" {
			t.Errorf("asked with %q", r.Header.Get("Authorization"))
		}
		json.NewEncoder(w).Encode(controlapi.State{RunID: "1", Epoch: epoch.Load()})
	}))
	defer server.Close()
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	p := NewProber(nodeclient.New(n), time.Now)
	p.Watch(probedGroup, map[string]nodeclient.Node{"uid": {IP: "127.0.0.1", Token: "secret"}})
	slots := make(chan struct{}, 1)

	p.round(t.Context(), slots) // the first answer is news
	expectPass(t, p, true)
	p.round(t.Context(), slots)
	expectPass(t, p, false)
	epoch.Store(2)
	p.round(t.Context(), slots)
	expectPass(t, p, true)

	p.Watch(probedGroup, nil) // its pod is gone
	epoch.Store(3)
	p.round(t.Context(), slots)
	expectPass(t, p, false)
}

func expectPass(t *testing.T, p *Prober, want bool) {
	t.Helper()
	select {
	case e := <-p.Changes():
		if !want {
			t.Error("a pass was caused and nothing had changed")
		}
		if e.Object.GetName() != probedGroup.Name || e.Object.GetNamespace() != probedGroup.Namespace {
			t.Errorf("a pass over %s/%s", e.Object.GetNamespace(), e.Object.GetName())
		}
	default:
		if want {
			t.Error("no pass was caused")
		}
	}
}
