// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/espalier-io/espalier/api/v1alpha1"
	"github.com/espalier-io/espalier/controllers/resources"
)

// fieldOwner is the operator's name in server-side apply.
const fieldOwner = client.FieldOwner("espalier")

// ensureSupport makes what members need around them: Services, budgets,
// configuration, secrets. None of it decides about a role. It is written by
// server-side apply, so a write that changes nothing is none.
func (r *Reconciler) ensureSupport(ctx context.Context, o *observation) error {
	if !o.group.DeletionTimestamp.IsZero() || o.supported {
		return nil
	}
	var errs []error
	objects := []client.Object{resources.ConfigMap(o.group, o.groupID())}
	for _, s := range resources.Services(o.group) {
		objects = append(objects, s)
	}
	for _, b := range resources.DisruptionBudgets(o.group) {
		objects = append(objects, b)
	}
	if err := r.ensureNodeSecret(ctx, o); err != nil {
		return err
	}
	for _, object := range objects {
		if err := r.claimName(ctx, o.group, object); err != nil {
			errs = append(errs, err)
		} else if err := r.applyObject(ctx, object); err != nil {
			errs = append(errs, fmt.Errorf("apply %T %s: %w", object, object.GetName(), err))
		}
	}
	o.supported = len(errs) == 0
	return errors.Join(errs...)
}

func (r *Reconciler) applyObject(ctx context.Context, object client.Object) error {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return err
	}
	delete(fields, "status")
	u := &unstructured.Unstructured{Object: fields}
	unstructured.RemoveNestedField(u.Object, "metadata", "creationTimestamp")
	return r.Apply(ctx, client.ApplyConfigurationFromUnstructured(u), fieldOwner, client.ForceOwnership)
}

// groupID is what members are configured with: the ledger's, or, while there is
// none, the one that the claims tell; "" lets each member tell what its
// directory says.
func (o *observation) groupID() string {
	if o.ledger != nil {
		return o.ledger.Spec.GroupID
	}
	id := ""
	for i := range o.state.Members {
		if c := o.state.Members[i].Claim; c != nil && c.GroupID != "" {
			if id != "" && id != c.GroupID {
				return ""
			}
			id = c.GroupID
		}
	}
	return id
}

// ensureNodeSecret derives what members mount from the group's password and a
// token of the control API that is drawn once. It is made and never rewritten:
// members read it when they start, and a tree half of which knows another
// password or token is cut in two. Rotation needs more than a new Secret.
func (r *Reconciler) ensureNodeSecret(ctx context.Context, o *observation) error {
	if o.secret != nil {
		return nil
	}
	password, err := r.password(ctx, o.group)
	if err != nil {
		return err
	}
	secret := resources.NodeSecret(o.group, password, rand.Text())
	if err := r.claimName(ctx, o.group, secret); err != nil {
		return err
	}
	if err := r.Create(ctx, secret); err != nil {
		return fmt.Errorf("make the members' Secret: %w", err)
	}
	o.secret, o.token = secret, string(secret.Data[resources.TokenKey])
	return nil
}

// password reads the user's Secret, or the generated one, which is made when
// it is missing and never written again.
func (r *Reconciler) password(ctx context.Context, group *v1alpha1.ReplicationGroup) (string, error) {
	name, generated := resources.PasswordSecretName(group)
	secret := &corev1.Secret{}
	err := r.Live.Get(ctx, types.NamespacedName{Namespace: group.Namespace, Name: name}, secret)
	if apierrors.IsNotFound(err) && generated {
		secret = resources.AuthSecret(group, rand.Text())
		err = r.Create(ctx, secret)
	}
	if err != nil {
		return "", fmt.Errorf("read the password from Secret %s: %w", name, err)
	}
	password := string(secret.Data[v1alpha1.PasswordKey])
	if password == "" {
		return "", fmt.Errorf("the Secret %s has no key %q, or it is empty", name, v1alpha1.PasswordKey)
	}
	return password, nil
}

// holdGroup puts the finalizer on a group, so that deleting it stops its
// members one way: through the planner.
func (r *Reconciler) holdGroup(ctx context.Context, group *v1alpha1.ReplicationGroup) error {
	if controllerutil.ContainsFinalizer(group, finalizerGroup) {
		return nil
	}
	before := group.DeepCopy()
	controllerutil.AddFinalizer(group, finalizerGroup)
	if err := r.Patch(ctx, group, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})); err != nil {
		return fmt.Errorf("hold the group: %w", err)
	}
	return nil
}

// letGroupGo ends the deletion of a group once no pod is left. The ledger stays
// as long as claims do that hold data of its history; without any it goes, and
// the same manifest may begin anew.
func (r *Reconciler) letGroupGo(ctx context.Context, o *observation) (ctrl.Result, error) {
	if len(o.pods) > 0 {
		return ctrl.Result{RequeueAfter: resync}, nil
	}
	if o.ledger != nil && (o.claims == 0 || reclaims(o.group)) {
		err := r.Delete(ctx, o.ledger, client.Preconditions{UID: &o.ledger.UID, ResourceVersion: &o.ledger.ResourceVersion})
		if client.IgnoreNotFound(err) != nil {
			return ctrl.Result{}, fmt.Errorf("delete the ledger: %w", err)
		}
	}
	before := o.group.DeepCopy()
	controllerutil.RemoveFinalizer(o.group, finalizerGroup)
	err := r.Patch(ctx, o.group, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
	if client.IgnoreNotFound(err) != nil {
		return ctrl.Result{}, fmt.Errorf("let the group go: %w", err)
	}
	r.Prober.Forget(client.ObjectKeyFromObject(o.group))
	return ctrl.Result{}, nil
}

// reclaims tells whether every claim of the group goes with it.
func reclaims(group *v1alpha1.ReplicationGroup) bool {
	entries := []string{""}
	for i := range group.Spec.Tree {
		entries = append(entries, group.Spec.Tree[i].Name)
	}
	return !slices.ContainsFunc(entries, func(entry string) bool {
		p := group.Spec.EntryPersistence(entry)
		return p.DeclaredMode() != v1alpha1.PersistenceNone && p.ReclaimPolicy() != v1alpha1.ReclaimDelete
	})
}
