// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// quota holds servers, and what they fork, to the time of one CPU: a control
// group of its own, or, where none can be made, one CPU that they have to share
// with everybody else.
type quota struct {
	dir string // "" without a control group
}

// oneCPU makes a quota: by cgroup version 1 or 2, whatever is mounted.
func oneCPU() *quota {
	const period = "100000" // µs
	for _, kind := range []struct{ root, file, text string }{
		{"/sys/fs/cgroup/cpu", "cpu.cfs_quota_us", period},
		{"/sys/fs/cgroup", "cpu.max", period + " " + period},
	} {
		dir := filepath.Join(kind.root, fmt.Sprintf("espalier-bench-%d", os.Getpid()))
		if os.Mkdir(dir, 0o755) != nil {
			continue
		}
		q := &quota{dir}
		if file, err := os.OpenFile(filepath.Join(dir, kind.file), os.O_WRONLY, 0); err == nil {
			_, err = file.WriteString(kind.text)
			if errors.Join(err, file.Close()) == nil {
				return q
			}
		}
		q.remove()
	}
	return &quota{}
}

// String says how it is done.
func (q *quota) String() string {
	if q.dir == "" {
		return "taskset -c 0"
	}
	return "a quota of one CPU in a control group"
}

// within is the command that puts itself under the quota and becomes the one
// behind it.
func (q *quota) within() []string {
	if q.dir == "" {
		return []string{"taskset", "-c", "0"}
	}
	return []string{"/bin/sh", "-c", `echo $$ >"$0/cgroup.procs" && exec "$@"`, q.dir}
}

// remove removes the group, which is possible as soon as nobody is in it.
func (q *quota) remove() {
	const limit = 5 * time.Second
	if q.dir == "" {
		return
	}
	for deadline := time.Now().Add(limit); ; time.Sleep(10 * time.Millisecond) {
		err := os.Remove(q.dir)
		if errors.Is(err, syscall.EBUSY) && time.Now().Before(deadline) {
			continue
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
		}
		return
	}
}
