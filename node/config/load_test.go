// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseCommandLine(t *testing.T) {
	for _, c := range []struct {
		args []string
		want CommandLine
		why  string
	}{
		{nil, CommandLine{}, "defaults"},
		{[]string{"-v"}, CommandLine{Version: true}, ""},
		{[]string{"--version"}, CommandLine{Version: true}, ""},
		{[]string{"-h"}, CommandLine{Help: true}, ""},
		{[]string{"my.conf", "--help"}, CommandLine{ConfigFile: "my.conf", Options: "help "}, "only in the first place"},
		{[]string{"my.conf", "-"}, CommandLine{ConfigFile: "my.conf", Stdin: true}, "last"},
		{[]string{"-", "--port", "1"}, CommandLine{Stdin: true, Options: `port "1" `}, "first"},
		{[]string{"--masterauth", "-", "--port", "1"}, CommandLine{Options: "masterauth \"-\" \nport \"1\" "}, "in between it is a value"},
		{[]string{"--masterauth", "--x"}, CommandLine{Options: `masterauth "--x" `}, "a value may begin so"},
		{[]string{"--port 7", "--hz", "9"}, CommandLine{Options: "port 7 \nhz \"9\" "}, "both in one"},
		{[]string{"--save", "--hz", "9"}, CommandLine{Options: "save \"\"\nhz \"9\" "}, "no value"},
		{[]string{"--save"}, CommandLine{Options: `save ""`}, "no value at the end"},
		{[]string{"--save", "a\"b"}, CommandLine{Options: `save "a\"b" `}, "quoted"},
	} {
		if diff := cmp.Diff(c.want, ParseCommandLine(c.args)); diff != "" {
			t.Errorf("%q: %s (-want +got):\n%s", c.args, c.why, diff)
		}
	}
}

// TestLoadOrder: file, then standard input, then options.
func TestLoadOrder(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "redis.conf")
	if err := os.WriteFile(file, []byte("hz 11\nport 11\ntimeout 11\nsave 1 1"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(ParseCommandLine([]string{file, "--hz", "33", "-"}), strings.NewReader("\nhz 22\nport 22\nsave 2 2"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := []string{get(c, "hz"), get(c, "port"), get(c, "timeout"), get(c, "save")}, []string{"33", "22", "11", "1 1 2 2"}; !cmp.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if c.File() != file {
		t.Errorf("the file is %s", c.File())
	}
}

func TestInclude(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.inc": "hz 21\n", "b.inc": "timeout 21\ninclude deep\n", "deep": "port 21\n",
		"self": "include self\n", "bad": "\nwrong line\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := FromText("dir " + dir + "\nhz 20\ninclude *.inc\ninclude none*.inc\nport 22")
	if err != nil {
		t.Fatal(err)
	}
	if c.Hz != 21 || get(c, "timeout") != "21" || c.Port != 22 {
		t.Errorf("hz %d, timeout %s, port %d", c.Hz, get(c, "timeout"), c.Port)
	}
	var bad *LoadError
	if _, err := FromText("dir " + dir + "\ninclude self"); !errors.As(err, &bad) || !strings.Contains(bad.Reason, "nested") {
		t.Errorf("a file that includes itself: %v", err)
	}
	if _, err := FromText("dir " + dir + "\ninclude bad"); !errors.As(err, &bad) || bad.Line != 2 || bad.Text != "wrong line" {
		t.Errorf("an error in an included file: %v", err)
	}
	if _, err := FromText("include " + filepath.Join(dir, "nothing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an included file that is missing: %v", err)
	}
}

// TestRefusedAloud: what would be dangerous to accept without effect.
func TestRefusedAloud(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"cluster-enabled yes", "cluster-enabled yes is not supported by this node"},
		{"tls-port 6380", "tls-port is not supported by this node"},
		{"tls-replication yes", "tls-replication yes is not supported by this node"},
		{"aclfile users.acl", "aclfile is not supported by this node"},
		{"user default on nopass", "user is not supported by this node"},
		{"rename-command FLUSHALL \"\"", "rename-command is not supported by this node"},
		{"loadmodule x.so", "loadmodule is not supported by this node"},
		{"sentinel", "sentinel is not supported by this node"},
		{"managed yes", "managed yes needs admin-port and admin-token-file"},
		{"managed yes\nadmin-port 8080", "managed yes needs admin-port and admin-token-file"},
	} {
		if _, err := FromText(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v", c.text, err)
		}
	}
	for _, text := range []string{"appendonly yes", "cluster-enabled no", "tls-port 0", "aclfile \"\"", "daemonize yes",
		"managed yes\nadmin-port 8080\nadmin-token-file /t\nmanaged-group-id g\nadmin-bind 127.0.0.1"} {
		if _, err := FromText(text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}
