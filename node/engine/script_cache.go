// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"bytes"
	"slices"
	"strings"

	"github.com/espalier-io/espalier/node/resp"
	"github.com/espalier-io/espalier/node/script"
)

// scriptCache holds the scripts that EVAL and SCRIPT LOAD brought, by their
// SHA-1 in lower case, until SCRIPT FLUSH.
type scriptCache struct {
	scripts map[string]*cachedScript
	bytes   int
}

type cachedScript struct {
	sha     string
	flags   scriptFlags
	program *script.Program
}

// find looks a script up by its SHA-1 in any case.
func (c *scriptCache) find(sha []byte) *cachedScript {
	if found := c.scripts[string(sha)]; found != nil || len(sha) != shaLength {
		return found
	}
	return c.scripts[strings.ToLower(string(sha))]
}

const shaLength = 40

// load compiles a script and keeps it. text is the error, if any.
func (x *scripting) load(source []byte) (s *cachedScript, text string) {
	sha := script.SHA1Hex(source)
	if s = x.cache.scripts[sha]; s != nil {
		return s, ""
	}
	flags, body, text := parseShebang(string(source))
	if text != "" {
		return nil, "ERR " + text
	}
	program, err := x.interpreter().Compile("user_script", body)
	if err != nil {
		return nil, "ERR Error compiling script (new function): " + err.Error()
	}
	s = &cachedScript{sha: sha, flags: flags, program: program}
	x.cache.scripts[sha] = s
	x.cache.bytes += len(source) + scriptOverhead
	return s, ""
}

// scriptOverhead is about what a cached script takes beside its source, in bytes.
const scriptOverhead = 256

// flush forgets all scripts, and what they left behind in the interpreter.
func (x *scripting) flush() {
	x.cache = scriptCache{scripts: make(map[string]*cachedScript)}
	x.eval = nil
}

// parseShebang reads the first line of a script that declares flags, and gives
// what follows it; the line stays as an empty one, so that errors count right.
func parseShebang(source string) (flags scriptFlags, body, text string) {
	if !strings.HasPrefix(source, "#!") {
		return scriptUndeclared, source, ""
	}
	line, _, found := strings.Cut(source, "\n")
	if !found {
		return 0, "", "Invalid script shebang"
	}
	parts, ok := resp.SplitArgs([]byte(line), nil)
	if !ok || len(parts) == 0 {
		return 0, "", "Invalid engine in script shebang"
	}
	if string(parts[0]) != "#!lua" {
		return 0, "", "Unexpected engine in script shebang: " + string(parts[0])
	}
	for _, part := range parts[1:] {
		list, ok := bytes.CutPrefix(part, []byte("flags="))
		if !ok {
			return 0, "", "Unknown lua shebang option: " + string(part)
		}
		if len(list) == 0 {
			continue
		}
		for name := range strings.SplitSeq(string(list), ",") {
			i := slices.Index(scriptFlagNames, name)
			if i < 0 {
				return 0, "", "Unexpected flag in script shebang: " + name
			}
			flags |= 1 << i
		}
	}
	return flags, source[len(line):], ""
}
