// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package aof

import (
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
)

// FS is the file layer. Names are paths; errors are those of package os.
type FS interface {
	// Open opens a file with the flags of os.OpenFile.
	Open(name string, flag int) (File, error)
	Rename(from, to string) error
	Remove(name string) error
	// Mkdir makes a directory, where there is none yet.
	Mkdir(name string) error
	// SyncDir makes what was created, renamed and removed in a directory outlive
	// a crash of the machine.
	SyncDir(name string) error
	// Size of a file in bytes.
	Size(name string) (int64, error)
	// List gives the names of the files in a directory.
	List(dir string) ([]string, error)
}

// File is an open file.
type File interface {
	io.ReadWriteCloser
	Truncate(size int64) error
	// Sync waits until what was written is on the disk.
	Sync() error
}

// Disk is the file layer of the system.
var Disk FS = disk{}

type disk struct{}

func (disk) Open(name string, flag int) (File, error) {
	f, err := os.OpenFile(name, flag, 0o644)
	if err != nil {
		return nil, err // not a nil *os.File in a File
	}
	return diskFile{f}, nil
}

// diskFile syncs the data and the size, as Redis does: times of access don't
// matter.
type diskFile struct{ *os.File }

func (f diskFile) Sync() error { return dataSync(f.File) }

func (disk) Rename(from, to string) error { return os.Rename(from, to) }
func (disk) Remove(name string) error     { return os.Remove(name) }

func (disk) Mkdir(name string) error {
	err := os.Mkdir(name, 0o755)
	if errors.Is(err, os.ErrExist) {
		if info, statErr := os.Stat(name); statErr == nil && info.IsDir() {
			return nil
		}
	}
	return err
}

func (disk) SyncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (disk) Size(name string) (int64, error) {
	info, err := os.Stat(name)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (disk) List(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// Reason is an error of the system in the words of C's strerror, as Redis shows
// it to clients and in its log.
func Reason(err error) string {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return err.Error()
	}
	text := errno.Error()
	return strings.ToUpper(text[:1]) + text[1:]
}
