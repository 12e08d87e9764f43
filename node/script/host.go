// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package script

import "github.com/espalier-io/espalier/node/resp"

// Host is what a script reaches outside of itself. It is called in the goroutine
// that runs the script, and only while it runs.
type Host interface {
	// Call runs a command and gives its reply in the protocol that SetProtocol
	// chose; both are valid until the next call. A refusal, code first, says why it
	// was not run; it is counted already, as are the errors in replies.
	Call(argv [][]byte) (reply []byte, refusal string)
	// SetProtocol chooses protocol 2 or 3 for the replies to Call.
	SetProtocol(version int)
	// SetReplication chooses where the effects of the calls to come are told: the
	// sum of ReplicateAOF and ReplicateReplicas. The text is an error.
	SetReplication(where int) string
	// Permits tells whether the caller's user may run a command, and whether there
	// is such a command.
	Permits(argv [][]byte) (permitted, known bool)
	// Log writes a line at a level, 0 (debug) to 3 (warning).
	Log(level int, line string)
	// CountError counts an error with which a script answers.
	CountError(text string)
	// Interrupt is called every few thousand instructions. A text ends the script
	// with that error.
	Interrupt() string
}

// Where effects are told.
const (
	ReplicateAOF      = 1
	ReplicateReplicas = 2
	replicateAll      = ReplicateAOF | ReplicateReplicas
)

// Call is one call of a program.
type Call struct {
	Keys, Args [][]byte     // copied as the script begins
	Reply      *resp.Writer // of the client
}

// Failure is how a script ended that gave no reply.
type Failure struct {
	Text    string // code first
	Source  string // where it was raised; "" if nobody knows
	Line    string
	Counted bool // by the command that brought it
}

// In is the failure as the client reads it, naming the script.
func (f *Failure) In(name string) string {
	if f.Source == "" || f.Line == "" {
		return f.Text
	}
	return f.Text + " script: " + name + ", on " + f.Source + ":" + f.Line + "."
}
