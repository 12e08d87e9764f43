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
	// Other work on the machine makes the figures worse, not the ratios wrong.
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		fmt.Fprintf(w, "%-10s%s at the start\n", "load", strings.Join(strings.Fields(string(load))[:3], " "))
	}
	return nil
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
