// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/espalier-io/espalier/api/v1alpha1"
	"github.com/espalier-io/espalier/controllers/resources"
	"github.com/espalier-io/espalier/controllers/topology"
)

// Names are functions of the group's name, so an object of somebody else may
// bear one of them: a Service of the application, a member of a group whose name
// begins alike. Such an object is never written to, mounted or led to; the group
// says which it is and waits for a person.

// nameTaken is an object of somebody else under a name of the group's.
type nameTaken struct{ kind, name, holder string }

func (t *nameTaken) Error() string {
	return fmt.Sprintf("%s %s belongs to %s: delete it, or give the group another name", t.kind, t.name, t.holder)
}

// describeHolder says whose an object is.
func describeHolder(object client.Object) string {
	if owner := metav1.GetControllerOf(object); owner != nil {
		return owner.Kind + " " + owner.Name
	}
	return "nobody known to Espalier"
}

// outgoing tells an object of a group of this name that was deleted before: it
// goes with that one, soon.
func outgoing(object client.Object, group *v1alpha1.ReplicationGroup) bool {
	owner := metav1.GetControllerOf(object)
	return object.GetDeletionTimestamp() != nil ||
		owner != nil && owner.Kind == resources.GroupKind && owner.Name == group.Name && owner.UID != group.UID
}

// claimName makes sure that an object may be written: it is not there, or it is
// the group's. It reads past the cache and only the metadata.
func (r *Reconciler) claimName(ctx context.Context, group *v1alpha1.ReplicationGroup, object client.Object) error {
	kind, err := apiutil.GVKForObject(object, r.Scheme())
	if err != nil {
		return err
	}
	there := &metav1.PartialObjectMetadata{}
	there.SetGroupVersionKind(kind)
	err = r.Live.Get(ctx, client.ObjectKeyFromObject(object), there)
	switch {
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		return err
	case metav1.IsControlledBy(there, group):
		return nil
	case outgoing(there, group):
		return fmt.Errorf("%s %s of the deleted group before is still there", kind.Kind, there.Name)
	}
	return &nameTaken{kind.Kind, there.Name, describeHolder(there)}
}

// createMemberObject creates a pod or a claim of a member. Where its name is
// taken already, the error tells an object that belongs to the member, which the
// next pass sees, from one of somebody else.
func (r *Reconciler) createMemberObject(ctx context.Context, o *observation, object client.Object) error {
	err := r.Create(ctx, object)
	if !apierrors.IsAlreadyExists(err) {
		return err
	}
	kind, there := "Pod", client.Object(&corev1.Pod{})
	if _, isClaim := object.(*corev1.PersistentVolumeClaim); isClaim {
		kind, there = "PersistentVolumeClaim", &corev1.PersistentVolumeClaim{}
	}
	if err := r.Live.Get(ctx, client.ObjectKeyFromObject(object), there); err != nil {
		return client.IgnoreNotFound(err)
	}
	labels := there.GetLabels()
	own := labels[resources.LabelGroup] == o.group.Name && labels[resources.LabelMember] == object.GetLabels()[resources.LabelMember]
	if own || outgoing(there, o.group) {
		return err
	}
	return &nameTaken{kind, there.GetName(), describeHolder(there)}
}

// takenPause is how soon to look again whether a taken name is free: nobody
// tells when somebody else's object goes.
const takenPause = 5 * time.Second

// obstruct says in the health of a group that a name is taken.
func (t *nameTaken) obstruct(h *topology.Health) {
	h.Obstructed(topology.ReasonNameTaken, "The "+t.Error()+".")
}
