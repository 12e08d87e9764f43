// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// describe says what is compared, on which machine, and how.
func (c *campaign) describe(w io.Writer) error {
	for _, line := range [][]string{{"node", c.node, "--version"}, {"redis", c.redis, "--version"}, {"client", "redis-benchmark", "--version"}} {
		out, err := exec.Command(line[1], line[2:]...).Output()
		if err != nil {
			return fmt.Errorf("%s --version: %w", line[1], err)
		}
		fmt.Fprintf(w, "%-10s%s\n", line[0], strings.TrimSpace(string(out)))
	}
	fmt.Fprintf(w, "%-10s%s, both\n", "options", quoted(options))
	fmt.Fprintf(w, "%-10s%d × %s, %s, %s\n", "machine", runtime.NumCPU(), cpuModel(), kernel(), runtime.Version())
	fmt.Fprintf(w, "%-10s%s before\n", "load", loadAverage())
	return nil
}

// loadAverage tells whether the machine had other work, which makes the figures
// worse and the ratios uncertain. The measurement itself makes about 2.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(text))[:3], " ")
}

func quoted(words []string) string {
	shown := make([]string, len(words))
	for i, word := range words {
		if shown[i] = word; word == "" {
			shown[i] = `""`
		}
	}
	return strings.Join(shown, " ")
}

func cpuModel() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(name) == "model name" {
				return strings.TrimSpace(value)
			}
		}
	}
	return runtime.GOARCH
}

func kernel() string {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return runtime.GOOS
	}
	return unix.ByteSliceToString(name.Sysname[:]) + " " + unix.ByteSliceToString(name.Release[:])
}
