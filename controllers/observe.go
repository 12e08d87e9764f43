// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/espalier-io/espalier/api/v1alpha1"
	"github.com/espalier-io/espalier/controllers/nodeclient"
	"github.com/espalier-io/espalier/controllers/resources"
	"github.com/espalier-io/espalier/controllers/topology"
	"github.com/espalier-io/espalier/node/controlapi"
)

// observation is one look at a group: the planner's State and the objects
// behind it, for apply.
type observation struct {
	group  *v1alpha1.ReplicationGroup
	ledger *v1alpha1.ReplicationLedger // nil: there is none
	pods   map[string]*corev1.Pod      // by member
	slice  *discoveryv1.EndpointSlice  // of the master's Service, nil: there is none
	claims int
	secret *corev1.Secret // what members mount, nil before it is made
	token  string         // of the control API, out of it
	state  topology.State

	supported bool // ensureSupport is done in this pass
}

// observe reads a group past any cache: its ledger, pods, claims and endpoint,
// and asks every node. Only Kubernetes' own Node objects come from the cache.
func (r *Reconciler) observe(ctx context.Context, group *v1alpha1.ReplicationGroup) (*observation, error) {
	o := &observation{group: group, pods: map[string]*corev1.Pod{}}
	o.state.Spec = specOf(&group.Spec)
	o.state.Deleting = !group.DeletionTimestamp.IsZero()
	o.state.Mint = mint()

	for _, read := range []func(context.Context, *observation) error{
		r.observeLedger, r.observeToken, r.observeMembers, r.observeEndpoint,
	} {
		if err := read(ctx, o); err != nil {
			return nil, err
		}
	}
	r.askNodes(ctx, o)
	return o, nil
}

// mint draws the random ids that the planner may need in this pass.
func mint() topology.Mint {
	var raw [20]byte
	rand.Read(raw[:]) // never fails: crypto/rand aborts the program instead
	return topology.Mint{GroupID: uuid.NewString(), Replid: hex.EncodeToString(raw[:])}
}

func specOf(s *v1alpha1.ReplicationGroupSpec) topology.Spec {
	spec := topology.Spec{OnTotalLoss: topology.TotalLoss(s.OnTotalLoss())}
	if s.Instances != nil {
		spec.Instances = int(*s.Instances)
		spec.Fanout = int(s.DeclaredFanout())
		spec.Persistence = persistenceOf(s.Persistence)
	}
	for i := range s.Tree {
		e := &s.Tree[i]
		spec.Tree = append(spec.Tree, topology.TreeEntry{
			Name: e.Name, ReplicaOf: e.ReplicaOf, Count: int(e.DeclaredCount()),
			Persistence: persistenceOf(s.EntryPersistence(e.Name)), Zone: e.Zone,
		})
	}
	return spec
}

func persistenceOf(p *v1alpha1.Persistence) topology.Persistence {
	return topology.Persistence{Mode: topology.PersistenceMode(p.DeclaredMode())}
}

func (r *Reconciler) observeLedger(ctx context.Context, o *observation) error {
	ledger := &v1alpha1.ReplicationLedger{}
	err := r.Live.Get(ctx, client.ObjectKeyFromObject(o.group), ledger)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the ledger: %w", err)
	}
	o.ledger = ledger
	o.state.Ledger = ledgerFromAPI(ledger)
	return nil
}

func (r *Reconciler) observeToken(ctx context.Context, o *observation) error {
	secret := &corev1.Secret{}
	key := types.NamespacedName{Namespace: o.group.Namespace, Name: resources.NodeSecretName(o.group.Name)}
	if err := r.Live.Get(ctx, key, secret); err != nil {
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("read the members' Secret: %w", err)
	}
	if metav1.IsControlledBy(secret, o.group) {
		o.secret, o.token = secret, string(secret.Data[resources.TokenKey])
	}
	return nil
}

func (r *Reconciler) observeMembers(ctx context.Context, o *observation) error {
	scope := []client.ListOption{client.InNamespace(o.group.Namespace), client.MatchingLabels(resources.GroupSelector(o.group.Name))}
	var pods corev1.PodList
	if err := r.Live.List(ctx, &pods, scope...); err != nil {
		return fmt.Errorf("list the pods: %w", err)
	}
	var claims corev1.PersistentVolumeClaimList
	if err := r.Live.List(ctx, &claims, scope...); err != nil {
		return fmt.Errorf("list the claims: %w", err)
	}
	members := map[string]*topology.Member{}
	member := func(name string) *topology.Member {
		if members[name] == nil {
			members[name] = &topology.Member{Name: name}
		}
		return members[name]
	}
	for i := range pods.Items {
		pod := &pods.Items[i]
		name, ok := resources.MemberName(o.group.Name, pod.Name)
		if !ok || pod.Labels[resources.LabelMember] != name {
			continue // labelled by somebody else
		}
		o.pods[name] = pod
		host, err := r.hostOf(ctx, pod.Spec.NodeName)
		if err != nil {
			return err
		}
		member(name).Pod = podOf(pod, host)
	}
	for i := range claims.Items {
		claim := &claims.Items[i]
		if !stays(claim, o.group) {
			continue
		}
		if name, ok := resources.MemberName(o.group.Name, claim.Name); ok && claim.Labels[resources.LabelMember] == name {
			member(name).Claim = claimOf(claim)
			o.claims++
		}
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		o.state.Members = append(o.state.Members, *members[name])
	}
	return nil
}

