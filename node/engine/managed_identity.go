// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// identity marks a data directory: whose it is, and that it is still the same
// one. A volume that was replaced has none, or another.
type identity struct {
	GroupID string `json:"groupID"`
	DirID   string `json:"dirID"`
	// Promised is the epoch below which the group's members of this directory
	// accept no grant.
	Promised uint64 `json:"promised,omitempty"`
}

// identityFile is its name in the data directory.
const identityFile = "espalier.json"

// readIdentity gives the zero identity for a directory that has none.
func readIdentity(dir string) (identity, error) {
	path := filepath.Join(dir, identityFile)
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return identity{}, nil
	}
	if err != nil {
		return identity{}, fmt.Errorf("read the identity of the data directory: %w", err)
	}
	var id identity
	if err := json.Unmarshal(raw, &id); err != nil || id.GroupID == "" || id.DirID == "" {
		return identity{}, fmt.Errorf("%s does not tell whose data directory this is (%v). "+
			"Restore it, or give this node an empty directory", path, err)
	}
	return id, nil
}

// writeIdentity marks a directory as a group's, whole or not at all.
func writeIdentity(dir string, id identity) error {
	raw, err := json.Marshal(id)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, identityFile+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone already once it was renamed
	if _, err = f.Write(raw); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), filepath.Join(dir, identityFile)); err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir makes a rename in a directory outlive a crash of the machine.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
