// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import "strings"

// CommandLine is what the arguments of the program say, by redis-server's
// rules.
type CommandLine struct {
	Version    bool   // -v, --version: print the version and leave
	Help       bool   // -h, --help: print the usage and leave
	ConfigFile string // "" for none
	Stdin      bool   // "-": read configuration from standard input too
	Options    string // the options as lines of a configuration file
}

// ParseCommandLine reads the arguments behind the program's name:
//
//	node [configuration file] [--directive value …] [-]
//
// An argument that begins with "--" starts a line of configuration, unless the
// directive before it has no value yet: so a value may begin with "--" too.
// "--directive value" may also be one argument. "--save" without a value, at
// the end or before another option, means --save "". A "-" counts as "read
// standard input" in the first or the last place only. Nothing is checked
// here; the lines are, by Load.
func ParseCommandLine(args []string) CommandLine {
	var cl CommandLine
	if len(args) == 0 {
		return cl
	}
	switch args[0] {
	case "-v", "--version":
		return CommandLine{Version: true}
	case "-h", "--help":
		return CommandLine{Help: true}
	}
	i := 0
	if !strings.HasPrefix(args[0], "-") {
		cl.ConfigFile = args[0]
		i = 1
	}
	var options strings.Builder
	hasValue := true // the directive before
	for ; i < len(args); i++ {
		arg, last := args[i], i == len(args)-1
		switch {
		case arg == "-" && (i == 0 || last):
			cl.Stdin = true
		case hasValue && strings.HasPrefix(arg, "--"):
			if options.Len() > 0 {
				options.WriteByte('\n')
			}
			options.WriteString(arg[2:] + " ")
			words, ok := splitLine(arg)
			hasValue = !ok || len(words) != 1
			if !hasValue && strings.EqualFold(arg, "--save") && (last || strings.HasPrefix(args[i+1], "--")) {
				options.WriteString(`""`)
				hasValue = true
			}
		default:
			options.WriteString(quote(arg) + " ")
			hasValue = true
		}
	}
	cl.Options = options.String()
	return cl
}
