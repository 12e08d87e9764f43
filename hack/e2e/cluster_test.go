// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/espalier-io/espalier/api/v1alpha1"
)

// operatorNamespace and operatorName are where hack/e2e.sh installs the chart.
const (
	operatorNamespace = "espalier-system"
	operatorName      = "espalier"
)

// pause is how often something is looked at that announces nothing.
const pause = 20 * time.Millisecond

// theAPI is the API server of KUBECONFIG.
var theAPI = sync.OnceValues(func() (client.WithWatch, error) {
	config, err := ctrl.GetConfig()
	if err != nil {
		return nil, err
	}
	config.QPS, config.Burst = 100, 200
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return nil, err
	}
	return client.NewWithWatch(config, client.Options{Scheme: scheme})
})

func api(t *testing.T) client.WithWatch {
	t.Helper()
	api, err := theAPI()
	if err != nil {
		t.Fatal(err)
	}
	return api
}

// namespace makes a namespace that admits restricted pods only, and deletes it
// when the test is over.
func namespace(t *testing.T, name string) string {
	t.Helper()
	name = "e2e-" + name
	space := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: name, Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"},
	}}
	if err := api(t).Create(t.Context(), space); err != nil {
		t.Fatalf("%v (left by an earlier run: kubectl delete namespace %s)", err, name)
	}
	t.Cleanup(func() {
		// Groups go first, as they would by hand, so that the operator is seen to
		// let them go.
		ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
		defer cancel()
		if err := api(t).DeleteAllOf(ctx, &v1alpha1.ReplicationGroup{}, client.InNamespace(name)); err != nil {
			t.Error(err)
		}
		if err := gone(ctx, api(t), &v1alpha1.ReplicationGroupList{}, name); err != nil {
			t.Errorf("the groups of %s are not let go: %v", name, err)
		}
		if err := client.IgnoreNotFound(api(t).Delete(ctx, space)); err != nil {
			t.Error(err)
		}
	})
	return name
}

// gone waits until a namespace holds no object of a kind.
func gone(ctx context.Context, c client.Client, list client.ObjectList, namespace string) error {
	for {
		if err := c.List(ctx, list, client.InNamespace(namespace)); err != nil {
			return err
		}
		if meta.LenList(list) == 0 {
			return nil
		}
		time.Sleep(pause)
	}
}

// kubectl runs the real one, and gives what it prints, errors included.
func kubectl(stdin string, args ...string) (string, error) {
	cmd := exec.Command("kubectl", args...)
	cmd.Stdin = strings.NewReader(stdin)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if err != nil {
		err = fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, out.String())
	}
	return out.String(), err
}

func mustKubectl(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	out, err := kubectl(stdin, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// watch hands every version of the objects of a list to see, the present ones
// first, until that is satisfied. An error tells what see said last.
func watch[T client.Object](ctx context.Context, c client.WithWatch, list client.ObjectList, see func(T) (said string, done bool), opts ...client.ListOption) error {
	said := "nothing yet"
	for {
		w, err := c.Watch(ctx, list, opts...)
		if err != nil {
			return fmt.Errorf("watch: %w (seen last: %s)", err, said)
		}
		for event := range w.ResultChan() {
			object, ok := event.Object.(T)
			if !ok {
				break // the watch has expired
			}
			now, done := see(object)
			if now != "" {
				said = now
			}
			if done {
				w.Stop()
				return nil
			}
		}
		w.Stop()
		if ctx.Err() != nil {
			return fmt.Errorf("waited in vain; seen last: %s", said)
		}
	}
}

// await looks again and again, for what nobody announces.
func await(limit time.Duration, what string, look func() (seen string, done bool, err error)) error {
	deadline := time.Now().Add(limit)
	for {
		seen, done, err := look()
		if err == nil && done {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s: waited %v in vain; seen last: %s %w", what, limit, seen, err)
		}
		time.Sleep(pause)
	}
}

// uidOf is the UID of a pod, "" if there is none.
func uidOf(ctx context.Context, c client.Client, key client.ObjectKey) (string, error) {
	pod := &corev1.Pod{}
	err := c.Get(ctx, key, pod)
	if apierrors.IsNotFound(err) {
		return "", nil
	}
	return string(pod.UID), err
}
