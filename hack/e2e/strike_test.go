// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// process finds the process of a pod's only container on this machine: the one
// that is number 1 to itself, in a cgroup that bears the container's id. So it
// is with hack/cluster, and with kind on this machine.
func process(ctx context.Context, c client.Client, key client.ObjectKey) (int, error) {
	pod := &corev1.Pod{}
	if err := c.Get(ctx, key, pod); err != nil {
		return 0, err
	}
	if len(pod.Status.ContainerStatuses) != 1 {
		return 0, fmt.Errorf("pod %s has no container yet", key.Name)
	}
	_, id, _ := strings.Cut(pod.Status.ContainerStatuses[0].ContainerID, "://")
	if id == "" {
		return 0, fmt.Errorf("the container of pod %s has no id yet", key.Name)
	}
	folders, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0, err
	}
	for _, folder := range folders {
		groups, err := os.ReadFile(filepath.Join(folder, "cgroup"))
		if err != nil || !strings.Contains(string(groups), id) {
			continue // it has ended, or is somebody else's
		}
		status, err := os.ReadFile(filepath.Join(folder, "status"))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(status)) {
			if ids, found := strings.CutPrefix(line, "NSpid:"); found && strings.HasSuffix(strings.TrimSpace(ids), "\t1") {
				return strconv.Atoi(filepath.Base(folder))
			}
		}
	}
	return 0, errors.New("the cluster's processes are not on this machine, or not visible without root")
}

// needProcesses skips a test on a cluster whose processes cannot be killed from
// here. Our own cluster never is one.
func needProcesses(t *testing.T) {
	t.Helper()
	var pods corev1.PodList
	if err := api(t).List(t.Context(), &pods, client.InNamespace(operatorNamespace), client.MatchingLabels{"app.kubernetes.io/name": operatorName}); err != nil {
		t.Fatal(err)
	}
	if len(pods.Items) == 0 {
		t.Fatalf("the operator is not installed in %s", operatorNamespace)
	}
	if _, err := process(t.Context(), api(t), client.ObjectKeyFromObject(&pods.Items[0])); err != nil {
		if os.Getenv("E2E_OWN_CLUSTER") != "" {
			t.Fatal(err)
		}
		t.Skipf("this test kills processes of containers: %v", err)
	}
}

// sigkill ends the process of a pod as the kernel does when memory runs out, and
// gives the moment.
func (g *group) sigkill(t *testing.T, pod string) time.Time {
	t.Helper()
	return g.signal(t, pod, syscall.SIGKILL)
}

// signal sends a signal to the process of a pod, and gives the moment.
func (g *group) signal(t *testing.T, pod string, signal syscall.Signal) time.Time {
	t.Helper()
	pid, err := process(t.Context(), g.api, g.pod(pod))
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now()
	if err := syscall.Kill(pid, signal); err != nil {
		t.Fatal(err)
	}
	return at
}

// replaced waits until a pod of that name is there that is not the given one.
func (g *group) replaced(t *testing.T, pod, uid string, limit time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	err := watch(ctx, g.api, &corev1.PodList{}, func(p *corev1.Pod) (string, bool) {
		if p.Name != pod {
			return "", false
		}
		return fmt.Sprintf("pod %s, phase %s, deleted %v", p.UID, p.Status.Phase, p.DeletionTimestamp), string(p.UID) != uid
	}, g.labelled()...)
	if err != nil {
		t.Fatalf("the pod %s is not replaced: %v", pod, err)
	}
}