// stays tells whether a claim is there for this group to use: not one that is
// being deleted, nor one that will be, with the deleted group that owned it.
func stays(claim *corev1.PersistentVolumeClaim, group *v1alpha1.ReplicationGroup) bool {
	owner := metav1.GetControllerOf(claim)
	return claim.DeletionTimestamp == nil && (owner == nil || owner.UID == group.UID)
}

func (r *Reconciler) hostOf(ctx context.Context, name string) (topology.Host, error) {
	host := topology.Host{Name: name}
	if name == "" {
		return host, nil
	}
	node := &corev1.Node{}
	if err := r.Get(ctx, types.NamespacedName{Name: name}, node); err != nil {
		if apierrors.IsNotFound(err) {
			return host, nil
		}
		return host, fmt.Errorf("read the Kubernetes node: %w", err)
	}
	for _, c := range node.Status.Conditions {
		if c.Type == corev1.NodeReady {
			host.Ready = c.Status == corev1.ConditionTrue
		}
	}
	for _, t := range node.Spec.Taints {
		if t.Key == corev1.TaintNodeOutOfService {
			host.OutOfService = true
		}
	}
	return host, nil
}

func podOf(pod *corev1.Pod, host topology.Host) *topology.Pod {
	return &topology.Pod{
		UID:         string(pod.UID),
		IP:          pod.Status.PodIP,
		Phase:       topology.PodPhase(pod.Status.Phase),
		Terminating: pod.DeletionTimestamp != nil,
		Held:        slices.Contains(pod.Finalizers, resources.FinalizerObservedDeath),
		Container:   containerOf(pod),
		Host:        host,
	}
}

func containerOf(pod *corev1.Pod) topology.Container {
	for i := range pod.Status.ContainerStatuses {
		s := &pod.Status.ContainerStatuses[i]
		if s.Name != resources.ContainerName {
			continue
		}
		c := topology.Container{Restarts: int(s.RestartCount)}
		switch {
		case s.State.Waiting != nil:
			c.State, c.Reason = topology.ContainerWaiting, s.State.Waiting.Reason
		case s.State.Running != nil:
			c.State = topology.ContainerRunning
		case s.State.Terminated != nil:
			t := s.State.Terminated
			c.State, c.Reason, c.ExitCode = topology.ContainerTerminated, t.Reason, int(t.ExitCode)
			if crashed(t) {
				c.StartedAt, c.FinishedAt = t.StartedAt.Time, t.FinishedAt.Time
			}
		}
		return c
	}
	return topology.Container{}
}

// crashed tells a process that ended of itself, or for lack of memory, from one
// that was stopped or killed: only the first would do it again and again, and
// only its times matter to the planner.
func crashed(t *corev1.ContainerStateTerminated) bool {
	const killed, terminated = 128 + 9, 128 + 15
	return t.Reason == "OOMKilled" || t.ExitCode != 0 && t.ExitCode != killed && t.ExitCode != terminated
}

func claimOf(claim *corev1.PersistentVolumeClaim) *topology.Claim {
	return &topology.Claim{
		UID:     string(claim.UID),
		GroupID: claim.Annotations[resources.AnnotationGroupID],
		Bound:   claim.Status.Phase == corev1.ClaimBound,
		Lost:    claim.Status.Phase == corev1.ClaimLost,
	}
}

func (r *Reconciler) observeEndpoint(ctx context.Context, o *observation) error {
	slice := &discoveryv1.EndpointSlice{}
	key := types.NamespacedName{Namespace: o.group.Namespace, Name: resources.MasterSliceName(o.group.Name)}
	if err := r.Live.Get(ctx, key, slice); err != nil {
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("read the master's endpoint: %w", err)
	}
	if !metav1.IsControlledBy(slice, o.group) {
		return nil
	}
	o.slice = slice
	if len(slice.Endpoints) == 0 || len(slice.Endpoints[0].Addresses) == 0 {
		return nil
	}
	endpoint := slice.Endpoints[0]
	published := &topology.Published{PodIP: endpoint.Addresses[0]}
	published.Epoch, _ = strconv.ParseUint(slice.Annotations[resources.AnnotationEpoch], 10, 64)
	if ref := endpoint.TargetRef; ref != nil {
		published.PodUID = string(ref.UID)
		published.Member, _ = resources.MemberName(o.group.Name, ref.Name)
	}
	o.state.Published = published
	return nil
}

