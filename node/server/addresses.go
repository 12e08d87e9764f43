// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
)

// bindAddress is one item of a bind directive: an address or host name, "*"
// for all IPv4 addresses, "::*" for all IPv6 ones; with a leading "-" it is
// passed over when this machine does not have it.
type bindAddress struct {
	text     string
	optional bool
}

func parseBind(item string) bindAddress {
	text, optional := strings.CutPrefix(item, "-")
	return bindAddress{text, optional}
}

// resolve gives the address to bind and whether it is one of IPv6.
func (b bindAddress) resolve() (ip net.IPAddr, six bool, err error) {
	switch b.text {
	case "*":
		return net.IPAddr{IP: net.IPv4zero}, false, nil
	case "::*":
		return net.IPAddr{IP: net.IPv6zero}, true, nil
	}
	six = strings.Contains(b.text, ":")
	network := "ip4"
	if six {
		network = "ip6"
	}
	found, err := net.ResolveIPAddr(network, b.text)
	if err != nil {
		return net.IPAddr{}, six, err
	}
	return *found, six, nil
}

// passedOver tells whether a failure to listen on b is no error: an optional
// address that is not here, or a protocol that the machine does not have (as
// Redis, which thereby runs with its default "* -::*" without IPv6).
func (b bindAddress) passedOver(err error) bool {
	if b.optional && errors.Is(err, syscall.EADDRNOTAVAIL) {
		return true
	}
	for _, unsupported := range []error{syscall.ENOPROTOOPT, syscall.EPROTONOSUPPORT,
		syscall.ESOCKTNOSUPPORT, syscall.EPFNOSUPPORT, syscall.EAFNOSUPPORT} {
		if errors.Is(err, unsupported) {
			return true
		}
	}
	return false
}

func listenError(address string, port int, err error) error {
	return fmt.Errorf("could not listen on %s port %d: %w", address, port, err)
}
