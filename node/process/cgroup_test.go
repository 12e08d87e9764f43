// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package process

import (
	"testing"
	"testing/fstest"
)

func TestCgroupLimits(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		want  Limits
		procs int // of 8
	}{
		{"no control groups at all", nil, Limits{}, 8},
		{"version 2 in a container: its own group is the root",
			map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "100000 100000\n", "sys/fs/cgroup/memory.max": "268435456\n"},
			Limits{CPUs: 1, Memory: 256 << 20}, 1},
		{"version 2, no limits",
			map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n", "sys/fs/cgroup/memory.max": "max\n"},
			Limits{}, 8},
		{"version 2, the group above is tighter",
			map[string]string{
				"proc/self/cgroup":                    "0::/pods/a\n",
				"sys/fs/cgroup/pods/cpu.max":          "150000 100000\n",
				"sys/fs/cgroup/pods/a/cpu.max":        "400000 100000\n",
				"sys/fs/cgroup/pods/a/memory.max":     "1000000\n",
				"sys/fs/cgroup/pods/memory.max":       "2000000\n",
				"sys/fs/cgroup/pods/memory.something": "1",
			},
			Limits{CPUs: 1.5, Memory: 1000000}, 2},
		{"version 1, with the path of the host",
			map[string]string{
				"proc/self/cgroup":                           "5:cpu,cpuacct:/kubepods/x\n3:memory:/kubepods/x\n1:name=systemd:/\n",
				"sys/fs/cgroup/cpu/cpu.cfs_quota_us":         "50000\n",
				"sys/fs/cgroup/cpu/cpu.cfs_period_us":        "100000\n",
				"sys/fs/cgroup/memory/memory.limit_in_bytes": "536870912\n",
			},
			Limits{CPUs: 0.5, Memory: 512 << 20}, 1},
		{"version 1, no limits",
			map[string]string{
				"proc/self/cgroup":                           "5:cpu,cpuacct:/\n3:memory:/\n",
				"sys/fs/cgroup/cpu/cpu.cfs_quota_us":         "-1\n",
				"sys/fs/cgroup/cpu/cpu.cfs_period_us":        "100000\n",
				"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
			},
			Limits{}, 8},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := fstest.MapFS{}
			for name, content := range c.files {
				root[name] = &fstest.MapFile{Data: []byte(content)}
			}
			got := CgroupLimits(root)
			if got != c.want {
				t.Errorf("limits %+v, want %+v", got, c.want)
			}
			if procs := got.Procs(8); procs != c.procs {
				t.Errorf("%d processors, want %d", procs, c.procs)
			}
		})
	}
}