// askNodes asks every node that may answer, all at once, and tells the prober
// whom to watch from now on.
func (r *Reconciler) askNodes(ctx context.Context, o *observation) {
	key := client.ObjectKeyFromObject(o.group)
	targets := map[string]nodeclient.Node{}
	var wg sync.WaitGroup
	for i := range o.state.Members {
		m := &o.state.Members[i]
		if m.Pod == nil || m.Pod.IP == "" || o.token == "" || m.Pod.Container.State == topology.ContainerTerminated {
			continue
		}
		node := nodeclient.Node{IP: m.Pod.IP, Token: o.token}
		targets[m.Pod.UID] = node
		wg.Go(func() {
			state, err := r.Nodes.State(ctx, node)
			since := r.Prober.Note(key, m.Pod.UID, state, err, r.Now())
			m.Answer = answerOf(state, err, since)
		})
	}
	wg.Wait()
	doubtTwins(o.state.Members)
	r.Prober.Watch(key, targets)
}

// doubtTwins takes the answers back where one process answered for two pods:
// an address was given to another pod while the first still has it in its
// status. Which of them it belongs to cannot be told from here, and it proves
// nothing about the other.
func doubtTwins(members []topology.Member) {
	pods := map[string]int{}
	for i := range members {
		if a := &members[i].Answer; a.Reached {
			pods[a.Node.RunID]++
		}
	}
	for i := range members {
		if a := &members[i].Answer; a.Reached && pods[a.Node.RunID] > 1 {
			*a = topology.Answer{Error: "another pod's process answers at the address " + members[i].Pod.IP}
		}
	}
}

// staleAnswer is the age in seconds from which on a node's word about itself is
// no answer any more: a copy that hangs is not one to count on. It proves no
// death.
const staleAnswer = 10

func answerOf(s controlapi.State, err error, since time.Time) topology.Answer {
	if err != nil {
		return topology.Answer{Since: since, Error: err.Error()}
	}
	if s.AgeSecs > staleAnswer {
		return topology.Answer{Since: since, Error: fmt.Sprintf("what it says of itself is %d seconds old: it is busy or hangs", s.AgeSecs)}
	}
	n := topology.NodeState{
		RunID: s.RunID, GroupID: s.GroupID, Managed: s.Managed,
		Phase: topology.NodePhase(s.Phase), Role: topology.Role(s.Role),
		Epoch: s.Epoch, Promised: s.Promised, Open: s.Open, Frozen: s.Frozen,
		Position: topology.Position(s.Position), Replid2: s.Replid2, Offset2: s.Offset2,
		Complete: s.Complete, LocalWrites: s.LocalWrites, Keys: s.Keys, Linked: s.Linked,
		Link: topology.Link(s.Link), LinkReason: s.LinkReason, Idle: time.Duration(s.IdleSecs) * time.Second,
		Disk: topology.Disk{
			AOF: s.Persistence.AOF, AOFOK: s.Persistence.AOFOK, Fsync: s.Persistence.Fsync,
			RDB: s.Persistence.RDB, RDBOK: s.Persistence.RDBOK,
			SavedAt: s.Persistence.SavedAt, DirID: s.Persistence.DirID,
		},
	}
	if s.Upstream != nil {
		n.Upstream = s.Upstream.RunID
	}
	return topology.Answer{Reached: true, Node: n}
}

// String sums an observation up for the log: the ledger and each member with
// its process.
func (o *observation) String() string {
	var b strings.Builder
	if l := o.state.Ledger; l == nil {
		b.WriteString("no ledger")
	} else {
		fmt.Fprintf(&b, "epoch %d %s", l.Epoch, l.Phase)
	}
	for i := range o.state.Members {
		m := &o.state.Members[i]
		fmt.Fprintf(&b, "; %s ", m.Name)
		n := m.Answer.Node
		switch {
		case m.Answer.Reached:
			fmt.Fprintf(&b, "%s %s epoch %d at %.8s:%d", n.Phase, n.Role, n.Epoch, n.Replid, n.Offset)
			if n.Link != topology.LinkNone {
				fmt.Fprintf(&b, " link %s", n.Link)
			}
		case m.Pod == nil:
			b.WriteString("has no pod")
		default:
			fmt.Fprintf(&b, "%s %s %s", m.Pod.Phase, m.Pod.Container.State, m.Answer.Error)
		}
	}
	return b.String()
}
