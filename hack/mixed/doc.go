// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Package mixed puts trees of nodes and real redis-servers, in any arrangement,
// through what happens to trees: links are cut, members stop and come back, with
// their dump and without, others take the lead, branches move; all the while the
// top is written to with every type. After each round the writes stop, and all
// members have to hold the same data, by DEBUG DIGEST.
//
// A run is a script of ten rounds, with every kind of event in an order and with
// victims drawn from a seed (script_test.go), played (play_test.go) on a tree of
// processes (tree_test.go, member_test.go) under a load (load_test.go,
// commands_test.go). The same script is played on a tree of redis-servers only,
// and no event may cost the mixed tree more full resyncs than it cost that one
// (mixed_test.go).
//
// # Why that comparison is not a matter of luck
//
// Redis itself has races in which timing alone decides between a partial and a
// full resync, so that two runs of one script would differ. The events are made
// such that none of them is open:
//
//   - An event begins when the one before is over: every link is up, the whole
//     tree is in one history, and a mark written at the top has passed every
//     link. Nobody is cut in the middle of a sync that the event before began.
//   - Who asks for a position that the asked one hasn't reached yet, or names a
//     history that the asked one hasn't heard of yet, is given a full resync. So
//     what moves members between parents, makes another one the top, or restarts
//     one that others follow, happens at rest: the load has stopped, the top is
//     paused for writes, by which it deletes no expired keys either, it sends no
//     pings (their period is an hour), and all offsets are equal. After a
//     promotion one member after the other joins the new history, from the top
//     down. Cuts, stalls, crashes of leaves and FAILOVER, which pauses by itself,
//     are under load: whoever asks then is behind the one asked.
//   - Where a full resync is due (a member comes back without its data), a write
//     that the member and those below it cannot have is acknowledged first, so
//     that it is due for all of them always.
//   - Backlogs are larger than all that a script writes: what is missed is never
//     out of reach for having been slow.
//   - Retries cost nothing: an attempt that finds nobody listening, or that is
//     answered NOMASTERLINK, counts as no resync; the servers count a full one
//     when they grant it. Only those are compared, partial ones are shown.
//
// A run is bounded; ESPALIER_MIXED_ROUNDS asks for more rounds (scripts of
// further seeds), ESPALIER_MIXED_SEED for another first seed. A failure names
// its seed; one alone, on one arrangement:
//
//	ESPALIER_MIXED_SEED=7 go test ./hack/mixed -v -run 'TestChains/seed_7/node-redis-node'
package mixed
