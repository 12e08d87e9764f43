// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import "math"

// AppendOnly are the settings of the append-only file.
type AppendOnly struct {
	Enabled                bool   // directive appendonly
	Filename               string // that the files' names begin with
	Dirname                string // of the directory, in dir
	Fsync                  Fsync
	NoFsyncOnRewrite       bool
	RewritePercentage      int   // growth at which it is rewritten; 0: never
	RewriteMinSize         int64 // bytes
	LoadTruncated          bool
	UseRDBPreamble         bool
	Timestamps             bool
	RewriteIncrementalSync bool
	DisableAutoGC          bool
}

// Fsync says when the append-only file is brought to the disk.
type Fsync int

// The values of appendfsync.
const (
	FsyncEverySecond Fsync = iota
	FsyncAlways
	FsyncNever
)

var fsyncNames = named("everysec", "always", "no")

// String is the value as the directive has it.
func (f Fsync) String() string { return fsyncNames.name(int(f)) }

func appendOnlyDirectives() []directive {
	file := func(name, def, noun string, at func(*Values) *string) directive {
		return str(name, def, at).with(immutable).checked(notEmpty(name, baseName(name, noun)))
	}
	return []directive{
		yesNo("appendonly", false, func(v *Values) *bool { return &v.AppendOnly.Enabled }).with(denyLoading),
		file("appendfilename", "appendonly.aof", "filename", func(v *Values) *string { return &v.AppendOnly.Filename }),
		file("appenddirname", "appendonlydir", "dirname", func(v *Values) *string { return &v.AppendOnly.Dirname }),
		oneOf("appendfsync", fsyncNames, FsyncEverySecond, func(v *Values) *Fsync { return &v.AppendOnly.Fsync }),
		yesNo("no-appendfsync-on-rewrite", false, func(v *Values) *bool { return &v.AppendOnly.NoFsyncOnRewrite }),
		num("auto-aof-rewrite-percentage", 0, maxInt, 100, func(v *Values) *int { return &v.AppendOnly.RewritePercentage }),
		num("auto-aof-rewrite-min-size", 0, math.MaxInt64, 64<<20, func(v *Values) *int64 { return &v.AppendOnly.RewriteMinSize }).in(memory),
		yesNo("aof-load-truncated", true, func(v *Values) *bool { return &v.AppendOnly.LoadTruncated }),
		yesNo("aof-use-rdb-preamble", true, func(v *Values) *bool { return &v.AppendOnly.UseRDBPreamble }),
		yesNo("aof-timestamp-enabled", false, func(v *Values) *bool { return &v.AppendOnly.Timestamps }),
		yesNo("aof-rewrite-incremental-fsync", true, func(v *Values) *bool { return &v.AppendOnly.RewriteIncrementalSync }),
		yesNo("aof-disable-auto-gc", false, func(v *Values) *bool { return &v.AppendOnly.DisableAutoGC }),
	}
}
