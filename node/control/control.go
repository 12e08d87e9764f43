// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Package control serves a node's admin port: the probes of the kubelet, the
// metrics, and the control API of package controlapi.
//
//	/livez     200 while the process answers at all: it never takes the
//	           execution lock, for busy is not dead
//	/readyz    200 while the node would serve a reader well: a complete copy,
//	           the link up, nothing loading; otherwise 503 and the reason
//	/metrics   Prometheus
//	/v1/…      the control API, behind a bearer token
//
// The node answers through the interface Node; package engine implements it.
package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/espalier-io/espalier/node/controlapi"
)

// Node is what the admin port needs of the engine. State and Ready are
// answered without the execution lock; the others take it.
type Node interface {
	State() controlapi.State
	// Ready gives nil, or the reason why readers should go elsewhere.
	Ready() error
	Promise(controlapi.PromiseRequest) (controlapi.State, *controlapi.Refusal)
	Grant(controlapi.GrantRequest) (controlapi.State, *controlapi.Refusal)
	Renew(controlapi.RenewRequest) (controlapi.State, *controlapi.Refusal)
	// Ack is answered without the execution lock.
	Ack(controlapi.AckRequest) (controlapi.Ack, *controlapi.Refusal)
	prometheus.Collector
}

// maxBody bounds a request's body in bytes; the largest, a grant with its
// ancestors, stays far below.
const maxBody = 64 << 10

// Server is the admin port.
type Server struct {
	node  Node
	token *Token
	http  http.Server
}

// New serves node. token guards /v1; without one /v1 is closed to everybody.
func New(node Node, token *Token) (*Server, error) {
	registry := prometheus.NewRegistry()
	if err := registry.Register(node); err != nil {
		return nil, fmt.Errorf("register the metrics: %w", err)
	}
	s := &Server{node: node, token: token}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", s.livez)
	mux.HandleFunc("GET /readyz", s.readyz)
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /v1/state", s.guarded(s.state))
	mux.HandleFunc("POST /v1/promise", s.guarded(call(node.Promise)))
	mux.HandleFunc("POST /v1/grant", s.guarded(call(node.Grant)))
	mux.HandleFunc("POST /v1/renew", s.guarded(call(node.Renew)))
	mux.HandleFunc("POST /v1/ack", s.guarded(call(node.Ack)))
	s.http = http.Server{
		Handler:           mux,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
	return s, nil
}

// Serve answers on the listener until Close.
func (s *Server) Serve(l net.Listener) error {
	if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the admin port: %w", err)
	}
	return nil
}

// Close ends the server; calls under way have until ctx is done.
func (s *Server) Close(ctx context.Context) error { return s.http.Shutdown(ctx) }

func (s *Server) livez(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprintln(w, "ok")
}

func (s *Server) readyz(w http.ResponseWriter, _ *http.Request) {
	if err := s.node.Ready(); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}

func (s *Server) state(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, s.node.State())
}

// guarded admits callers that know the token.
func (s *Server) guarded(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok || !s.token.admits(given) {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "a valid bearer token is required", http.StatusUnauthorized)
			return
		}
		next(w, r)
	}
}

// call decodes a request, passes it on and encodes the outcome.
func call[R, A any](do func(R) (A, *controlapi.Refusal)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var req R
		decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&req); err != nil {
			http.Error(w, "malformed request: "+err.Error(), http.StatusBadRequest)
			return
		}
		outcome, refusal := do(req)
		if refusal != nil {
			answer(w, http.StatusConflict, refusal)
			return
		}
		answer(w, http.StatusOK, outcome)
	}
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body) // an error here means that the caller has gone
}
