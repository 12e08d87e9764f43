// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Command conformance runs files of Redis's own test suite against the node, as
// the suite runs redis-server: it spawns it, configures it, and reads its log.
//
//	go run ./hack/conformance -suite DIR -node FILE [file…]
//
// Without files, those of the list below run. What cannot pass, because it is
// about how redis-server is made (a child process, an allocator), stands in
// exceptions.txt with a reason. Any other failure fails the run, and so does a
// listed test that passes, or that no longer exists.
package main

import (
	"bufio"
	"context"
	_ "embed"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// files are what the node has to pass, the longest first. Not among them is
// integration/aof-race, which the suite itself does not run: redis-server fails
// it, too, for the suite removes the file before the second server reads it.
var files = []string{
	"integration/replication", "integration/replication-psync", "integration/psync2",
	"integration/aof-multi-part", "unit/hyperloglog", "unit/type/list-3", "integration/replication-4", "integration/replication-buffer",
	"integration/rdb", "integration/aof", "unit/aofrw", "integration/block-repl", "integration/psync2-reg",
	"integration/psync2-pingoff", "unit/expire", "unit/type/list", "unit/type/zset", "unit/type/list-2",
	"integration/replication-3", "integration/shutdown", "integration/psync2-master-restart", "integration/replication-2",
	"unit/type/string", "integration/failover", "unit/type/set", "unit/type/hash", "unit/wait", "unit/dump", "unit/type/incr",
	"unit/bitops", "unit/bitfield",
}

// fileLimit bounds one file of the suite.
const fileLimit = 15 * time.Minute

// portsPerLane keeps files that run beside each other apart.
const portsPerLane = 2000

//go:embed exceptions.txt
var exceptionsText string

func main() {
	suite := flag.String("suite", ".work/conformance/redis", "the unpacked source of Redis")
	node := flag.String("node", "bin/node", "the node's binary")
	logs := flag.String("logs", ".work/conformance/logs", "where to keep what the suite prints")
	width := flag.Int("parallel", 2, "how many files run beside each other")
	port := flag.Int("port", 21111, "the first port that the suite may use, of two thousand for each file")
	flag.Parse()
	if err := run(*suite, *node, *logs, *width, *port, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(suite, node, logs string, width, port int, wanted []string) error {
	listed, err := parseExceptions(exceptionsText)
	if err != nil {
		return err
	}
	if len(wanted) == 0 {
		wanted = files
	}
	if err := os.MkdirAll(logs, 0o755); err != nil {
		return err
	}
	var (
		mu      sync.Mutex
		wg      sync.WaitGroup
		queue   = slices.Clone(wanted)
		results = map[string]outcome{}
		faults  []string
	)
	for lane := range width {
		dir := filepath.Join(filepath.Dir(suite), fmt.Sprint("lane", lane))
		if err := lay(suite, dir, node); err != nil {
			return err
		}
		wg.Go(func() {
			for {
				mu.Lock()
				if len(queue) == 0 {
					mu.Unlock()
					return
				}
				file := queue[0]
				queue = queue[1:]
				mu.Unlock()
				began := time.Now()
				o, err := runFile(dir, logs, file, port+portsPerLane*lane, listed.skipped(file))
				mu.Lock()
				results[file] = o
				found := judge(file, o, listed, err)
				faults = append(faults, found...)
				fmt.Printf("%-36s %4d passed, %2d excepted, %d faults, %s\n",
					file, len(o.passed), len(listed[file]), len(found), time.Since(began).Round(time.Second))
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	passed, excepted := 0, 0
	for _, file := range wanted {
		passed += len(results[file].passed)
		excepted += len(listed[file])
	}
	fmt.Printf("\n%d tests of Redis's suite passed, %d are excepted:\n", passed, excepted)
	for _, file := range wanted {
		for _, e := range listed[file] {
			fmt.Printf("  %s: %s\n      %s\n", file, e.name, e.reason)
		}
	}
	if len(faults) > 0 {
		return fmt.Errorf("%d faults (the suite's words are in %s):\n  %s", len(faults), logs, strings.Join(faults, "\n  "))
	}
	return nil
}

// lay makes a folder that the suite takes for its source's: its scripts, the node
// where it looks for redis-server, and Debian's tools beside it. Two runs cannot
// share one, for each cleans it up.
func lay(suite, dir, node string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	for _, part := range []string{"tests", "utils"} {
		if err := os.CopyFS(filepath.Join(dir, part), os.DirFS(filepath.Join(suite, part))); err != nil {
			return fmt.Errorf("copy Redis's suite: %w", err)
		}
	}
	for _, file := range []string{"integration/replication.tcl", "integration/replication-4.tcl"} {
		if err := dropFunctions(filepath.Join(dir, "tests", file)); err != nil {
			return err
		}
	}
	targets := map[string]string{"redis-server": node}
	for _, tool := range []string{"redis-cli", "redis-benchmark", "redis-check-aof", "redis-check-rdb"} {
		path, err := exec.LookPath(tool)
		if err != nil {
			return fmt.Errorf("the suite needs %s (Debian: redis-tools)", tool)
		}
		targets[tool] = path
	}
	if err := os.Mkdir(filepath.Join(dir, "src"), 0o755); err != nil {
		return err
	}
	for name, target := range targets {
		target, err := filepath.Abs(target)
		if err != nil {
			return err
		}
		if _, err := os.Stat(target); err != nil {
			return err
		}
		if err := os.Symlink(target, filepath.Join(dir, "src", name)); err != nil {
			return err
		}
	}
	return nil
}

// dropFunctions takes out of a file what loads functions outside of its tests:
// the node has none, and the file would end there. The tests that call them stay,
// and are excepted.
func dropFunctions(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var kept strings.Builder
	depth := 0 // of the braces of such a command
	for line := range strings.Lines(string(text)) {
		if depth > 0 || strings.Contains(strings.ToLower(line), " function load ") {
			depth += strings.Count(line, "{") - strings.Count(line, "}")
			continue
		}
		kept.WriteString(line)
	}
	return os.WriteFile(path, []byte(kept.String()), 0o644)
}

// outcome is what the suite said of the tests of one file.
type outcome struct {
	passed, failed []string
	broken         string // why the file did not run to its end; "" if it did
}

// runFile runs one file in a folder that lay has made, with ports from port on.
func runFile(dir, logs, file string, port int, skip []string) (outcome, error) {
	ctx, cancel := context.WithTimeout(context.Background(), fileLimit)
	defer cancel()
	log, err := os.Create(filepath.Join(logs, strings.ReplaceAll(file, "/", "-")+".log"))
	if err != nil {
		return outcome{}, err
	}
	defer log.Close()
	args := []string{
		"tests/test_helper.tcl", "--single", file, "--clients", "1", "--durable", "--timeout", "600",
		"--baseport", strconv.Itoa(port), "--portcount", strconv.Itoa(portsPerLane),
	}
	for _, name := range skip {
		args = append(args, "--skiptest", name)
	}
	cmd := exec.CommandContext(ctx, "tclsh", args...)
	cmd.Dir = dir
	cmd.Stderr = log
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		return outcome{}, err
	}
	if err := cmd.Start(); err != nil {
		return outcome{}, err
	}
	o := read(io.TeeReader(out, log), file)
	if err := cmd.Wait(); err != nil && len(o.failed) == 0 && o.broken == "" {
		o.broken = err.Error()
	}
	return o, nil
}

// read takes the suite's output apart.
func read(r io.Reader, file string) outcome {
	o := outcome{broken: "it did not run to its end"}
	scanner := bufio.NewScanner(r)
	scanner.Buffer(nil, 16<<20)
	for scanner.Scan() {
		line := plain(scanner.Text())
		switch kind, rest, _ := strings.Cut(line, ": "); kind {
		case "[ok]":
			if at := strings.LastIndex(rest, " ("); at > 0 {
				rest = rest[:at] // the time that it took
			}
			o.passed = append(o.passed, rest)
		case "[err]":
			o.failed = append(o.failed, strings.TrimSuffix(rest, " in tests/"+file+".tcl"))
		case "[exception]", "[timeout]":
			o.broken = line
		default:
			if strings.HasPrefix(line, "[1/1 done]") {
				o.broken = ""
			}
		}
	}
	return o
}

// plain removes the colours of a terminal.
func plain(line string) string {
	var b strings.Builder
	for i := 0; i < len(line); i++ {
		if line[i] == 0x1b {
			for i < len(line) && line[i] != 'm' {
				i++
			}
			continue
		}
		b.WriteByte(line[i])
	}
	return b.String()
}

// judge compares what came out with what was expected.
func judge(file string, o outcome, listed exceptions, err error) []string {
	var faults []string
	fault := func(format string, args ...any) { faults = append(faults, file+": "+fmt.Sprintf(format, args...)) }
	if err != nil {
		fault("%v", err)
	}
	if o.broken != "" {
		fault("%s", o.broken)
	}
	if len(o.passed) == 0 && len(o.failed) == 0 {
		fault("no test was run")
	}
	for _, name := range o.failed {
		if !listed.has(file, name) {
			fault("failed: %s", name)
		}
	}
	for _, e := range listed[file] {
		switch {
		case e.skip:
		case slices.Contains(o.passed, e.name):
			fault("passes and is excepted: %s", e.name)
		case !slices.Contains(o.failed, e.name):
			fault("is excepted and was not run: %s", e.name)
		}
	}
	return faults
}
