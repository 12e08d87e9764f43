// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/rdb"
)

// managed is the engine's side of an operator: what the guard decided, in a
// form that the gates can ask cheaply.
type managed struct {
	on bool // directive managed
}

func (m *managed) init(e *Engine) { m.on = e.cfg.Managed }

// refuse bars what a node without a role, a fenced master or roles with one
// author must not do.
func (m *managed) refuse(command.Flags) string { return "" }

// silent tells whether this node must put nothing of its own on the stream
// (PING, expiry): it has no role, is fenced or has no lease.
func (m *managed) silent() bool { return m.on }

// barsSaving tells whether a dump on the disk may be better than what is in
// memory, so that it must stay: the node has not been granted a role.
func (m *managed) barsSaving() bool { return m.on }

// loaded ends the reading of the disk; h is the header of the dump that was
// found there, empty without one.
func (m *managed) loaded(h rdb.Header) error { return nil }

// dumpFields are fields of our own for the header of a dump.
func (m *managed) dumpFields() []rdb.Aux { return nil }
