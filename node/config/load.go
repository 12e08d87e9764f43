// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/espalier-io/espalier/node/resp"
)

// LoadError is why the node can't start with a configuration. Its text is what
// redis-server prints; tools read it.
type LoadError struct {
	Line   int    // from 1; 0 if no line is at fault
	Text   string // the line
	Reason string
}

func (e *LoadError) Error() string {
	at := ""
	if e.Line > 0 {
		at = fmt.Sprintf("Reading the configuration file, at line %d\n>>> '%s'\n", e.Line, e.Text)
	}
	return "\n*** FATAL CONFIG FILE ERROR (Redis " + RedisVersion + ") ***\n" + at + e.Reason
}

// Load builds the configuration that a command line asks for: the file, then
// standard input, then the options, each overriding what came before. An error
// is a *LoadError or an *OpenError, whose texts are what redis-server prints.
func Load(cl CommandLine, stdin io.Reader) (*Config, error) {
	c := New()
	text := ""
	if cl.ConfigFile != "" {
		file, err := filepath.Abs(cl.ConfigFile)
		if err != nil {
			return nil, &OpenError{cl.ConfigFile, err}
		}
		c.file = file
		if text, err = readFiles(file); err != nil {
			return nil, err
		}
	}
	if cl.Stdin {
		piped, err := io.ReadAll(stdin)
		if err != nil {
			return nil, &OpenError{"standard input", err}
		}
		text += string(piped)
	}
	if err := c.loadText(text + "\n" + cl.Options); err != nil {
		return nil, err
	}
	return c, nil
}

// FromText builds a configuration from the text of a configuration file.
func FromText(text string) (*Config, error) {
	c := New()
	if err := c.loadText(text); err != nil {
		return nil, err
	}
	return c, nil
}

// loadState is what lives as long as one start reads its configuration.
type loadState struct {
	sawSave bool // a save line was read: the default points are gone
	depth   int  // of includes
}

// deepestInclude is where a file that includes itself is stopped.
const deepestInclude = 32

func (c *Config) loadText(text string) error {
	v := c.Values.clone()
	if err := v.loadText(text, &loadState{}); err != nil {
		return err
	}
	if err := v.checkManaged(); err != nil {
		return err
	}
	c.Values = *v
	c.publish()
	return nil
}

func (v *Values) loadText(text string, state *loadState) error {
	for i, line := range strings.Split(text, "\n") {
		line = strings.Trim(line, " \t\r\n")
		if line == "" || line[0] == '#' {
			continue
		}
		err := v.loadLine(line, state)
		var inner *LoadError
		var closed *OpenError
		switch {
		case err == nil:
		case errors.As(err, &inner), errors.As(err, &closed):
			return err // of an included file
		default:
			return &LoadError{Line: i + 1, Text: line, Reason: err.Error()}
		}
	}
	return nil
}

func (v *Values) loadLine(line string, state *loadState) error {
	argv, ok := splitLine(line)
	if !ok {
		return refusal("Unbalanced quotes in configuration line")
	}
	if len(argv) == 0 {
		return nil
	}
	name, args := strings.ToLower(argv[0]), argv[1:]
	d := lookup(name)
	switch {
	case d == nil:
		return v.loadOther(name, args, state)
	case !d.is(multiArg) && len(args) != 1:
		return refusal("wrong number of arguments")
	case d.is(multiArg) && len(args) == 1 && args[0] != "":
		// One quoted argument stands for several: --save "60 1".
		if args, ok = splitLine(args[0]); !ok {
			return refusal("Unbalanced quotes in configuration line")
		}
	}
	return d.kind.set(v, args, state)
}

// loadOther does the lines of a file that are no settings.
func (v *Values) loadOther(name string, args []string, state *loadState) error {
	switch name {
	case "include":
		if len(args) == 1 {
			return v.include(args[0], state)
		}
	case "list-max-ziplist-entries", "list-max-ziplist-value", "lua-replicate-commands":
		if len(args) == 1 {
			return nil // gone from Redis, and ignored there too
		}
	case "rename-command", "user", "loadmodule", "sentinel":
		return fmt.Errorf("%s is not supported by this node", name)
	}
	return refusal("Bad directive or wrong number of arguments")
}

func (v *Values) include(pattern string, state *loadState) error {
	if state.depth++; state.depth > deepestInclude {
		return fmt.Errorf("include nested more than %d deep", deepestInclude)
	}
	text, err := readFiles(v.Path(pattern))
	if err != nil {
		return err
	}
	if err := v.loadText(text, state); err != nil {
		return err
	}
	state.depth--
	return nil
}

// OpenError is a configuration file that can't be read.
type OpenError struct {
	Path string
	Err  error
}

func (e *OpenError) Error() string {
	return fmt.Sprintf("Fatal error, can't open config file '%s': %s", e.Path, systemError(e.Err))
}

// Unwrap gives the system's error.
func (e *OpenError) Unwrap() error { return e.Err }

// readFiles reads a file, or those that a pattern finds, in order. A pattern
// may find none, a name may not.
func readFiles(path string) (string, error) {
	paths := []string{path}
	if strings.ContainsAny(path, "*?[") {
		found, err := filepath.Glob(path)
		if err != nil {
			return "", nil // as glob(3), which finds nothing then
		}
		paths = found
	}
	var text strings.Builder
	for _, p := range paths {
		content, err := os.ReadFile(p)
		if err != nil {
			return "", &OpenError{p, err}
		}
		text.Write(content)
	}
	return text.String(), nil
}

// checkManaged refuses a node that nobody could ever give a role.
func (v *Values) checkManaged() error {
	if v.Managed && (v.AdminPort == 0 || v.AdminTokenFile == "") {
		return &LoadError{Reason: "managed yes needs admin-port and admin-token-file: roles are granted there"}
	}
	return nil
}

func splitLine(line string) ([]string, bool) {
	tokens, ok := resp.SplitArgs([]byte(line), nil)
	if !ok {
		return nil, false
	}
	argv := make([]string, len(tokens))
	for i, t := range tokens {
		argv[i] = string(t)
	}
	return argv, true
}

// systemError is the text of an error as C's strerror has it, which is what
// Redis shows.
func systemError(err error) string {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return err.Error()
	}
	s := errno.Error()
	return strings.ToUpper(s[:1]) + s[1:]
}
