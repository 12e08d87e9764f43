// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Package controllers runs the reconciler: observe → plan → apply → status.
//
// One pass reads everything there is to know about a group (observe.go: the
// only reader), lets the pure planner decide (package topology), performs what
// it decided (apply.go: the only writer), and tells (status.go). Nothing is
// remembered between two passes but the ledger; so the operator may die at any
// moment, and another one goes on.
//
// Passes are caused by changes of the objects that a group consists of, and by
// the prober (prober.go), which asks every node each second.
//
// Start reading at Reconciler.Reconcile; DESIGN.md tells the rules.
package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/espalier-io/espalier/api/v1alpha1"
	"github.com/espalier-io/espalier/controllers/nodeclient"
	"github.com/espalier-io/espalier/controllers/resources"
	"github.com/espalier-io/espalier/controllers/topology"
)

// +kubebuilder:rbac:groups=espalier.io,resources=replicationgroups,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=espalier.io,resources=replicationgroups/status,verbs=patch
// +kubebuilder:rbac:groups=espalier.io,resources=replicationgroups/finalizers,verbs=update
// +kubebuilder:rbac:groups=espalier.io,resources=replicationledgers,verbs=get;list;watch;create;update;delete
// +kubebuilder:rbac:groups="",resources=pods,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups="",resources=persistentvolumeclaims,verbs=get;list;watch;create
// +kubebuilder:rbac:groups="",resources=services,verbs=get;list;watch;create;patch
// +kubebuilder:rbac:groups="",resources=configmaps,verbs=get;create;patch
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get;create
// +kubebuilder:rbac:groups="",resources=nodes,verbs=get;list;watch
// +kubebuilder:rbac:groups=discovery.k8s.io,resources=endpointslices,verbs=get;list;watch;create;update
// +kubebuilder:rbac:groups=discovery.k8s.io,resources=endpointslices/restricted,verbs=create
// +kubebuilder:rbac:groups=policy,resources=poddisruptionbudgets,verbs=get;create;patch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// finalizerGroup keeps a deleted group until its pods are stopped and gone.
const finalizerGroup = "espalier.io/stop-members"

// How long a pass that has nothing to do waits for the next one at the most;
// watches and the prober come earlier.
const resync = 10 * time.Second

// overtakenPause is how long after a pass that was overtaken the next one comes
// at the latest. The change that overtook it causes one at once, as a rule; a
// node that refuses again and again does not.
const overtakenPause = 100 * time.Millisecond

// Reconciler grows and keeps alive the trees of all groups.
type Reconciler struct {
	client.Client               // writes, and reads that may be stale
	Live          client.Reader // reads past the cache
	Nodes         *nodeclient.Client
	Prober        *Prober
	Events        events.EventRecorder
	Image         string // of the members of groups that name none
	Now           func() time.Time

	// AfterAction, if set, is told of every action that succeeded. Tests end the
	// operator there, to see that another one goes on.
	AfterAction func(topology.Action)
}

// Reconcile makes one pass over one group. A write that met a newer version of
// its object is no error: the next pass begins soon, with what is there now.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	result, err := r.pass(ctx, req)
	if conflictsOnly(err) {
		log.FromContext(ctx).V(1).Info("overtaken", "because", err.Error())
		return ctrl.Result{RequeueAfter: overtakenPause}, nil
	}
	return result, err
}

// conflictsOnly tells whether nothing but conflicts is wrong.
func conflictsOnly(err error) bool {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return !slices.ContainsFunc(joined.Unwrap(), func(e error) bool { return !conflictsOnly(e) })
	}
	return apierrors.IsConflict(err)
}

