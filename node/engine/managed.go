// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import "github.com/espalier-io/espalier/node/command"

// managed is the engine's side of an operator: what the guard decided, in a
// form that the gates can ask cheaply.
type managed struct {
	on bool // directive managed
}

func (m *managed) init(e *Engine) { m.on = e.cfg.Managed }

// refuse bars what a node without a role, a fenced master or roles with one
// author must not do.
func (m *managed) refuse(command.Flags) string { return "" }
