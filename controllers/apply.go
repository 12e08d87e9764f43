// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/espalier-io/espalier/api/v1alpha1"
	"github.com/espalier-io/espalier/controllers/nodeclient"
	"github.com/espalier-io/espalier/controllers/resources"
	"github.com/espalier-io/espalier/controllers/topology"
	"github.com/espalier-io/espalier/node/controlapi"
)

// apply performs a plan. An action that is a barrier runs alone, and where it
// fails the rest of the plan is dropped; neighbours that are none run together.
// Each action carries the preconditions under which it was decided, and the
// API server or the node checks them again. An outdated plan fails there,
// harmlessly: the next pass decides anew.
//
// What stands around the members decides nothing. It is looked after before a
// pod is made, which needs it, and when there is nothing else to do; a failover
// does not wait for it.
//
// It gives whether everything was done. An action that was overtaken was not,
// and is no error.
func (r *Reconciler) apply(ctx context.Context, o *observation, plan topology.Plan) (done bool, err error) {
	if len(plan.Actions) == 0 {
		if err := r.ensureSupport(ctx, o); err != nil {
			return false, err
		}
	}
	var errs []error
	done = true
	for rest := plan.Actions; len(rest) > 0; {
		n := 1
		if !rest[0].Barrier() {
			for n < len(rest) && !rest[n].Barrier() {
				n++
			}
		}
		batch := rest[:n]
		if slices.ContainsFunc(batch, makesPod) {
			if err := r.ensureSupport(ctx, o); err != nil {
				// The pods wait; what else was decided, grants above all, does not.
				errs, done = append(errs, err), false
				batch = slices.DeleteFunc(slices.Clone(batch), makesPod)
			}
		}
		all, err := r.together(ctx, o, batch)
		done = done && all
		errs = append(errs, err)
		if !all && rest[0].Barrier() {
			break
		}
		rest = rest[n:]
	}
	return done, errors.Join(append(errs, r.labelRoles(ctx, o))...)
}

func makesPod(a topology.Action) bool {
	_, ok := a.(topology.CreatePod)
	return ok
}

// together performs actions that do not depend on each other, and gives what
// apply does.
func (r *Reconciler) together(ctx context.Context, o *observation, actions []topology.Action) (done bool, err error) {
	failed := make([]error, len(actions))
	var wg sync.WaitGroup
	for i, a := range actions {
		wg.Go(func() { failed[i] = r.perform(ctx, o, a) })
	}
	wg.Wait()
	done = true
	var errs []error
	for i, err := range failed {
		switch {
		case err == nil:
			continue
		case overtaken(err):
			log.FromContext(ctx).V(1).Info("overtaken", "action", actions[i].String(), "because", err.Error())
		default:
			errs = append(errs, fmt.Errorf("%s: %w", actions[i], err))
		}
		done = false
	}
	return done, errors.Join(errs...)
}

func (r *Reconciler) perform(ctx context.Context, o *observation, action topology.Action) error {
	var err error
	switch a := action.(type) {
	case topology.UpdateLedger:
		err = r.updateLedger(ctx, o, a)
	case topology.CreateClaim:
		err = r.createClaim(ctx, o, a)
	case topology.CreatePod:
		err = r.createPod(ctx, o, a)
	case topology.DeletePod:
		err = r.deletePod(ctx, o, a)
	case topology.ReleasePod:
		err = r.releasePod(ctx, o, a)
	case topology.Promise:
		err = r.promise(ctx, o, a)
	case topology.GrantMaster:
		err = r.grantMaster(ctx, o, a)
	case topology.Renew:
		err = r.renew(ctx, o, a)
	case topology.GrantReplica:
		err = r.grantReplica(ctx, o, a)
	case topology.PublishMaster:
		err = r.publishMaster(ctx, o, a)
	case topology.RetractMaster:
		err = r.retractMaster(ctx, o, a)
	default:
		err = errors.New("the plan holds an action that nobody performs")
	}
	if err == nil {
		r.tell(o, action)
		if r.AfterAction != nil {
			r.AfterAction(action)
		}
	}
	return err
}

// overtaken tells an action whose preconditions no longer hold from one that
// failed: the world has moved on, and the next pass sees it.
func overtaken(err error) bool {
	var refusal *controlapi.Refusal
	return apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) || errors.As(err, &refusal)
}

