// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package nodeclient

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/espalier-io/espalier/node/controlapi"
)

// answering serves one fixed answer and keeps the last request.
func answering(t *testing.T, status int, body string) (*Client, Node, *http.Request) {
	t.Helper()
	last := &http.Request{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*last = *r.Clone(r.Context())
		w.WriteHeader(status)
		w.Write([]byte(body))
	}))
	t.Cleanup(server.Close)
	host, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return New(n), Node{IP: host, Token: "secret"}, last
}

func TestStateIsDecoded(t *testing.T) {
	c, node, last := answering(t, 200, `{"run":"abc","epoch":4,"replid":"r","offset":7,"disk":{"rdb":true}}`)
	s, err := c.State(t.Context(), node)
	if err != nil || s.RunID != "abc" || s.Epoch != 4 || s.Replid != "r" || s.Offset != 7 || !s.Persistence.RDB {
		t.Errorf("got %+v, %v", s, err)
	}
	if last.URL.Path != "/v1/state" || last.Method != http.MethodGet || last.Header.Get("Authorization") != "Bearer secret" {
		t.Errorf("asked %s %s with %q", last.Method, last.URL.Path, last.Header.Get("Authorization"))
	}
}

func TestARefusalIsTold(t *testing.T) {
	c, node, _ := answering(t, 409, `{"reason":"StaleEpoch","message":"epoch 1 is over"}`)
	_, err := c.Promise(t.Context(), node, controlapi.PromiseRequest{Epoch: 1})
	var refusal *controlapi.Refusal
	if !errors.As(err, &refusal) || refusal.Reason != controlapi.ReasonStaleEpoch {
		t.Fatalf("got %v", err)
	}
	if !strings.Contains(err.Error(), "promise") || !strings.Contains(err.Error(), "epoch 1 is over") {
		t.Errorf("the error does not tell what was asked and refused: %v", err)
	}
}

func TestOtherFailuresSayWhatHappened(t *testing.T) {
	for _, row := range []struct {
		why, body string
		status    int
		contains  string
	}{
		{"a wrong token", "a valid bearer token is required", 401, "401 Unauthorized: a valid bearer token"},
		{"no JSON", "<html>", 200, "decode the answer"},
		{"a refusal that is none", "{", 409, "decode the refusal"},
	} {
		t.Run(row.why, func(t *testing.T) {
			c, node, _ := answering(t, row.status, row.body)
			_, err := c.Grant(t.Context(), node, controlapi.GrantRequest{})
			if err == nil || !strings.Contains(err.Error(), row.contains) {
				t.Errorf("got %v, want %q in it", err, row.contains)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Error("the error tells the token")
			}
		})
	}
}

func TestNobodyThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	_, err = New(port).State(t.Context(), Node{IP: "127.0.0.1"})
	if err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("got %v", err)
	}
}
