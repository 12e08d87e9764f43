// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package podhost

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// The pods' addresses come from a range that belongs to the loopback device of
// a network namespace, and so lead nowhere else. The loopback range itself will
// not do: the API server refuses it as the address of an endpoint.
const (
	podRange = HostIP + "/16"

	// HostIP is this host's own address among them. An API server has to be told
	// to advertise it (advertise-address): there is no route to guess it from.
	HostIP = "10.199.0.1"
)

func podIP(n int) string { return fmt.Sprintf("10.199.%d.%d", 1+n/250, 1+n%250) }

// ownNetwork marks a process that is in its own network namespace already.
const ownNetwork = "ESPALIER_OWN_NETWORK"

// OwnNetwork goes on in a network namespace of the process's own, in which the
// pods' addresses are local. It has to be called first thing in TestMain: it
// runs the program again, inside, and ends this one with its exit code. Without
// root a user namespace is made as well; where that is not allowed either, the
// program ends with a word on what is missing.
func OwnNetwork() {
	if os.Getenv(ownNetwork) != "" {
		if err := bringUp(); err != nil {
			fmt.Fprintf(os.Stderr, "set the test's own network up: %v\n", err)
			os.Exit(1)
		}
		return
	}
	runtime.LockOSThread() // the child dies with this thread
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), ownNetwork+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if uid := os.Getuid(); uid != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	err := cmd.Run()
	if cmd.ProcessState == nil {
		fmt.Fprintf(os.Stderr, "these tests need a network namespace of their own (as root, or with user namespaces allowed): %v\n", err)
		os.Exit(1)
	}
	os.Exit(cmd.ProcessState.ExitCode())
}

func bringUp() error {
	for _, args := range [][]string{{"link", "set", "lo", "up"}, {"addr", "add", podRange, "dev", "lo"}} {
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %v (Debian: apt-get install iproute2): %w: %s", args, err, out)
		}
	}
	return nil
}
