// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Package nodeclient calls the control API of nodes (package controlapi). It
// holds no state but idle connections and decides nothing: a node that cannot
// be reached is an error, a node that refuses is a *controlapi.Refusal.
package nodeclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/espalier-io/espalier/node/controlapi"
)

// The time limits of a call. Asking for the state takes no lock in the node and
// a healthy one answers in a millisecond; the other calls wait for the
// execution lock, which a long command may hold for a while.
const (
	askTimeout  = time.Second
	tellTimeout = 3 * time.Second
)

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 64 << 10

// Client calls nodes. It can be used by any number of goroutines.
type Client struct {
	http *http.Client
	port int
}

// New calls nodes on the given admin port.
func New(port int) *Client {
	return &Client{
		port: port,
		http: &http.Client{Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: askTimeout}).DialContext,
			MaxIdleConns:        1024,
			MaxIdleConnsPerHost: 2,
			IdleConnTimeout:     time.Minute,
			DisableCompression:  true,
		}},
	}
}

// Node is where to call, and with which token.
type Node struct {
	IP    string
	Token string
}

// State asks a node about itself.
func (c *Client) State(ctx context.Context, n Node) (controlapi.State, error) {
	return c.call(ctx, n, askTimeout, http.MethodGet, "state", nil)
}

// Promise asks a node to accept no grant below an epoch.
func (c *Client) Promise(ctx context.Context, n Node, req controlapi.PromiseRequest) (controlapi.State, error) {
	return c.call(ctx, n, tellTimeout, http.MethodPost, "promise", req)
}

// Grant gives a node a role.
func (c *Client) Grant(ctx context.Context, n Node, req controlapi.GrantRequest) (controlapi.State, error) {
	return c.call(ctx, n, tellTimeout, http.MethodPost, "grant", req)
}

// Renew lets a granted master take writes.
func (c *Client) Renew(ctx context.Context, n Node, req controlapi.RenewRequest) (controlapi.State, error) {
	return c.call(ctx, n, tellTimeout, http.MethodPost, "renew", req)
}

func (c *Client) call(ctx context.Context, n Node, limit time.Duration, method, verb string, body any) (state controlapi.State, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s %s: %w", verb, n.IP, err)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var payload io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return state, err
		}
		payload = bytes.NewReader(raw)
	}
	url := "http://" + net.JoinHostPort(n.IP, strconv.Itoa(c.port)) + "/v1/" + verb
	req, err := http.NewRequestWithContext(ctx, method, url, payload)
	if err != nil {
		return state, err
	}
	req.Header.Set("Authorization", "Bearer "+n.Token)
	res, err := c.http.Do(req)
	if err != nil {
		return state, errors.Unwrap(err) // the outer layer repeats verb and address
	}
	defer res.Body.Close()
	return decode(res)
}

func decode(res *http.Response) (state controlapi.State, err error) {
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return state, fmt.Errorf("read the answer: %w", err)
	}
	switch res.StatusCode {
	case http.StatusOK:
		if err := json.Unmarshal(raw, &state); err != nil {
			return state, fmt.Errorf("decode the answer: %w", err)
		}
		return state, nil
	case http.StatusConflict:
		refusal := &controlapi.Refusal{}
		if err := json.Unmarshal(raw, refusal); err != nil {
			return state, fmt.Errorf("decode the refusal: %w", err)
		}
		return state, refusal
	default:
		return state, fmt.Errorf("%s: %s", res.Status, bytes.TrimSpace(raw[:min(len(raw), 200)]))
	}
}
