// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"
	"time"
)

func TestReadings(t *testing.T) {
	cpu, err := cpuTime("4711 (a ) name) S 1 4711 4711 0 -1 4194560 2210 0 3 0 120 34 0 0 20 0 4 0 100 0 0\n")
	if err != nil || cpu != 1540*time.Millisecond {
		t.Errorf("CPU time %v, %v", cpu, err)
	}
	if _, err := cpuTime("4711 (name) S 1\n"); err == nil {
		t.Error("half a stat is taken for one")
	}
	rss, err := kibibytes("VmHWM:\t    9000 kB\nVmRSS:\t    8192 kB\nRssAnon:\t 100 kB\n", "VmRSS:")
	if err != nil || rss != 8<<20 {
		t.Errorf("%d bytes resident, %v", rss, err)
	}
	if _, err := kibibytes("Name:\tzombie\n", "VmRSS:"); err == nil {
		t.Error("a status without memory is taken for one with")
	}
	speed, err := requestsPerSecond("\"test\",\"rps\",\"avg_latency_ms\"\n\"SET\",\"99304.87\",\"0.269\"\n")
	if err != nil || speed != 99304.87 {
		t.Errorf("%v requests per second, %v", speed, err)
	}
	if _, err := requestsPerSecond("Could not connect\n"); err == nil {
		t.Error("a complaint is taken for a result")
	}
}

func TestVerdictIsTheMediansOfThePairs(t *testing.T) {
	for _, c := range []struct {
		why         string
		node, redis []float64
		aim         float64
		atLeast     bool
		want        string
	}{
		{"the median of the ratios, not the ratio of the medians", []float64{10, 1, 30}, []float64{10, 2, 15}, 1, true, "≥ 1.00×  met"},
		{"one bad pair does not decide", []float64{3, 1, 3}, []float64{2, 2, 2}, 1.5, true, "≥ 1.50×  met"},
		{"too little", []float64{1, 1}, []float64{1, 2}, 0.76, true, "≥ 0.76×  MISSED"},
		{"little enough", []float64{60}, []float64{100}, 0.75, false, "≤ 0.75×  met"},
		{"too much", []float64{80}, []float64{100}, 0.75, false, "≤ 0.75×  MISSED"},
		{"nothing aimed at", []float64{1}, []float64{1}, 0, false, ""},
	} {
		r := row{node: c.node, redis: c.redis, aim: c.aim, atLeast: c.atLeast}
		if got := r.verdict(); got != c.want {
			t.Errorf("%s: %q, want %q", c.why, got, c.want)
		}
	}
}

func TestLoadsAreNamed(t *testing.T) {
	l := load{command: "SET", pipeline: 16, requests: 10, keys: 100_000}
	if got, want := l.String(), "SET, pipeline 16, 100k keys"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := thousands(6_000_000), "6M"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestKeysAndValuesHaveTheirLength(t *testing.T) {
	for _, i := range []int{0, 5_999_999} {
		if k, v := key(nil, i), value(nil, i); len(k) != 16 || len(v) != valueSize {
			t.Errorf("%q %q", k, v)
		}
	}
}
