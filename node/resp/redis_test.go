// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package resp

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestAgainstRedis sends broken and whole requests to a real Redis and
// compares what it makes of them with what Parser does. Unknown commands make
// that visible: the error quotes the command and its arguments.
func TestAgainstRedis(t *testing.T) {
	open := startRedis(t)
	locked := startRedis(t, "--requirepass", "secret")
	var inputs [][]byte
	for _, c := range parserCases {
		// Requests that exist in Redis answer otherwise than unknown ones.
		inputs = append(inputs, []byte(strings.NewReplacer("PING", "PXNG", "ECHO", "EXHO",
			"GET", "GXT", "SET", "SXT").Replace(c.input)))
	}
	for seed := range uint64(1500) {
		inputs = append(inputs, mutated(rand.New(rand.NewPCG(seed, 1))))
	}
	for _, input := range inputs {
		for socket, limits := range map[string]Limits{open: {}, locked: {Unauthenticated: true}} {
			got, want := ask(t, socket, input), expected(input, limits)
			if got != want {
				t.Errorf("%.200q (%+v):\n redis  %.300q\n parser %.300q", input, limits, got, want)
			}
		}
	}
}

// TestDoublesAgainstRedis compares the text of scores.
func TestDoublesAgainstRedis(t *testing.T) {
	socket := startRedis(t)
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute))
	r := NewReader(conn, 4096)
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		f := random.NormFloat64()
		for range random.IntN(8) {
			f *= f * 1000
		}
		exact := fmt.Sprintf("%.17g", f)
		request := AppendCommand(nil, "ZADD", "z", exact, "m")
		if _, err := conn.Write(AppendCommand(request, "ZSCORE", "z", "m")); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Reply(); err != nil {
			t.Fatal(err)
		}
		v, err := r.Reply()
		if err != nil {
			t.Fatal(err)
		}
		if got := string(AppendDouble(nil, f)); got != v.Str {
			t.Errorf("%s: AppendDouble gives %s, Redis %s", exact, got, v.Str)
		}
	}
}

// expected is what Redis would answer if it parsed as Parser does and knew no
// command at all.
func expected(input []byte, limits Limits) string {
	p := Parser{Limits: limits}
	var w Writer
	for {
		n, argv, err := p.Next(input, nil)
		if err != nil {
			w.Error("ERR " + err.Error())
			return string(w.Buffer())
		}
		if n == 0 {
			return string(w.Buffer())
		}
		input = input[n:]
		if len(argv) > 0 {
			w.RawString("-ERR unknown command '" + plain(argv[0], 128) + "', with args beginning with: ")
			args := ""
			for _, a := range argv[1:] {
				if len(args) >= 128 {
					break
				}
				args += "'" + plain(a, 128-len(args)) + "' "
			}
			w.RawString(args + "\r\n")
		}
	}
}

// plain is an argument as C's "%.*s" and the removal of line ends show it.
func plain(arg []byte, limit int) string {
	if i := bytes.IndexByte(arg, 0); i >= 0 {
		arg = arg[:i]
	}
	return strings.NewReplacer("\r", " ", "\n", " ").Replace(string(arg[:min(len(arg), limit)]))
}

// mutated is a pipeline of unknown commands with a few bytes changed.
func mutated(random *rand.Rand) []byte {
	var input []byte
	for range 1 + random.IntN(4) {
		if random.IntN(3) == 0 {
			input = append(input, []string{"zz a 'b c' \"d\\x41\"\r\n", "zy \t\v x\n", "\r\n", "*0\r\n", "\n"}[random.IntN(5)]...)
			continue
		}
		argv := []string{"zx"}
		for range random.IntN(14) {
			argv = append(argv, strings.Repeat("ab\r\n$*", random.IntN(4)))
		}
		input = AppendCommand(input, argv...)
	}
	alphabet := []byte("0123456789*$-\r\n\x00 '\"\\x\xff\v")
	for range random.IntN(4) {
		at := random.IntN(len(input))
		switch c := alphabet[random.IntN(len(alphabet))]; random.IntN(4) {
		case 0:
			input = append(input[:at], input[at+1:]...)
		case 1:
			input = append(input[:at], append([]byte{c}, input[at:]...)...)
		case 2:
			input = input[:at+1]
		default:
			input[at] = c
		}
		if len(input) == 0 {
			break
		}
	}
	return input
}

// ask sends input, closes the sending side and collects everything that is
// answered.
func ask(t *testing.T, socket string, input []byte) string {
	t.Helper()
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	// A write may fail when Redis has already refused and closed.
	if _, err := conn.Write(input); err == nil {
		conn.(*net.UnixConn).CloseWrite()
	}
	answer, err := io.ReadAll(conn)
	if err != nil && len(answer) == 0 {
		t.Fatalf("%.100q: %v", input, err)
	}
	return string(answer)
}

// startRedis runs a redis-server on a Unix socket until the test ends.
func startRedis(t *testing.T, args ...string) (socket string) {
	t.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("needs redis-server (Debian package redis-server) in PATH")
	}
	dir := t.TempDir()
	socket = filepath.Join(dir, "s")
	cmd := exec.Command(binary, append([]string{"--port", "0", "--unixsocket", socket,
		"--save", "", "--dir", dir}, args...)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if conn, err := net.Dial("unix", socket); err == nil {
			conn.Close()
			return socket
		}
		if time.Now().After(deadline) {
			t.Fatal("redis-server does not answer")
		}
	}
}
