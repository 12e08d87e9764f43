// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// leaseName is the operator's leader election.
const leaseName = "manager.espalier.io"

// TestOperatorDies ends the operator behind each step of a failover. Its
// Deployment starts it again, and it goes on from what the ledger and the nodes
// say; clients write all the while.
func TestOperatorDies(t *testing.T) {
	needProcesses(t)
	space := namespace(t, "operator-dies")
	g := grow(t, space, "demo", sample(t, "demo"), tree5)
	t.Cleanup(func() { replaceOperator(t, func(spec *corev1.PodSpec) { crashAfter(spec, "") }) })
	for _, step := range []string{"Fencing", "Promise", "Offered", "GrantMaster", "Open", "Renew", "PublishMaster", "GrantReplica"} {
		ok := t.Run(step, func(t *testing.T) {
			operator := replaceOperator(t, func(spec *corev1.PodSpec) { crashAfter(spec, step) })
			w := g.write(step)
			if err := w.Await(50, 20*time.Second); err != nil {
				t.Error(err)
			}
			epoch, master := g.epoch(t), g.master(t)
			g.sigkill(t, master)
			awaitCrash(t, operator)
			g.settle(t, epoch+1, 90*time.Second)
			if err := w.Await(50, 20*time.Second); err != nil {
				t.Error(err)
			}
			keys := w.Stop()
			g.holds(t, keys)
			t.Logf("operator killed after %s: epoch %d, %s leads after %s, %d acknowledged writes, none lost",
				step, g.epoch(t), g.master(t), master, len(keys))
		})
		if !ok {
			return
		}
	}
}

// crashAfter makes the operator of a pod end behind a step, once; never if step
// is "".
func crashAfter(spec *corev1.PodSpec, step string) {
	const volume, folder = "crash", "/crash"
	spec.Volumes = without(spec.Volumes, func(v corev1.Volume) bool { return v.Name == volume })
	container := &spec.Containers[0]
	container.VolumeMounts = without(container.VolumeMounts, func(m corev1.VolumeMount) bool { return m.Name == volume })
	container.Args = without(container.Args, func(arg string) bool { return strings.HasPrefix(arg, "--crash-") })
	if step == "" {
		return
	}
	// The folder outlives the container, as the pod does.
	spec.Volumes = append(spec.Volumes, corev1.Volume{Name: volume, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}})
	container.VolumeMounts = append(container.VolumeMounts, corev1.VolumeMount{Name: volume, MountPath: folder})
	container.Args = append(container.Args, "--crash-after="+step, "--crash-marker="+folder+"/done")
}

func without[T any](all []T, drop func(T) bool) []T {
	var kept []T
	for _, one := range all {
		if !drop(one) {
			kept = append(kept, one)
		}
	}
	return kept
}

// replaceOperator changes the operator's pod, and waits until a new one leads.
// It gives the new pod's name.
func replaceOperator(t *testing.T, change func(*corev1.PodSpec)) string {
	t.Helper()
	// Not the test's own context: this also tidies up.
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	c := api(t)
	deployment := &appsv1.Deployment{}
	if err := c.Get(ctx, client.ObjectKey{Namespace: operatorNamespace, Name: operatorName}, deployment); err != nil {
		t.Fatal(err)
	}
	before := deployment.DeepCopy()
	change(&deployment.Spec.Template.Spec)
	if deployment.Spec.Template.Annotations == nil {
		deployment.Spec.Template.Annotations = map[string]string{}
	}
	deployment.Spec.Template.Annotations["espalier.io/replaced-at"] = time.Now().Format(time.RFC3339Nano)
	if err := c.Patch(ctx, deployment, client.StrategicMergeFrom(before, client.MergeFromWithOptimisticLock{})); err != nil {
		t.Fatal(err)
	}
	if _, err := kubectl("", "--namespace", operatorNamespace, "rollout", "status", "deployment/"+operatorName, "--timeout=80s"); err != nil {
		t.Fatal(err)
	}
	pod, err := newestOperator(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	if err := watch(ctx, c, &coordinationv1.LeaseList{}, func(lease *coordinationv1.Lease) (string, bool) {
		if lease.Spec.HolderIdentity == nil {
			return "nobody leads", false
		}
		return *lease.Spec.HolderIdentity + " leads", strings.HasPrefix(*lease.Spec.HolderIdentity, pod+"_")
	}, client.InNamespace(operatorNamespace), client.MatchingFields{"metadata.name": leaseName}); err != nil {
		t.Fatalf("the new operator %s does not lead: %v", pod, err)
	}
	return pod
}

func newestOperator(ctx context.Context, c client.Client) (string, error) {
	var pods corev1.PodList
	if err := c.List(ctx, &pods, client.InNamespace(operatorNamespace), client.MatchingLabels{"app.kubernetes.io/name": operatorName}); err != nil {
		return "", err
	}
	newest := &corev1.Pod{}
	for i := range pods.Items {
		if pod := &pods.Items[i]; pod.DeletionTimestamp == nil && pod.CreationTimestamp.After(newest.CreationTimestamp.Time) {
			newest = pod
		}
	}
	if newest.Name == "" {
		return "", fmt.Errorf("no pod of the operator in %s", operatorNamespace)
	}
	return newest.Name, nil
}

// awaitCrash waits until the operator's container has ended once.
func awaitCrash(t *testing.T, operator string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	err := watch(ctx, api(t), &corev1.PodList{}, func(pod *corev1.Pod) (string, bool) {
		for _, s := range pod.Status.ContainerStatuses {
			if ended := s.LastTerminationState.Terminated; s.RestartCount > 0 && ended != nil {
				return fmt.Sprintf("exit code %d", ended.ExitCode), ended.ExitCode == 137
			}
			if ended := s.State.Terminated; ended != nil {
				return fmt.Sprintf("exit code %d", ended.ExitCode), ended.ExitCode == 137
			}
		}
		return "it runs", false
	}, client.InNamespace(operatorNamespace), client.MatchingFields{"metadata.name": operator})
	if err != nil {
		t.Fatalf("the operator did not end where it was told to: %v", err)
	}
}

// awaitPasses waits until a new operator has made n passes and has nothing to do.
func awaitPasses(t *testing.T, n int) {
	t.Helper()
	pod, err := newestOperator(t.Context(), api(t))
	if err != nil {
		t.Fatal(err)
	}
	path := fmt.Sprintf("/api/v1/namespaces/%s/pods/%s:8080/proxy/metrics", operatorNamespace, pod)
	if err := await(60*time.Second, "passes over every group", func() (string, bool, error) {
		text, err := kubectl("", "get", "--raw", path)
		if err != nil {
			return "", false, err
		}
		passes := metric(text, "controller_runtime_reconcile_total")
		busy := metric(text, "controller_runtime_active_workers") + metric(text, "workqueue_depth")
		return fmt.Sprintf("%v passes, %v busy or queued", passes, busy), passes >= float64(n) && busy == 0, nil
	}); err != nil {
		t.Fatal(err)
	}
}

// metric adds up the samples of a metric, in Prometheus' text format.
func metric(text, name string) (sum float64) {
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		sample, value, _ := strings.Cut(lines.Text(), " ")
		if family, _, _ := strings.Cut(sample, "{"); family != name {
			continue
		}
		if v, err := strconv.ParseFloat(strings.TrimSpace(value), 64); err == nil {
			sum += v
		}
	}
	return sum
}