func (r *Reconciler) updateLedger(ctx context.Context, o *observation, a topology.UpdateLedger) error {
	value := a.Ledger
	value.ResourceVersion = a.ResourceVersion
	stored := ledgerToAPI(o.group, &value)
	var err error
	if a.ResourceVersion == "" {
		err = r.Create(ctx, stored)
	} else {
		err = r.Update(ctx, stored)
	}
	if err != nil {
		return err
	}
	o.ledger = stored
	if a.ResourceVersion == "" {
		return r.ensureSupport(ctx, o) // the first ledger brings the group id, which members are configured with
	}
	return nil
}

func (r *Reconciler) createClaim(ctx context.Context, o *observation, a topology.CreateClaim) error {
	return r.createMemberObject(ctx, o, resources.Claim(o.group, resources.Member{Name: a.Name, Entry: a.Entry}, a.GroupID))
}

func (r *Reconciler) createPod(ctx context.Context, o *observation, a topology.CreatePod) error {
	member := resources.Member{Name: a.Name, Entry: a.Entry, Claimed: a.Persistence.NeedsClaim()}
	return r.createMemberObject(ctx, o, resources.Pod(o.group, member, r.imageOf(o.group)))
}

// imageOf is the image of new members.
func (r *Reconciler) imageOf(group *v1alpha1.ReplicationGroup) string {
	if group.Spec.Image != "" {
		return group.Spec.Image
	}
	return r.Image
}

// deletePod deletes the pod as it was seen: one that has changed since, a
// container run again among other things, is decided about anew.
func (r *Reconciler) deletePod(ctx context.Context, o *observation, a topology.DeletePod) error {
	as := client.Preconditions{UID: new(types.UID(a.PodUID))}
	if pod := o.pods[a.Name]; pod != nil && string(pod.UID) == a.PodUID {
		as.ResourceVersion = &pod.ResourceVersion
	}
	err := r.Delete(ctx, podMeta(o, a.Name), as)
	return client.IgnoreNotFound(err)
}

func podMeta(o *observation, member string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: o.group.Namespace, Name: resources.PodName(o.group.Name, member)}}
}

// releasePod takes the finalizer off. The resource version of the observation
// is the precondition: what was decided about this pod was decided about what
// it was then.
func (r *Reconciler) releasePod(ctx context.Context, o *observation, a topology.ReleasePod) error {
	pod := o.pods[a.Name]
	if pod == nil || string(pod.UID) != a.PodUID {
		return nil
	}
	kept := slices.DeleteFunc(slices.Clone(pod.Finalizers), func(f string) bool { return f == resources.FinalizerObservedDeath })
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"uid": pod.UID, "resourceVersion": pod.ResourceVersion, "finalizers": kept,
	}})
	if err != nil {
		return err
	}
	return client.IgnoreNotFound(r.Patch(ctx, podMeta(o, a.Name), client.RawPatch(types.MergePatchType, patch)))
}

func (r *Reconciler) at(o *observation, t topology.Target) nodeclient.Node {
	return nodeclient.Node{IP: t.PodIP, Token: o.token}
}

func (r *Reconciler) promise(ctx context.Context, o *observation, a topology.Promise) error {
	_, err := r.Nodes.Promise(ctx, r.at(o, a.Target), controlapi.PromiseRequest{GroupID: a.GroupID, Epoch: a.Epoch})
	return err
}

func (r *Reconciler) grantMaster(ctx context.Context, o *observation, a topology.GrantMaster) error {
	_, err := r.Nodes.Grant(ctx, r.at(o, a.Target), controlapi.GrantRequest{
		GroupID: a.GroupID, Epoch: a.Epoch, RunID: a.RunID, Role: controlapi.RoleMaster,
		Replid: a.Replid, From: controlapi.Position(a.From),
	})
	return err
}

func (r *Reconciler) grantReplica(ctx context.Context, o *observation, a topology.GrantReplica) error {
	req := controlapi.GrantRequest{
		GroupID: a.GroupID, Epoch: a.Epoch, RunID: a.RunID, Role: controlapi.RoleReplica, Replid: a.Replid,
		Upstream: &controlapi.Upstream{Host: a.Upstream.PodIP, Port: resources.RedisPort, RunID: a.Upstream.RunID},
	}
	for _, p := range a.Ancestors {
		req.Ancestors = append(req.Ancestors, controlapi.Position(p))
	}
	if a.Discard != nil {
		req.Discard = new(controlapi.Position(*a.Discard))
	}
	_, err := r.Nodes.Grant(ctx, r.at(o, a.Target), req)
	return err
}

