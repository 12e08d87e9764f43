// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Coredns is CoreDNS with the plugins that cluster DNS needs and no others:
// without the clients of every cloud it builds in a fraction of the time.
package main

import (
	"github.com/coredns/coredns/coremain"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/template"
)

func main() {
	coremain.Run()
}
