// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package control

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/espalier-io/espalier/node/controlapi"
)

// node answers what the test wants and keeps what it was asked.
type node struct {
	prometheus.Gauge
	ready    error
	refusal  *controlapi.Refusal
	promised controlapi.PromiseRequest
}

func (n *node) State() controlapi.State { return controlapi.State{RunID: "r", Phase: "Serving"} }
func (n *node) Ready() error            { return n.ready }
func (n *node) Promise(r controlapi.PromiseRequest) (controlapi.State, *controlapi.Refusal) {
	n.promised = r
	return n.State(), n.refusal
}
func (n *node) Grant(controlapi.GrantRequest) (controlapi.State, *controlapi.Refusal) {
	return n.State(), n.refusal
}
func (n *node) Renew(controlapi.RenewRequest) (controlapi.State, *controlapi.Refusal) {
	return n.State(), n.refusal
}

func (n *node) Ack(r controlapi.AckRequest) (controlapi.Ack, *controlapi.Refusal) {
	return controlapi.Ack{RunID: "r", Epoch: r.Epoch, Nonce: r.Nonce}, n.refusal
}

func serve(t *testing.T, n *node, token string) string {
	t.Helper()
	n.Gauge = prometheus.NewGauge(prometheus.GaugeOpts{Name: "espalier_test", Help: "A figure."})
	var file *Token
	if token != "" {
		file = openToken(t, token)
	}
	s, err := New(n, file)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Close(t.Context())
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(5 * time.Second):
			t.Error("the admin port does not close")
		}
	})
	return "http://" + l.Addr().String()
}

func ask(t *testing.T, method, url, token, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

func TestCalls(t *testing.T) {
	refused := &controlapi.Refusal{Reason: controlapi.ReasonStaleEpoch, Message: "epoch 1 is over"}
	for _, row := range []struct {
		why, method, path, token, body string
		refusal                        *controlapi.Refusal
		status                         int
		contains                       string
	}{
		{"probes need no token", "GET", "/livez", "", "", nil, 200, "ok"},
		{"metrics need none either", "GET", "/metrics", "", "", nil, 200, "espalier_test"},
		{"state needs it", "GET", "/v1/state", "", "", nil, 401, "bearer token"},
		{"a wrong token is as good as none", "GET", "/v1/state", "secreT", "", nil, 401, "bearer token"},
		{"the right one opens", "GET", "/v1/state", "secret", "", nil, 200, `"run":"r"`},
		{"a promise arrives", "POST", "/v1/promise", "secret", `{"group":"g","epoch":4}`, nil, 200, `"phase"`},
		{"a refusal tells why", "POST", "/v1/grant", "secret", `{"group":"g","epoch":1}`, refused, 409, `"reason":"StaleEpoch"`},
		{"a renewal can be refused", "POST", "/v1/renew", "secret", `{"group":"g","epoch":1}`, refused, 409, "epoch 1 is over"},
		{"a misspelt field is no request", "POST", "/v1/grant", "secret", `{"grop":"g"}`, nil, 400, "grop"},
		{"neither is half of one", "POST", "/v1/grant", "secret", `{"group":`, nil, 400, "malformed"},
		{"nor a huge one", "POST", "/v1/grant", "secret", `{"group":"` + strings.Repeat("x", 70<<10) + `"}`, nil, 400, "too large"},
		{"reading is not asking for a promise", "GET", "/v1/promise", "secret", "", nil, 405, ""},
	} {
		t.Run(row.why, func(t *testing.T) {
			n := &node{refusal: row.refusal}
			status, text := ask(t, row.method, serve(t, n, "secret")+row.path, row.token, row.body)
			if status != row.status || !strings.Contains(text, row.contains) {
				t.Errorf("got %d %q; want %d with %q", status, text, row.status, row.contains)
			}
		})
	}
}

func TestPromiseIsPassedOn(t *testing.T) {
	n := &node{}
	url := serve(t, n, "secret")
	ask(t, "POST", url+"/v1/promise", "secret", `{"group":"g","epoch":4}`)
	if want := (controlapi.PromiseRequest{GroupID: "g", Epoch: 4}); n.promised != want {
		t.Errorf("got %+v, want %+v", n.promised, want)
	}
}

func TestReadyTellsWhyNot(t *testing.T) {
	n := &node{ready: errors.New("the link to the upstream is down")}
	status, text := ask(t, "GET", serve(t, n, "secret")+"/readyz", "", "")
	if status != 503 || !strings.Contains(text, "link to the upstream") {
		t.Errorf("got %d %q", status, text)
	}
}

func TestWithoutATokenTheAPIIsClosed(t *testing.T) {
	status, _ := ask(t, "GET", serve(t, &node{}, "")+"/v1/state", "", "")
	if status != 401 {
		t.Errorf("got %d, want 401", status)
	}
}

func TestStateStaysSmall(t *testing.T) {
	id := strings.Repeat("f", 40)
	raw, err := json.Marshal(controlapi.State{
		RunID: id, GroupID: strings.Repeat("g", 36), Managed: true, Phase: controlapi.PhaseServing,
		Role: controlapi.RoleReplica, Epoch: 12, Promised: 12, Position: controlapi.Position{Replid: id, Offset: 1 << 40},
		Replid2: id, Offset2: 1 << 40, Complete: true, Linked: true, Keys: 6_000_000, Link: controlapi.LinkUp,
		Upstream:    &controlapi.Upstream{Host: "10.244.1.17", Port: 6379, RunID: id},
		Persistence: controlapi.Persistence{RDB: true, RDBOK: true, SavedAt: 1_800_000_000},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(raw) > 512 {
		t.Errorf("a usual state takes %d bytes", len(raw))
	}
	t.Logf("%d bytes", len(raw))
}
