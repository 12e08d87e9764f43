// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package rdb

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
)

// SaveError is why a dump did not get to the disk. Its text is the line that
// Redis logs.
type SaveError struct {
	Step SaveStep
	Temp string // name of the file that was being written
	Path string // of the dump
	Err  error
}

// SaveStep is a step of SaveFile.
type SaveStep int

// The steps, in their order. Before SaveRename has succeeded, the old dump is
// in place; after an error of SaveSyncDir, the new one is, but a crash of the
// machine may bring the old one back.
const (
	SaveOpen SaveStep = iota
	SaveWrite
	SaveSync
	SaveClose
	SaveRename
	SaveSyncDir
)

var saveStepNames = [...]string{SaveWrite: "rdbSaveRio", SaveSync: "fsync", SaveClose: "fclose", SaveSyncDir: "fsyncFileDir"}

func (e *SaveError) Error() string {
	reason := e.Err.Error()
	var errno syscall.Errno
	if errors.As(e.Err, &errno) { // as C's strerror has it
		reason = errno.Error()
		reason = strings.ToUpper(reason[:1]) + reason[1:]
	}
	dir, name := filepath.Split(e.Path)
	dir = filepath.Clean(dir)
	switch e.Step {
	case SaveOpen:
		return fmt.Sprintf("Failed opening the temp RDB file %s (in server root dir %s) for saving: %s", e.Temp, dir, reason)
	case SaveRename:
		return fmt.Sprintf("Error moving temp DB file %s on the final destination %s (in server root dir %s): %s", e.Temp, name, dir, reason)
	}
	return fmt.Sprintf("Write error saving DB on disk(%s): %s", saveStepNames[e.Step], reason)
}

// Unwrap gives the error of the system, or of the function that writes.
func (e *SaveError) Unwrap() error { return e.Err }

// FileOptions say how a file is written.
type FileOptions struct {
	// IncrementalSync has the disk take the data every 4 MiB, so that the
	// final sync is short (rdb-save-incremental-fsync).
	IncrementalSync bool
	// Replace, if not nil, has the last word: it calls rename, with which the new
	// file takes the place of the old, or returns an error. Renaming takes no time,
	// however large the old file is.
	Replace func(rename func() error) error
}

const syncEvery = 4 << 20

// tempFiles numbers the temporary files of this process.
var tempFiles atomic.Int64

// SaveFile puts what write writes in the place of the file at path: at any
// moment, and after a crash, there is the old dump or the new one, whole. It
// writes beside it, in a file temp-<process>-<number>.rdb, which it removes if
// anything fails. The error is a *SaveError.
func SaveFile(path string, opts FileOptions, write func(io.Writer) error) error {
	dir := filepath.Dir(path)
	temp := filepath.Join(dir, fmt.Sprintf("temp-%d-%d.rdb", os.Getpid(), tempFiles.Add(1)))
	step, err := writeTemp(temp, opts, write)
	if err == nil {
		step, err = SaveRename, opts.replace(func() error { return os.Rename(temp, path) }, path)
	}
	if err != nil {
		if step != SaveOpen {
			os.Remove(temp) // if it can't be removed, the first error is still the one to tell
		}
		return &SaveError{step, filepath.Base(temp), path, err}
	}
	if err := syncDir(dir); err != nil {
		return &SaveError{SaveSyncDir, filepath.Base(temp), path, err}
	}
	return nil
}

// replace renames. While it is open, the old file is not freed, which takes the
// system a while for a large one.
func (o *FileOptions) replace(rename func() error, path string) error {
	if o.Replace == nil {
		return rename()
	}
	if old, err := os.Open(path); err == nil {
		defer old.Close()
	}
	return o.Replace(rename)
}

func writeTemp(temp string, opts FileOptions, write func(io.Writer) error) (SaveStep, error) {
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return SaveOpen, err
	}
	var dst io.Writer = f
	if opts.IncrementalSync {
		dst = &syncingWriter{file: f}
	}
	step, err := SaveWrite, write(dst)
	if err == nil {
		step, err = SaveSync, f.Sync()
	}
	if closed := f.Close(); err == nil && closed != nil {
		step, err = SaveClose, closed
	}
	return step, err
}

// syncingWriter has the disk take what was written in regular steps.
type syncingWriter struct {
	file *os.File
	due  int
}

func (w *syncingWriter) Write(p []byte) (int, error) {
	n, err := w.file.Write(p)
	w.due += n
	if err == nil && w.due >= syncEvery {
		w.due = 0
		err = w.file.Sync()
	}
	return n, err
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// LoadFile is Load from a file. A missing file is an error that
// errors.Is(err, fs.ErrNotExist) tells.
func LoadFile(path string, h Handler, opts LoadOptions) (Summary, error) {
	f, err := os.Open(path)
	if err != nil {
		return Summary{}, fmt.Errorf("rdb: %w", err)
	}
	defer f.Close()
	return Load(f, h, opts)
}