// renew lets the granted master take writes, after a fresh read of the ledger:
// a deposed operator, however late it wakes up, renews nobody.
func (r *Reconciler) renew(ctx context.Context, o *observation, a topology.Renew) error {
	ledger := &v1alpha1.ReplicationLedger{}
	if err := r.Live.Get(ctx, client.ObjectKeyFromObject(o.group), ledger); err != nil {
		return err
	}
	grant := ledger.Spec.Grant
	if ledger.Spec.Phase != v1alpha1.LedgerOpen || uint64(ledger.Spec.Epoch) != a.Epoch || grant == nil || grant.RunID != a.RunID {
		return fmt.Errorf("the ledger has moved on to epoch %d %s", ledger.Spec.Epoch, ledger.Spec.Phase)
	}
	_, err := r.Nodes.Renew(ctx, r.at(o, a.Target), controlapi.RenewRequest{GroupID: a.GroupID, Epoch: a.Epoch, RunID: a.RunID})
	return err
}

func (r *Reconciler) publishMaster(ctx context.Context, o *observation, a topology.PublishMaster) error {
	endpoint := &resources.MasterEndpoint{Member: a.Name, PodUID: types.UID(a.PodUID), PodIP: a.PodIP}
	if pod := o.pods[a.Name]; pod != nil {
		endpoint.Host = pod.Spec.NodeName
	}
	return r.writeEndpoint(ctx, o, a.Epoch, resources.AddressType(a.PodIP), endpoint)
}

func (r *Reconciler) retractMaster(ctx context.Context, o *observation, a topology.RetractMaster) error {
	if o.slice == nil {
		return nil
	}
	return r.writeEndpoint(ctx, o, a.Epoch, o.slice.AddressType, nil)
}

// writeEndpoint writes the one slice of the master's Service whole, with the
// observed resource version as its precondition: a deposed operator cannot
// bring an older master back.
func (r *Reconciler) writeEndpoint(ctx context.Context, o *observation, epoch uint64, kind discoveryv1.AddressType, master *resources.MasterEndpoint) error {
	slice := resources.MasterEndpointSlice(o.group, int64(epoch), kind, master)
	if o.slice == nil {
		if err := r.claimName(ctx, o.group, slice); err != nil {
			return err
		}
		return r.Create(ctx, slice)
	}
	slice.ResourceVersion = o.slice.ResourceVersion
	return r.Update(ctx, slice)
}

// labelRoles makes the role labels of pods, which the read Services and the
// disruption budgets select by, follow what the nodes say. No decision reads
// them.
func (r *Reconciler) labelRoles(ctx context.Context, o *observation) error {
	var errs []error
	for i := range o.state.Members {
		m := &o.state.Members[i]
		pod := o.pods[m.Name]
		if pod == nil || !m.Answer.Reached || pod.DeletionTimestamp != nil {
			continue
		}
		role := string(m.Answer.Node.Role)
		if role == pod.Labels[resources.LabelRole] {
			continue
		}
		var value any // null removes the label
		if role != "" {
			value = role
		}
		patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
			"uid": pod.UID, "labels": map[string]any{resources.LabelRole: value},
		}})
		if err != nil {
			return err
		}
		if err := r.Patch(ctx, podMeta(o, m.Name), client.RawPatch(types.MergePatchType, patch)); client.IgnoreNotFound(err) != nil {
			errs = append(errs, fmt.Errorf("label the role of %s: %w", m.Name, err))
		}
	}
	return errors.Join(errs...)
}

// tell makes an event of an action that people want to read about. The object
// that it is also about, a pod or a version of the ledger, keeps it apart from
// others of its reason: those that agree in all but the note are counted as one.
func (r *Reconciler) tell(o *observation, action topology.Action) {
	var reason, what string
	switch a := action.(type) {
	case topology.UpdateLedger:
		if o.state.Ledger != nil && o.state.Ledger.Decision == a.Ledger.Decision {
			return
		}
		r.Events.Eventf(o.group, o.ledger, corev1.EventTypeNormal, "Decided", "Decide", "%s", clip(a.Ledger.Decision, 1000))
		return
	case topology.CreatePod:
		reason, what = "PodCreated", "Created the pod of "+a.Name
	case topology.DeletePod:
		reason, what = "PodDeleted", "Deleted the pod of "+a.Name
	case topology.GrantMaster:
		reason, what = "Promoted", fmt.Sprintf("Granted epoch %d to %s", a.Epoch, a.Name)
	case topology.PublishMaster:
		reason, what = "MasterPublished", "The Service leads to "+a.Name
	default:
		return
	}
	r.Events.Eventf(o.group, podMeta(o, action.Member()), corev1.EventTypeNormal, reason, reason, "%s: %s", what, clip(action.Because(), 900))
}
