// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

func growing(t *testing.T) *growingFile {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "dump"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return newGrowingFile(file)
}

func TestGrowingFileIsReadBehindItsWriter(t *testing.T) {
	g := growing(t)
	r := rand.New(rand.NewPCG(1, 2))
	want := make([]byte, 300_000)
	for i := range want {
		want[i] = byte(r.Uint32())
	}
	// What was written can be read before the end is known.
	if _, err := g.Write(want[:10]); err != nil {
		t.Fatal(err)
	}
	head := make([]byte, 10)
	if _, err := io.ReadFull(g, head); err != nil || !bytes.Equal(head, want[:10]) {
		t.Fatalf("%x, %v", head, err)
	}
	go func() {
		for rest := want[10:]; len(rest) > 0; {
			n := min(1+r.IntN(10_000), len(rest))
			g.Write(rest[:n])
			rest = rest[n:]
		}
		g.Close()
	}()
	if got, err := io.ReadAll(g); err != nil || !bytes.Equal(got, want[10:]) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func TestGrowingFileEndsForBothWhenOneGivesUp(t *testing.T) {
	enough := errors.New("enough")
	g := growing(t)
	read := make(chan error)
	go func() {
		_, err := g.Read(make([]byte, 1)) // waits
		read <- err
	}()
	g.CloseWithError(enough)
	g.CloseWithError(errors.New("too late"))
	if err := <-read; err != enough {
		t.Errorf("the reader gets %v", err)
	}
	if _, err := g.Write([]byte("x")); err != enough {
		t.Errorf("the writer gets %v", err)
	}
}
