// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// maxAccepts bounds the connections accepted from one address in one turn.
const maxAccepts = 256

// listeners are the addresses of a server. The mutex is held while accepting,
// too, so that no descriptor is closed and used again in between.
type listeners struct {
	mu   sync.Mutex
	all  []*listener
	next int // the loop that gets the next connection
}

type listener struct {
	fd   int
	path string // of a Unix socket, else empty
}

// Listen listens on port of the addresses in bind (see the directive of that
// name: "*", "::*", names, a leading "-" for optional ones) in place of what
// earlier calls have opened. Port 0 stands for no address at all. On failure
// no TCP address is left open.
func (s *Server) Listen(bind []string, port int) error {
	s.listeners.mu.Lock()
	defer s.listeners.mu.Unlock()
	if s.stopped.Load() {
		return ErrStopped
	}
	s.closeListeners(func(ln *listener) bool { return ln.path == "" })
	if port == 0 {
		return nil
	}
	for _, item := range bind {
		if err := s.listenTCP(parseBind(item), port); err != nil {
			s.closeListeners(func(ln *listener) bool { return ln.path == "" })
			return err
		}
	}
	return nil
}

func (s *Server) listenTCP(b bindAddress, port int) error {
	ip, six, err := b.resolve()
	if err != nil {
		return listenError(b.text, port, err)
	}
	var address unix.Sockaddr
	if six {
		a := &unix.SockaddrInet6{Port: port, Addr: [16]byte(ip.IP.To16())}
		if ip.Zone != "" {
			if a.ZoneId, err = zoneID(ip.Zone); err != nil {
				return listenError(b.text, port, err)
			}
		}
		address = a
	} else {
		address = &unix.SockaddrInet4{Port: port, Addr: [4]byte(ip.IP.To4())}
	}
	fd, err := listenSocket(address, s.options.Backlog)
	if err != nil {
		if b.passedOver(err) {
			return nil
		}
		return listenError(b.text, port, err)
	}
	if err := setKeepAlive(fd, s.keepAlive); err != nil {
		unix.Close(fd)
		return listenError(b.text, port, err)
	}
	return s.addListener(&listener{fd: fd})
}

// ListenUnix listens on a Unix socket at path, which is removed first. perm,
// when not 0, are its permission bits.
func (s *Server) ListenUnix(path string, perm fs.FileMode) error {
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("could not open Unix socket: %w", err)
	}
	fd, err := listenSocket(&unix.SockaddrUnix{Name: path}, s.options.Backlog)
	if err != nil {
		return fmt.Errorf("could not open Unix socket %s: %w", path, err)
	}
	if perm != 0 {
		if err := os.Chmod(path, perm); err != nil {
			unix.Close(fd)
			return fmt.Errorf("could not open Unix socket: %w", err)
		}
	}
	s.listeners.mu.Lock()
	defer s.listeners.mu.Unlock()
	if s.stopped.Load() {
		unix.Close(fd)
		return ErrStopped
	}
	return s.addListener(&listener{fd: fd, path: path})
}

// addListener has the first loop accept from ln. Called with the mutex.
func (s *Server) addListener(ln *listener) error {
	if err := s.loops[0].watch(ln.fd, unix.EPOLLIN, listenerSlot, uint32(ln.fd)); err != nil {
		unix.Close(ln.fd)
		return fmt.Errorf("could not watch a listening socket: %w", err)
	}
	s.listeners.all = append(s.listeners.all, ln)
	return nil
}

// closeListeners ends those that match. Called with the mutex.
func (s *Server) closeListeners(match func(*listener) bool) {
	var kept []*listener
	for _, ln := range s.listeners.all {
		if !match(ln) {
			kept = append(kept, ln)
			continue
		}
		unix.Close(ln.fd)
		if ln.path != "" {
			os.Remove(ln.path) // it may be gone or somebody else's by now
		}
	}
	s.listeners.all = kept
}

