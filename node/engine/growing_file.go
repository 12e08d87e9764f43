// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"io"
	"os"
	"sync"
)

// growingFile is a file that one goroutine writes and another one reads from its
// beginning, behind the first and at its own speed: a pipe without a bound, that
// takes no memory.
type growingFile struct {
	file *os.File
	at   int64 // of the next byte to be read; the reader's own

	mu     sync.Mutex
	grown  *sync.Cond
	size   int64 // written
	ending error // what the reader gets at the end; nil while there is more to come
	broken error // what the writer gets, and the reader at once; nil while all is well
}

func newGrowingFile(file *os.File) *growingFile {
	g := &growingFile{file: file}
	g.grown = sync.NewCond(&g.mu)
	return g
}

// Write appends.
func (g *growingFile) Write(p []byte) (int, error) {
	g.mu.Lock()
	err := g.broken
	g.mu.Unlock()
	if err != nil {
		return 0, err
	}
	n, err := g.file.Write(p)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.size += int64(n)
	g.grown.Signal()
	return n, err
}

// Close says that nothing more will be written.
func (g *growingFile) Close() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ending = io.EOF
	g.grown.Signal()
	return nil
}

// CloseWithError ends reading and writing with an error, for both. The first
// one counts.
func (g *growingFile) CloseWithError(err error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.broken == nil {
		g.broken = err
	}
	g.grown.Signal()
	return nil
}

// Read waits for bytes that have not been read, or for the end.
func (g *growingFile) Read(p []byte) (int, error) {
	g.mu.Lock()
	for g.broken == nil && g.ending == nil && g.at == g.size {
		g.grown.Wait()
	}
	err, unread := g.broken, g.size-g.at
	if err == nil && unread == 0 {
		err = g.ending
	}
	g.mu.Unlock()
	if err != nil {
		return 0, err
	}
	n, err := g.file.ReadAt(p[:min(int64(len(p)), unread)], g.at)
	g.at += int64(n)
	if n > 0 {
		err = nil // the next call meets it again, if it matters
	}
	return n, err
}
