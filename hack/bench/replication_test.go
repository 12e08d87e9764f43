// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/espalier-io/espalier/hack/servers"
)

func TestMain(m *testing.M) {
	m.Run()
	servers.RemoveNode()
}

func TestRecordsHaveTheirSize(t *testing.T) {
	for _, i := range []int{0, 1, 4_999_999} {
		if r := record(nil, i); len(r) != recordSize {
			t.Errorf("%d bytes: %s", len(r), r)
		}
	}
}

func TestLatencyCountsFromTheMomentThatWasPlanned(t *testing.T) {
	l := openLoop{rate: 1000}
	if got := l.due(5); got != 5*time.Millisecond {
		t.Errorf("the sixth request is due after %v", got)
	}
	replies := []reply{
		{9 * time.Millisecond, time.Hour}, // before the span
		{10 * time.Millisecond, 3 * time.Millisecond},
		{19 * time.Millisecond, time.Millisecond},
		{20 * time.Millisecond, time.Hour}, // behind it
		{35 * time.Millisecond, 2 * time.Millisecond},
	}
	spans := []span{{10 * time.Millisecond, 20 * time.Millisecond}, {30 * time.Millisecond, 40 * time.Millisecond}}
	if got := during(replies, spans); !slices.Equal(got, []float64{3, 1, 2}) {
		t.Errorf("%v", got)
	}
}

func TestQuantiles(t *testing.T) {
	thousand := make([]float64, 1000)
	for i := range thousand {
		thousand[i] = float64(999 - i)
	}
	for _, c := range []struct {
		values []float64
		q      float64
		want   float64
	}{{thousand, 0.999, 999}, {thousand, 0.99, 990}, {thousand, 0.5, 500}, {[]float64{7}, 0.999, 7}, {nil, 0.5, 0}} {
		if got := quantile(c.values, c.q); got != c.want {
			t.Errorf("the quantile %v of %d values is %v, want %v", c.q, len(c.values), got, c.want)
		}
	}
}

func TestRepliesOfTheOpenLoop(t *testing.T) {
	in := bufio.NewReader(strings.NewReader("+OK\r\n$3\r\nabc\r\n$-1\r\n-ERR\r\n"))
	for i, good := range []bool{true, true, false, false, false} {
		if err := readReply(in); (err == nil) != good {
			t.Errorf("reply %d: %v", i, err)
		}
	}
}
