// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package server

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"strconv"
	"sync"
	"time"
)

// platform is what a Server has where there are no loops: every connection is
// a stream.
type platform struct {
	listening sync.Mutex
	tcp       []net.Listener
	unix      []net.Listener
	keepAlive time.Duration // guarded by listening
	begin     chan struct{} // closed by Start
}

func (s *Server) prepare() error {
	s.keepAlive = s.options.KeepAlive
	s.begin = make(chan struct{})
	return nil
}

func (s *Server) start() { close(s.begin) }

func (s *Server) finish() {}

func (s *Server) closeAll() {
	s.listening.Lock()
	defer s.listening.Unlock()
	closeListeners(&s.tcp)
	closeListeners(&s.unix)
}

func closeListeners(all *[]net.Listener) {
	for _, l := range *all {
		l.Close()
	}
	*all = nil
}

// Listen listens on port of the addresses in bind (see the directive of that
// name: "*", "::*", names, a leading "-" for optional ones) in place of what
// earlier calls have opened. Port 0 stands for no address at all. On failure
// no TCP address is left open.
func (s *Server) Listen(bind []string, port int) error {
	s.listening.Lock()
	defer s.listening.Unlock()
	closeListeners(&s.tcp)
	if port == 0 {
		return nil
	}
	for _, item := range bind {
		b := parseBind(item)
		ip, six, err := b.resolve()
		if err != nil {
			return listenError(b.text, port, err)
		}
		network := "tcp4"
		if six {
			network = "tcp6"
		}
		l, err := net.Listen(network, net.JoinHostPort(ip.String(), strconv.Itoa(port)))
		if err != nil {
			if b.passedOver(err) {
				continue
			}
			closeListeners(&s.tcp)
			return listenError(b.text, port, err)
		}
		s.tcp = append(s.tcp, l)
		s.serveSoon(l)
	}
	return nil
}

// ListenUnix listens on a Unix socket at path, which is removed first. perm,
// when not 0, are its permission bits.
func (s *Server) ListenUnix(path string, perm fs.FileMode) error {
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("could not open Unix socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return fmt.Errorf("could not open Unix socket: %w", err)
	}
	if perm != 0 {
		if err := os.Chmod(path, perm); err != nil {
			l.Close()
			return fmt.Errorf("could not open Unix socket: %w", err)
		}
	}
	s.listening.Lock()
	s.unix = append(s.unix, l)
	s.listening.Unlock()
	s.serveSoon(l)
	return nil
}

// SetKeepAlive changes Options.KeepAlive for connections yet to come.
func (s *Server) SetKeepAlive(idle time.Duration) error {
	s.listening.Lock()
	defer s.listening.Unlock()
	s.keepAlive = idle
	return nil
}

func (s *Server) serveSoon(l net.Listener) {
	go func() {
		<-s.begin
		if err := s.Serve(l); err != nil {
			s.warn("Accepting client connection: " + err.Error())
		}
	}()
}
