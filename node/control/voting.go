// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package control

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/espalier-io/espalier/node/controlapi"
	"github.com/espalier-io/espalier/node/guard"
)

// Candidate is what AskVoters needs of the engine. Both are answered without
// the execution lock: a master that executes a long command keeps its lease.
type Candidate interface {
	// Lease is that of the serving master, nil where there is none.
	Lease() *guard.Lease
	LeaseClock() time.Duration
}

// idlePoll is how soon a new lease is noticed.
const idlePoll = 100 * time.Millisecond

// AskVoters asks the voters of a master's lease for as long as it has one, each
// three times within its length, over connections of its own: what holds up the
// replication stream does not hold up the votes. It returns when ctx is done.
func AskVoters(ctx context.Context, node Candidate, token *Token) {
	a := asker{node: node, token: token, client: newAskClient()}
	defer a.client.CloseIdleConnections()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		pause := idlePoll
		if lease := node.Lease(); lease != nil {
			pause = lease.Every()
			a.round(ctx, lease)
		}
		timer.Reset(pause)
	}
}

func newAskClient() *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext:         (&net.Dialer{Timeout: time.Second}).DialContext,
		MaxIdleConnsPerHost: 1,
		IdleConnTimeout:     time.Minute,
	}}
}

type asker struct {
	node   Candidate
	token  *Token
	client *http.Client
}

// round asks every voter and waits for none: one that is slow is asked again in
// the next round.
func (a *asker) round(ctx context.Context, lease *guard.Lease) {
	for _, v := range lease.Voters() {
		go func() {
			ctx, cancel := context.WithTimeout(ctx, lease.Every())
			defer cancel()
			if ack, ok := a.ask(ctx, v, lease.Question(a.node.LeaseClock())); ok {
				lease.Acknowledged(ack, a.node.LeaseClock())
			}
		}()
	}
}

// ask gives a voter's answer. Why there is none does not matter: silence and
// refusal count the same.
func (a *asker) ask(ctx context.Context, v controlapi.Voter, question controlapi.AckRequest) (ack controlapi.Ack, ok bool) {
	body, err := json.Marshal(question)
	if err != nil {
		return ack, false
	}
	url := "http://" + net.JoinHostPort(v.Host, strconv.Itoa(v.Port)) + "/v1/ack"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return ack, false
	}
	req.Header.Set("Authorization", "Bearer "+a.token.given())
	req.Header.Set("Content-Type", "application/json")
	resp, err := a.client.Do(req)
	if err != nil {
		return ack, false
	}
	defer resp.Body.Close()
	answer := io.LimitReader(resp.Body, maxBody)
	if resp.StatusCode != http.StatusOK || json.NewDecoder(answer).Decode(&ack) != nil {
		return ack, false
	}
	_, _ = io.Copy(io.Discard, answer) // so that the connection is used again
	return ack, true
}