// SetKeepAlive changes Options.KeepAlive for connections yet to come.
func (s *Server) SetKeepAlive(idle time.Duration) error {
	s.listeners.mu.Lock()
	defer s.listeners.mu.Unlock()
	s.keepAlive = idle
	for _, ln := range s.listeners.all {
		if ln.path == "" {
			if err := setKeepAlive(ln.fd, idle); err != nil {
				return fmt.Errorf("could not set tcp-keepalive: %w", err)
			}
		}
	}
	return nil
}

// accept takes the connections that wait at a listening socket.
func (l *loop) accept(fd int) {
	s := l.server
	s.listeners.mu.Lock()
	defer s.listeners.mu.Unlock()
	var ln *listener
	for _, known := range s.listeners.all {
		if known.fd == fd {
			ln = known
		}
	}
	if ln == nil {
		return // closed since
	}
	for range maxAccepts {
		fd, address, err := unix.Accept4(ln.fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch err {
		case nil:
			s.assign(l, ln, fd, address)
		case unix.EINTR, unix.ECONNABORTED:
		case unix.EAGAIN:
			return
		default:
			s.warn("Accepting client connection: " + err.Error())
			l.pauseAccepting()
			return
		}
	}
}

// assign gives a new connection to the loops in turn.
func (s *Server) assign(l *loop, ln *listener, fd int, address unix.Sockaddr) {
	a := accepted{fd: fd, path: ln.path}
	if ln.path == "" {
		a.remote = endpointOf(address)
		if local, err := unix.Getsockname(fd); err == nil {
			a.local = endpointOf(local)
		}
	}
	target := s.loops[s.listeners.next%len(s.loops)]
	s.listeners.next++
	if target == l {
		l.arrive(a)
		return
	}
	target.give(a)
}

// pauseAccepting stops listening to the listening sockets for a moment: the
// process is out of descriptors or memory, and epoll would tell of the waiting
// connections without end.
func (l *loop) pauseAccepting() {
	l.acceptAt = time.Now().Add(acceptPause)
	l.watchListeners(0)
}

func (l *loop) resumeAccepting() {
	if l.acceptAt.IsZero() || time.Now().Before(l.acceptAt) {
		return
	}
	l.acceptAt = time.Time{}
	l.server.listeners.mu.Lock()
	defer l.server.listeners.mu.Unlock()
	l.watchListeners(unix.EPOLLIN)
}

func (l *loop) watchListeners(mask uint32) {
	for _, ln := range l.server.listeners.all {
		event := unix.EpollEvent{Events: mask, Fd: listenerSlot, Pad: int32(ln.fd)}
		if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_MOD, ln.fd, &event); err != nil {
			l.server.warn("Watching a listening socket: " + err.Error())
		}
	}
}

// arrive takes over a connection. The session is told in the same turn or, if
// that is past the point, in the next.
func (l *loop) arrive(a accepted) {
	slot := int32(len(l.conns))
	if n := len(l.vacant); n > 0 {
		slot = l.vacant[n-1]
		l.vacant = l.vacant[:n-1]
	} else {
		l.conns = append(l.conns, nil)
	}
	l.serial++
	c := &conn{loop: l, slot: slot, serial: l.serial, interest: unix.EPOLLIN,
		remote: a.remote, local: a.local, path: a.path}
	c.fd.Store(int32(a.fd))
	l.conns[slot] = c
	l.counted.Connections++
	if err := l.watch(a.fd, c.interest, slot, c.serial); err != nil {
		l.server.warn("Watching a client connection: " + err.Error())
		l.drop(c)
		return
	}
	l.arrived = append(l.arrived, c)
}

// admit asks the engine for a session. Called under the execution lock.
func (l *loop) admit(c *conn) {
	if c.gone() {
		return
	}
	session, err := l.server.handler.Connected(c)
	if err != nil {
		l.counted.Refused++
		c.out.push(refusal(err))
		c.closing = true
	} else {
		c.session = session
		c.parser.Limits = session.Limits()
		c.guards = l.server.handler.Guarded()
	}
	l.touch(c)
}

func zoneID(zone string) (uint32, error) {
	if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
		return uint32(n), nil
	}
	found, err := net.InterfaceByName(zone)
	if err != nil {
		return 0, err
	}
	return uint32(found.Index), nil
}
