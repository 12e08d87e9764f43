// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package repl

import (
	"fmt"
	"math"
	"strings"
)

// The data-set shield: a data set is dropped only for one that is complete,
// verified and acceptable. The link sees to the first two by receiving the new
// data set whole, beside the old one; this file decides the third.

// Policy says whose data set a replica accepts in place of its own.
type Policy struct {
	// Protect is `replica-protect-dataset yes`: a reconnect is never consent.
	Protect bool
	// Consent holds from an explicit REPLICAOF until the first sync that it led
	// to; it is what a person asked for, knowingly.
	Consent bool
	// Grant is set on a managed node and then decides alone.
	Grant *Grant
}

// Grant is what an operator allowed a managed replica to accept.
type Grant struct {
	// Replid is the history of the present mastership. Nothing else is accepted.
	Replid string
	// Ancestors are the older histories of Replid, newest first, each with the
	// offset at which its successor forked off.
	Ancestors []Position
	// Discard, if set, authorises the loss of what the replica holds if and
	// only if it stands exactly there.
	Discard *Position
}

// Own is what the shield protects.
type Own struct {
	Position
	Keys int64 // in all databases
}

// Offer is what a master answered to PSYNC with. A master too old for PSYNC
// offers a data set without a position.
type Offer struct {
	Position
}

// Decision is the shield's answer; Reason says why not, for people.
type Decision struct {
	OK     bool
	Reason string
}

var accepted = Decision{OK: true}

func refused(format string, args ...any) Decision {
	return Decision{Reason: "refused: " + fmt.Sprintf(format, args...)}
}

// AcceptFullSync decides whether the offered data set may take the place of
// one's own.
func AcceptFullSync(own Own, offer Offer, p Policy) Decision {
	switch {
	case p.Grant != nil:
		return p.Grant.acceptFull(own, offer)
	case !p.Protect, p.Consent, own.Keys == 0:
		return accepted
	case offer.Replid == "":
		return refused("the master offers a data set without a history and this replica holds %d keys (replica-protect-dataset)", own.Keys)
	case !sameID(offer.Replid, own.Replid):
		return refused("the master offers history %s and this replica holds %d keys of %s (replica-protect-dataset)",
			offer.Replid, own.Keys, own.Replid)
	case offer.Offset < own.Offset:
		return refused("the master offers offset %d and this replica is at %d (replica-protect-dataset)",
			offer.Offset, own.Offset)
	}
	return accepted
}

// AcceptContinue decides whether a partial resync that names history replid
// may go on. Nothing is lost by one, but a managed replica must not follow a
// mastership that is not the granted one.
func AcceptContinue(replid string, p Policy) Decision {
	if p.Grant != nil && !sameID(replid, p.Grant.Replid) {
		return refused("the upstream continues history %s and the grant is for %s", replid, p.Grant.Replid)
	}
	return accepted
}

func (g *Grant) acceptFull(own Own, offer Offer) Decision {
	if offer.Replid == "" || !sameID(offer.Replid, g.Replid) {
		return refused("the upstream offers history %s and the grant is for %s", orNone(offer.Replid), g.Replid)
	}
	if own.Position == (Position{}) || g.discards(own.Position) {
		return accepted
	}
	on, known := g.mainline(own.Position)
	switch {
	case !known:
		return refused("this replica holds history %s, which is foreign to %s, and its loss is not authorised", own.Replid, g.Replid)
	case !on:
		return refused("this replica holds a tail of %s up to offset %d and its loss is not authorised", own.Replid, own.Offset)
	case offer.Offset < own.Offset:
		return refused("the upstream offers offset %d and this replica is at %d", offer.Offset, own.Offset)
	}
	return accepted
}

func (g *Grant) discards(own Position) bool {
	return g.Discard != nil && sameID(g.Discard.Replid, own.Replid) && g.Discard.Offset == own.Offset
}

// mainline tells whether a position lies on the way to the granted history,
// and whether its history is known at all. Histories can fork off before an
// earlier fork (a mastership that lost its tail), hence the lowest of the
// forks between there and here bounds the mainline.
func (g *Grant) mainline(own Position) (on, known bool) {
	if sameID(own.Replid, g.Replid) {
		return true, true
	}
	fork := int64(math.MaxInt64)
	for _, a := range g.Ancestors {
		fork = min(fork, a.Offset)
		if sameID(own.Replid, a.Replid) {
			return own.Offset <= fork, true
		}
	}
	return false, false
}

func sameID(a, b string) bool { return strings.EqualFold(a, b) }

func orNone(id string) string {
	if id == "" {
		return "(none)"
	}
	return id
}
