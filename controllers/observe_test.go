// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"errors"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/espalier-io/espalier/api/v1alpha1"
	"github.com/espalier-io/espalier/controllers/topology"
)

func answered(name, ip, run string) topology.Member {
	return topology.Member{
		Name: name, Pod: &topology.Pod{UID: name, IP: ip},
		Answer: topology.Answer{Reached: true, Node: topology.NodeState{RunID: run}},
	}
}

// A pod behind a partition keeps its address in its status; when the address
// is given away, the process that answers there says nothing about it.
func TestOneProcessAtTwoPodsAnswersForNeither(t *testing.T) {
	members := []topology.Member{answered("0", "10.0.0.7", "run1"), answered("1", "10.0.0.7", "run1"), answered("2", "10.0.0.8", "run2")}
	doubtTwins(members)
	if members[0].Answer.Reached || members[1].Answer.Reached || members[0].Answer.Error == "" {
		t.Errorf("taken for the answers of two: %+v, %+v", members[0].Answer, members[1].Answer)
	}
	if !members[2].Answer.Reached {
		t.Error("an answer beside theirs was doubted as well")
	}
}

func TestWhoCrashed(t *testing.T) {
	for _, row := range []struct {
		why  string
		end  corev1.ContainerStateTerminated
		want bool
	}{
		{"ended in order", corev1.ContainerStateTerminated{Reason: "Completed"}, false},
		{"killed", corev1.ContainerStateTerminated{Reason: "Error", ExitCode: 137}, false},
		{"stopped without an exit code of its own", corev1.ContainerStateTerminated{Reason: "Error", ExitCode: 143}, false},
		{"out of memory", corev1.ContainerStateTerminated{Reason: "OOMKilled", ExitCode: 137}, true},
		{"refused its own disk", corev1.ContainerStateTerminated{Reason: "Error", ExitCode: 1}, true},
	} {
		if got := crashed(&row.end); got != row.want {
			t.Errorf("%s: got %v", row.why, got)
		}
	}
}

func TestClaimsThatStay(t *testing.T) {
	group := &v1alpha1.ReplicationGroup{ObjectMeta: metav1.ObjectMeta{UID: "new"}}
	owned := func(by types.UID) []metav1.OwnerReference {
		return []metav1.OwnerReference{{UID: by, Controller: new(true)}}
	}
	for _, row := range []struct {
		why  string
		meta metav1.ObjectMeta
		want bool
	}{
		{"kept for whoever bears the group's name", metav1.ObjectMeta{}, true},
		{"our own", metav1.ObjectMeta{OwnerReferences: owned("new")}, true},
		{"of the group before, about to be collected", metav1.ObjectMeta{OwnerReferences: owned("old")}, false},
		{"being deleted", metav1.ObjectMeta{DeletionTimestamp: &metav1.Time{Time: time.Unix(1, 0)}}, false},
	} {
		if got := stays(&corev1.PersistentVolumeClaim{ObjectMeta: row.meta}, group); got != row.want {
			t.Errorf("%s: got %v", row.why, got)
		}
	}
}

func TestARealErrorBesideAConflictIsOne(t *testing.T) {
	conflict := apierrors.NewConflict(schema.GroupResource{Resource: "pods"}, "cache-0", errors.New("newer"))
	for _, row := range []struct {
		why  string
		err  error
		want bool
	}{
		{"a conflict", conflict, true},
		{"conflicts", errors.Join(conflict, errors.Join(conflict)), true},
		{"an error", errors.New("no such secret"), false},
		{"one behind a conflict", errors.Join(conflict, errors.New("no such secret")), false},
	} {
		if got := conflictsOnly(row.err); got != row.want {
			t.Errorf("%s: got %v", row.why, got)
		}
	}
}

func TestGroupIDWithoutALedger(t *testing.T) {
	claims := func(ids ...string) *observation {
		o := &observation{}
		for _, id := range ids {
			o.state.Members = append(o.state.Members, topology.Member{Claim: &topology.Claim{GroupID: id}})
		}
		return o
	}
	for _, row := range []struct {
		why  string
		seen *observation
		want string
	}{
		{"nothing tells", claims(), ""},
		{"the claims agree", claims("g", "", "g"), "g"},
		{"the claims contradict each other", claims("g", "h"), ""},
	} {
		if got := row.seen.groupID(); got != row.want {
			t.Errorf("%s: got %q", row.why, got)
		}
	}
}
