// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestArchiveIsWhatContainerStartersRead(t *testing.T) {
	dir := t.TempDir()
	node, manager := writeProgram(t, dir, "node"), writeProgram(t, dir, "manager")
	pack := func(output string, args ...string) map[string]entry {
		t.Helper()
		output = filepath.Join(dir, output)
		img := image{name: "espalier:test", arch: "arm64", user: "65532:65531", entrypoint: "/node"}
		if err := run(output, img, args); err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(output)
		if err != nil {
			t.Fatal(err)
		}
		return readTar(t, content)
	}
	archive := pack("a.tar", "/node="+node, "/manager="+manager)
	if again := pack("b.tar", "/manager="+manager, "/node="+node); !cmp.Equal(archive, again, cmp.AllowUnexported(entry{})) {
		t.Error("the order of the arguments changes the archive")
	}

	var manifest []struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	decode(t, archive["manifest.json"].content, &manifest)
	if len(manifest) != 1 || len(manifest[0].Layers) != 1 || !cmp.Equal(manifest[0].RepoTags, []string{"espalier:test"}) {
		t.Fatalf("manifest: %+v", manifest)
	}

	var config struct {
		Architecture string
		Config       struct {
			User, WorkingDir string
			Entrypoint       []string
		}
		RootFS struct {
			DiffIDs []string `json:"diff_ids"`
		}
	}
	decode(t, archive[manifest[0].Config].content, &config)
	layer := archive[manifest[0].Layers[0]].content
	if want := []string{"sha256:" + digest([]byte(layer))}; !cmp.Equal(config.RootFS.DiffIDs, want) {
		t.Errorf("diff_ids %v, want %v", config.RootFS.DiffIDs, want)
	}
	if config.Architecture != "arm64" || config.Config.User != "65532:65531" || config.Config.WorkingDir != "/data" ||
		!cmp.Equal(config.Config.Entrypoint, []string{"/node"}) {
		t.Errorf("configuration: %+v", config)
	}

	want := map[string]entry{
		"data/":   {mode: 0o750, uid: 65532, gid: 65531},
		"manager": {mode: 0o755, content: "program manager"},
		"node":    {mode: 0o755, content: "program node"},
	}
	if diff := cmp.Diff(want, readTar(t, []byte(layer)), cmp.AllowUnexported(entry{})); diff != "" {
		t.Errorf("layer (-want +got):\n%s", diff)
	}
}

func TestOnlyProgramIsTheEntrypoint(t *testing.T) {
	dir := t.TempDir()
	output := filepath.Join(dir, "pause.tar")
	if err := run(output, image{name: "pause:test", user: "0:0"}, []string{"/pause=" + writeProgram(t, dir, "pause")}); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(output)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(content, []byte(`"Entrypoint":["/pause"]`)) {
		t.Error("the image starts nothing by default")
	}
}

func TestWrongArgumentsAreNamed(t *testing.T) {
	dir := t.TempDir()
	good := "/node=" + writeProgram(t, dir, "node")
	for name, row := range map[string]struct {
		img  image
		args []string
		want string
	}{
		"no program":        {image{name: "a:b", user: "1:1"}, nil, "usage"},
		"relative path":     {image{name: "a:b", user: "1:1"}, []string{"node=" + dir}, `"node=`},
		"path that climbs":  {image{name: "a:b", user: "1:1"}, []string{"/../node=x"}, `"/../node=x"`},
		"user by name":      {image{name: "a:b", user: "root"}, []string{good}, `-user="root"`},
		"program not there": {image{name: "a:b", user: "1:1"}, []string{"/x=" + dir + "/absent"}, "absent"},
	} {
		t.Run(name, func(t *testing.T) {
			output := filepath.Join(dir, "out.tar")
			if err := run(output, row.img, row.args); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got error %v, want one that says %q", err, row.want)
			}
			if _, err := os.Stat(output); !errors.Is(err, os.ErrNotExist) {
				t.Error("an archive was written all the same")
			}
		})
	}
}

// entry is what matters of a file in an archive.
type entry struct {
	mode     int64
	uid, gid int
	content  string
}

func readTar(t *testing.T, archive []byte) map[string]entry {
	t.Helper()
	entries := map[string]entry{}
	for r := tar.NewReader(bytes.NewReader(archive)); ; {
		header, err := r.Next()
		if err == io.EOF {
			return entries
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if !header.ModTime.Equal(time.Unix(0, 0)) {
			t.Errorf("%s carries the time %v", header.Name, header.ModTime)
		}
		entries[header.Name] = entry{header.Mode, header.Uid, header.Gid, string(content)}
	}
}

func writeProgram(t *testing.T, dir, name string) string {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, []byte("program "+name), 0o700); err != nil {
		t.Fatal(err)
	}
	return file
}

func decode(t *testing.T, content string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(content), into); err != nil {
		t.Fatalf("%v in %q", err, content)
	}
}
