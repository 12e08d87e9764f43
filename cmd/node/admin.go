// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/espalier-io/espalier/node/control"
)

// serveAdmin opens the admin port, if there is one. It answers from here on,
// while the data set is loaded too: busy is not dead.
func (n *node) serveAdmin() error {
	if n.cfg.AdminPort == 0 {
		return nil
	}
	var token *control.Token
	if path := n.cfg.AdminTokenFile; path != "" {
		var err error
		if token, err = control.OpenToken(path); err != nil {
			return err
		}
	}
	admin, err := control.New(n.engine, token)
	if err != nil {
		return err
	}
	opened := 0
	for _, address := range n.cfg.AdminBind {
		host, optional := strings.CutPrefix(address, "-")
		l, err := net.Listen(network(host), net.JoinHostPort(anyHost(host), strconv.Itoa(n.cfg.AdminPort)))
		switch {
		case err == nil:
		case optional:
			continue
		default:
			return fmt.Errorf("open the admin port: %w", err)
		}
		opened++
		go func() {
			if err := admin.Serve(l); err != nil {
				n.log.Warningf("%v", err)
			}
		}()
	}
	if token != nil && n.cfg.Managed {
		go control.AskVoters(context.Background(), n.engine, token) // for as long as the process lives
	}
	if opened == 0 {
		return fmt.Errorf("open the admin port: none of the addresses %q can be used", n.cfg.AdminBind)
	}
	return nil
}

// network keeps "*" to IPv4 and "::*" to IPv6, as the directive bind has them.
func network(host string) string {
	switch host {
	case "*":
		return "tcp4"
	case "::*":
		return "tcp6"
	}
	return "tcp"
}

func anyHost(host string) string {
	switch host {
	case "*":
		return "0.0.0.0"
	case "::*":
		return "::"
	}
	return host
}
