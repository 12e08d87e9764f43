// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Package process is what the system around a node gives it and wants of it:
// processors and memory as far as a container allows them, open files, the
// file with the process id, the log file.
package process

import (
	"fmt"
	"io"
	"os"
	"strconv"
)

// WritePID puts the process id into a file, on a line of its own. An empty path
// is no file.
func WritePID(path string) error {
	if path == "" {
		return nil
	}
	if err := os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o644); err != nil {
		return fmt.Errorf("Failed to write PID file: %w", err)
	}
	return nil
}

// OpenLog opens a log file for appending; an empty path is the standard
// output.
func OpenLog(path string) (io.Writer, error) {
	if path == "" {
		return os.Stdout, nil
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("Can't open the log file: %w", err)
	}
	return f, nil
}
