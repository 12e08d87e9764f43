// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Pause does nothing until it is told to stop. It is the first process of every
// pod of the test cluster: it holds the pod's namespaces open.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM)
	<-stop
}