func (r *Reconciler) pass(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	group := &v1alpha1.ReplicationGroup{}
	if err := r.Live.Get(ctx, req.NamespacedName, group); err != nil {
		if apierrors.IsNotFound(err) {
			r.Prober.Forget(req.NamespacedName)
			return ctrl.Result{}, nil
		}
		return ctrl.Result{}, fmt.Errorf("read the group: %w", err)
	}
	if group.DeletionTimestamp.IsZero() {
		if err := r.holdGroup(ctx, group); err != nil {
			return ctrl.Result{}, err
		}
	}
	seen, err := r.observe(ctx, group)
	if err != nil {
		return ctrl.Result{}, err
	}
	plan := topology.Decide(seen.state, r.Now())
	logPlan(ctx, seen, plan)

	done, applied := r.apply(ctx, seen, plan)
	var taken *nameTaken
	switch {
	case errors.As(applied, &taken):
		taken.obstruct(&plan.Health)
		r.Events.Eventf(group, nil, corev1.EventTypeWarning, string(topology.ReasonNameTaken), "Apply", "%s", clip(taken.Error(), 1000))
	case applied != nil && !conflictsOnly(applied):
		r.Events.Eventf(group, nil, corev1.EventTypeWarning, "ActionFailed", "Apply", "%s", clip(applied.Error(), 1000))
	}
	if err := r.writeStatus(ctx, seen, plan); err != nil {
		return ctrl.Result{}, err
	}
	if !group.DeletionTimestamp.IsZero() && len(plan.Actions) == 0 {
		return r.letGroupGo(ctx, seen)
	}
	if taken != nil {
		log.FromContext(ctx).Info("a name is taken", "because", applied.Error())
		return ctrl.Result{RequeueAfter: takenPause}, nil
	}
	if applied != nil {
		return ctrl.Result{}, applied
	}
	if !done {
		return ctrl.Result{RequeueAfter: overtakenPause}, nil
	}
	return nextPass(plan), nil
}

// nextPass says when to look again: at once after actions, for their outcome is
// the next observation.
func nextPass(plan topology.Plan) ctrl.Result {
	switch {
	case len(plan.Actions) > 0:
		return ctrl.Result{RequeueAfter: time.Millisecond}
	case plan.Wait != nil && plan.Wait.After > 0:
		return ctrl.Result{RequeueAfter: min(plan.Wait.After, resync)}
	}
	return ctrl.Result{RequeueAfter: resync}
}

// logPlan writes the one line that tells a pass: what was seen, what is done,
// what is waited for, which gates refused.
func logPlan(ctx context.Context, seen *observation, plan topology.Plan) {
	logger := log.FromContext(ctx)
	if len(plan.Actions) == 0 {
		logger = logger.V(1)
	}
	actions := make([]string, len(plan.Actions))
	for i, a := range plan.Actions {
		actions[i] = a.String()
	}
	refusals := make([]string, len(plan.Refusals))
	for i, f := range plan.Refusals {
		refusals[i] = f.Gate + " " + f.Member + ": " + f.Message
	}
	wait := ""
	if plan.Wait != nil {
		wait = string(plan.Wait.Reason) + ": " + plan.Wait.Message
	}
	logger.Info("plan", "seen", seen.String(), "actions", actions, "wait", wait, "refusals", refusals)
}

// SetupWithManager says what causes a pass.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	byLabel := handler.EnqueueRequestsFromMapFunc(func(_ context.Context, o client.Object) []reconcile.Request {
		group := o.GetLabels()[resources.LabelGroup]
		if group == "" {
			return nil
		}
		return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: o.GetNamespace(), Name: group}}}
	})
	ownName := &handler.EnqueueRequestForObject{}
	specOnly := builder.WithPredicates(predicate.GenerationChangedPredicate{})
	probes := source.TypedChannel[client.Object, reconcile.Request](r.Prober.Changes(),
		handler.TypedFuncs[client.Object, reconcile.Request]{GenericFunc: enqueueGeneric})
	return ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.ReplicationGroup{}, specOnly).
		Watches(&v1alpha1.ReplicationLedger{}, ownName).
		Watches(&corev1.Pod{}, byLabel).
		Watches(&corev1.PersistentVolumeClaim{}, byLabel).
		Watches(&corev1.Service{}, byLabel, specOnly).
		Watches(&discoveryv1.EndpointSlice{}, byLabel, builder.WithPredicates(predicate.NewPredicateFuncs(func(o client.Object) bool {
			return o.GetLabels()[discoveryv1.LabelManagedBy] == resources.EndpointSliceManager
		}))).
		WatchesRawSource(probes).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: 8,
			// A group whose password Secret is missing is looked at again within
			// seconds, not within the default's quarter of an hour.
			RateLimiter: workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](100*time.Millisecond, resync),
		}).
		Named("replicationgroup").
		Complete(r)
}

func enqueueGeneric(_ context.Context, e event.TypedGenericEvent[client.Object], q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
	q.Add(reconcile.Request{NamespacedName: client.ObjectKeyFromObject(e.Object)})
}
