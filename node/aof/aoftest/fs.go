// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Package aoftest is a file layer in memory that fails when it is told to, and
// that can lose what was not synced, as a crash of a machine does.
package aoftest

import (
	"io"
	"maps"
	"math/rand"
	"os"
	"path"
	"slices"
	"sync"
	"syscall"

	"github.com/espalier-io/espalier/node/aof"
)

// FS is the file layer. What names and files look like after a crash is kept
// beside what they look like now.
type FS struct {
	mu      sync.Mutex
	names   map[string]*inode // as they are seen
	durable map[string]*inode // as a crash would leave them
	dirs    map[string]bool
	// fail is asked before every operation; an error is what the operation gives.
	fail func(op, name string) error
	room int // bytes that may still be written, -1 for no limit
	sync sync.Cond
	held bool // syncs wait
	wait int  // of them that do
	made int  // syncs that are over
}

// inode is a file: what was written, and what of it was synced.
type inode struct {
	data   []byte
	synced []byte
}

// New makes an empty file layer.
func New() *FS {
	f := &FS{names: map[string]*inode{}, durable: map[string]*inode{}, dirs: map[string]bool{}, room: -1}
	f.sync.L = &f.mu
	return f
}

// Fail lets operations fail: op is "open", "write", "sync", "rename", "remove",
// "syncdir", "truncate". nil ends that.
func (f *FS) Fail(how func(op, name string) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = how
}

// SetRoom makes the disk take so many bytes more, -1 for any number. The last
// write before it is full is a short one.
func (f *FS) SetRoom(bytes int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.room = bytes
}

// HoldSyncs makes every sync of a file wait until it is called with false.
func (f *FS) HoldSyncs(hold bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.held = hold
	f.sync.Broadcast()
}

// AwaitSync waits until a sync waits.
func (f *FS) AwaitSync() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.wait == 0 {
		f.sync.Wait()
	}
}

// Syncs is how many syncs of files are over.
func (f *FS) Syncs() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.made
}

// Crash gives the file layer that a crash of the machine would leave: names as
// of the last sync of their directory, files as of their last sync and, by
// chance, with any part of what was written since: torn, or with a hole of
// zeros where a later page came to the disk before an earlier one.
func (f *FS) Crash(chance *rand.Rand) *FS {
	f.mu.Lock()
	defer f.mu.Unlock()
	next := New()
	maps.Copy(next.dirs, f.dirs)
	names := f.durable
	if chance.Intn(2) == 0 {
		names = f.names // the system had written the directory by itself
	}
	left := map[*inode]*inode{}
	for name, file := range names {
		if left[file] == nil {
			data := file.crashed(chance)
			left[file] = &inode{data: data, synced: slices.Clone(data)}
		}
		next.names[name], next.durable[name] = left[file], left[file]
	}
	return next
}

// crashed is what is left of a file.
func (n *inode) crashed(chance *rand.Rand) []byte {
	if len(n.data) <= len(n.synced) {
		return slices.Clone(n.synced)
	}
	data := slices.Clone(n.data[:len(n.synced)+chance.Intn(len(n.data)-len(n.synced)+1)])
	if fresh := len(data) - len(n.synced); fresh > 1 && chance.Intn(4) == 0 {
		hole := len(n.synced) + chance.Intn(fresh)
		clear(data[hole : hole+1+chance.Intn(len(data)-hole)])
	}
	return data
}

// Data is what a file holds, as it is seen.
func (f *FS) Data(name string) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := f.names[name]; n != nil {
		return slices.Clone(n.data)
	}
	return nil
}

func (f *FS) check(op, name string) error {
	if f.fail != nil {
		return f.fail(op, name)
	}
	return nil
}

// Open opens a file (aof.FS).
func (f *FS) Open(name string, flag int) (aof.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.check("open", name); err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	n := f.names[name]
	switch {
	case n == nil && flag&os.O_CREATE == 0:
		return nil, &os.PathError{Op: "open", Path: name, Err: syscall.ENOENT}
	case n == nil:
		n = &inode{}
		f.names[name] = n
	case flag&os.O_TRUNC != 0:
		n.data = nil
	}
	return &file{fs: f, name: name, inode: n}, nil
}

// Rename gives a file another name (aof.FS).
func (f *FS) Rename(from, to string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.check("rename", to); err != nil {
		return err
	}
	n := f.names[from]
	if n == nil {
		return syscall.ENOENT
	}
	delete(f.names, from)
	f.names[to] = n
	return nil
}

// Remove removes a name (aof.FS).
func (f *FS) Remove(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.check("remove", name); err != nil {
		return err
	}
	if f.names[name] == nil {
		return syscall.ENOENT
	}
	delete(f.names, name)
	return nil
}

// Mkdir makes a directory (aof.FS).
func (f *FS) Mkdir(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dirs[name] = true
	return f.check("mkdir", name)
}

// SyncDir makes the names of a directory last (aof.FS).
func (f *FS) SyncDir(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.check("syncdir", name); err != nil {
		return err
	}
	maps.DeleteFunc(f.durable, func(file string, _ *inode) bool { return path.Dir(file) == name })
	for file, n := range f.names {
		if path.Dir(file) == name {
			f.durable[file] = n
		}
	}
	return nil
}

// Size of a file (aof.FS).
func (f *FS) Size(name string) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.names[name]
	if n == nil {
		return 0, &os.PathError{Op: "stat", Path: name, Err: syscall.ENOENT}
	}
	return int64(len(n.data)), nil
}

// List the files of a directory (aof.FS).
func (f *FS) List(dir string) ([]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var names []string
	for name := range f.names {
		if path.Dir(name) == dir {
			names = append(names, path.Base(name))
		}
	}
	slices.Sort(names)
	return names, nil
}

// file is an open file that appends.
type file struct {
	fs    *FS
	name  string
	inode *inode
	at    int // of the next byte to be read
}

func (o *file) Read(p []byte) (int, error) {
	o.fs.mu.Lock()
	defer o.fs.mu.Unlock()
	n := copy(p, o.inode.data[min(o.at, len(o.inode.data)):])
	o.at += n
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (o *file) Write(p []byte) (int, error) {
	f := o.fs
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.check("write", o.name); err != nil {
		return 0, err
	}
	n, err := len(p), error(nil)
	if f.room >= 0 {
		if n > f.room {
			n, err = f.room, syscall.ENOSPC
		}
		f.room -= n
	}
	o.inode.data = append(slices.Clip(o.inode.data), p[:n]...)
	return n, err
}

func (o *file) Truncate(size int64) error {
	o.fs.mu.Lock()
	defer o.fs.mu.Unlock()
	if err := o.fs.check("truncate", o.name); err != nil {
		return err
	}
	if int(size) < len(o.inode.data) {
		if o.fs.room >= 0 {
			o.fs.room += len(o.inode.data) - int(size)
		}
		o.inode.data = slices.Clone(o.inode.data[:size])
	}
	return nil
}

// Sync makes what was written last. After a failure what was not synced is lost
// in a crash, however often it is tried again, as with the page cache of Linux.
func (o *file) Sync() error {
	f := o.fs
	f.mu.Lock()
	defer f.mu.Unlock()
	data := o.inode.data
	for f.held {
		f.wait++
		f.sync.Broadcast()
		f.sync.Wait()
		f.wait--
	}
	if err := f.check("sync", o.name); err != nil {
		return err
	}
	if len(data) > len(o.inode.synced) || len(o.inode.data) < len(o.inode.synced) {
		o.inode.synced = slices.Clone(data)
	}
	f.made++
	return nil
}

func (o *file) Close() error { return nil }
