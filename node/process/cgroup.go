// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package process

import (
	"io/fs"
	"math"
	"path"
	"strconv"
	"strings"
)

// Limits are what a control group grants. Zero is no limit.
type Limits struct {
	CPUs   float64 // processors, a quota divided by its period
	Memory uint64  // bytes
}

// CgroupLimits reads the limits of the process's control group, of version 1
// or 2, and of all groups above it: the smallest counts. What cannot be read
// is no limit. root is the file system, from its root directory.
func CgroupLimits(root fs.FS) Limits {
	memberships, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return Limits{}
	}
	var l Limits
	for line := range strings.Lines(string(memberships)) {
		// 0::/path of version 2, or 4:cpu,cpuacct:/path of version 1
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		if parts[1] == "" {
			l.visit(root, "sys/fs/cgroup", parts[2], Limits.readUnified)
			continue
		}
		for controller := range strings.SplitSeq(parts[1], ",") {
			if controller == "cpu" || controller == "memory" {
				l.visit(root, "sys/fs/cgroup/"+controller, parts[2], Limits.readLegacy)
			}
		}
	}
	return l
}

// visit reads a group and those above it. In a container the path may be the
// host's, of which only the end, or nothing, is to be seen here: what is not
// there is passed over.
func (l *Limits) visit(root fs.FS, mount, group string, read func(Limits, fs.FS, string) Limits) {
	for {
		found := read(Limits{}, root, path.Join(mount, group))
		l.CPUs = smallest(l.CPUs, found.CPUs)
		l.Memory = smallest(l.Memory, found.Memory)
		if group == "/" || group == "." || group == "" {
			return
		}
		group = path.Dir(group)
	}
}

// smallest is the smaller of two limits, of which 0 is none.
func smallest[T float64 | uint64](a, b T) T {
	switch {
	case a == 0:
		return b
	case b == 0:
		return a
	}
	return min(a, b)
}

func (l Limits) readUnified(root fs.FS, dir string) Limits {
	if fields := strings.Fields(text(root, dir+"/cpu.max")); len(fields) == 2 {
		l.CPUs = quota(fields[0], fields[1])
	}
	l.Memory = bytes(text(root, dir+"/memory.max"))
	return l
}

func (l Limits) readLegacy(root fs.FS, dir string) Limits {
	l.CPUs = quota(text(root, dir+"/cpu.cfs_quota_us"), text(root, dir+"/cpu.cfs_period_us"))
	l.Memory = bytes(text(root, dir+"/memory.limit_in_bytes"))
	return l
}

func text(root fs.FS, name string) string {
	b, err := fs.ReadFile(root, name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// quota is a share of processors; "max" and -1 are none.
func quota(share, period string) float64 {
	q, err1 := strconv.ParseInt(share, 10, 64)
	p, err2 := strconv.ParseInt(period, 10, 64)
	if err1 != nil || err2 != nil || q <= 0 || p <= 0 {
		return 0
	}
	return float64(q) / float64(p)
}

// bytes is an amount of memory; "max" and version 1's number for "no limit",
// which is about the largest there is, are none.
func bytes(s string) uint64 {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n > math.MaxInt64/2 {
		return 0
	}
	return n
}

// Procs is how many processors the Go runtime is to use: those of the machine
// that the process may run on, or as many as fill the quota.
func (l Limits) Procs(available int) int {
	if l.CPUs == 0 {
		return available
	}
	return max(1, min(available, int(math.Ceil(l.CPUs))))
}
