// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Image packs static programs into a container image, without a base image, a
// registry or a daemon:
//
//	go run ./hack/image -o espalier.tar -name espalier:dev -entrypoint /node /manager=bin/manager /node=bin/node
//
// The file is what `docker save` writes, so that `docker load`, `podman load`,
// `kind load image-archive` and `ctr image import` all take it. The same inputs
// give the same bytes: entries are sorted and carry no time and no names of
// users. The programs run as user and group 65532 unless told otherwise, and
// start in /data, the only folder that belongs to that user.
package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

func main() {
	var img image
	output := flag.String("o", "", "archive to write")
	flag.StringVar(&img.name, "name", "", "name of the image, with its tag")
	flag.StringVar(&img.arch, "arch", runtime.GOARCH, "architecture of the programs, in Go's spelling")
	flag.StringVar(&img.user, "user", "65532:65532", "numeric user and group of the processes, and of /data")
	flag.StringVar(&img.entrypoint, "entrypoint", "", "what runs by default (the only program, when there is one)")
	flag.Parse()

	if err := run(*output, img, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

// image is what the command line asks for.
type image struct {
	name, arch, user, entrypoint string
	programs                     []program
}

// program is a file of the machine and the path that it gets in the image.
type program struct {
	target, source string
}

func run(output string, img image, args []string) error {
	if output == "" || img.name == "" || len(args) == 0 {
		return errors.New("usage: image -o FILE -name NAME:TAG [options] /PATH=PROGRAM ...")
	}
	for _, arg := range args {
		target, source, ok := strings.Cut(arg, "=")
		if !ok || !path.IsAbs(target) || path.Clean(target) != target {
			return fmt.Errorf("%q: want /PATH=PROGRAM", arg)
		}
		img.programs = append(img.programs, program{target, source})
	}
	slices.SortFunc(img.programs, func(a, b program) int { return strings.Compare(a.target, b.target) })
	if img.entrypoint == "" && len(img.programs) == 1 {
		img.entrypoint = img.programs[0].target
	}
	archive, err := img.archive()
	if err != nil {
		return err
	}
	return replaceFile(output, archive)
}

// archive lays the image out as `docker save` does: one layer, the image's
// configuration under its own digest, and a manifest that names both.
func (img image) archive() ([]byte, error) {
	layer, err := img.layer()
	if err != nil {
		return nil, err
	}
	config, err := img.config(digest(layer))
	if err != nil {
		return nil, err
	}
	layerFile, configFile := digest(layer)+"/layer.tar", digest(config)+".json"
	manifest, err := json.Marshal([]map[string]any{{
		"Config":   configFile,
		"RepoTags": []string{img.name},
		"Layers":   []string{layerFile},
	}})
	if err != nil {
		return nil, fmt.Errorf("write manifest: %w", err)
	}

	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, file := range []struct {
		name    string
		content []byte
	}{{layerFile, layer}, {configFile, config}, {"manifest.json", manifest}} {
		if err := addFile(w, file.name, 0o644, file.content); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("write archive: %w", err)
	}
	return archive.Bytes(), nil
}

// layer is the image's file tree: the programs, owned by root and writable by
// nobody, and /data.
func (img image) layer() ([]byte, error) {
	uid, gid, err := ids(img.user)
	if err != nil {
		return nil, err
	}
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "data/", Mode: 0o750, Uid: uid, Gid: gid}); err != nil {
		return nil, fmt.Errorf("add /data: %w", err)
	}
	for _, p := range img.programs {
		content, err := os.ReadFile(p.source)
		if err != nil {
			return nil, err
		}
		if err := addFile(w, strings.TrimPrefix(p.target, "/"), 0o755, content); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("write layer: %w", err)
	}
	return layer.Bytes(), nil
}

// config is the image's configuration, as the OCI image specification has it.
func (img image) config(layerDigest string) ([]byte, error) {
	process := map[string]any{"User": img.user, "WorkingDir": "/data"}
	if img.entrypoint != "" {
		process["Entrypoint"] = []string{img.entrypoint}
	}
	config, err := json.Marshal(map[string]any{
		"architecture": img.arch,
		"os":           "linux",
		"created":      "1970-01-01T00:00:00Z",
		"config":       process,
		"rootfs":       map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + layerDigest}},
		"history":      []map[string]any{{"created": "1970-01-01T00:00:00Z", "created_by": "espalier/hack/image"}},
	})
	if err != nil {
		return nil, fmt.Errorf("write configuration: %w", err)
	}
	return config, nil
}

// ids splits "user:group".
func ids(user string) (uid, gid int, err error) {
	u, g, ok := strings.Cut(user, ":")
	if ok {
		uid, err = strconv.Atoi(u)
	}
	if ok && err == nil {
		gid, err = strconv.Atoi(g)
	}
	if !ok || err != nil {
		return 0, 0, fmt.Errorf("-user=%q: want two numbers, as 65532:65532", user)
	}
	return uid, gid, nil
}

func addFile(w *tar.Writer, name string, mode int64, content []byte) error {
	header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(content))}
	if err := w.WriteHeader(header); err != nil {
		return fmt.Errorf("add %s: %w", name, err)
	}
	if _, err := w.Write(content); err != nil {
		return fmt.Errorf("add %s: %w", name, err)
	}
	return nil
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// replaceFile writes beside the file and renames, so that nobody loads half an
// archive.
func replaceFile(name string, content []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	if _, err = io.Copy(f, bytes.NewReader(content)); err != nil {
		return errors.Join(err, f.Close())
	}
	if err = f.Chmod(0o644); err != nil {
		return errors.Join(err, f.Close())
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}
