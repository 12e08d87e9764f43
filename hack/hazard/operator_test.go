// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package hazard

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/espalier-io/espalier/api/v1alpha1"
	"github.com/espalier-io/espalier/controllers/resources"
	"github.com/espalier-io/espalier/hack/podhost"
	"github.com/espalier-io/espalier/hack/servers"
)

// cluster is a real API server with the real operator and nodes as processes.
type cluster struct {
	api  client.WithWatch
	host *podhost.Host
	dir  string
	stop []func()
}

// theCluster is started once; the rows share it, each with a group of its own.
var theCluster = sync.OnceValues(startCluster)

func startCluster() (*cluster, error) {
	c := &cluster{}
	if err := c.start(); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *cluster) start() error {
	env := &envtest.Environment{
		BinaryAssetsDirectory: cmpOr(os.Getenv("KUBEBUILDER_ASSETS"), filepath.Join("..", "..", "bin", "k8s")),
		CRDDirectoryPaths:     []string{filepath.Join("..", "..", "config", "crd", "bases")},
		ErrorIfCRDPathMissing: true,
	}
	env.ControlPlane.GetAPIServer().Configure().Set("advertise-address", podhost.HostIP)
	config, err := env.Start()
	if err != nil {
		return fmt.Errorf("start a real API server (hack/kube/build.sh builds it): %w", err)
	}
	c.stop = append(c.stop, func() { env.Stop() })
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return err
	}
	if c.api, err = client.NewWithWatch(config, client.Options{Scheme: scheme}); err != nil {
		return err
	}
	if c.dir, err = os.MkdirTemp("", "espalier-hazard"); err != nil {
		return err
	}
	c.stop = append(c.stop, func() { os.RemoveAll(c.dir) })
	node, err := servers.NodeBinary()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	c.host = podhost.New(c.api, node, c.dir)
	go func() {
		defer close(ended)
		c.host.Run(ctx) // ends with ctx; a failure shows in pods that never start
	}()
	c.stop = append(c.stop, func() { cancel(); <-ended })
	return c.startOperator(env)
}

// startOperator runs the real binary.
func (c *cluster) startOperator(env *envtest.Environment) error {
	kubeconfig := filepath.Join(c.dir, "kubeconfig")
	if err := os.WriteFile(kubeconfig, env.KubeConfig, 0o600); err != nil {
		return err
	}
	binary := filepath.Join(c.dir, "manager")
	build := exec.Command("go", "build", "-o", binary, "github.com/espalier-io/espalier/cmd/manager")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the operator: %w\n%s", err, out)
	}
	log, err := os.Create(filepath.Join(c.dir, "manager.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	operator := exec.Command(binary, "--leader-elect=false", "--metrics-bind-address=0",
		"--health-probe-bind-address=0", "--node-image=espalier")
	operator.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig)
	operator.Stdout, operator.Stderr = log, log
	if err := operator.Start(); err != nil {
		return err
	}
	c.stop = append(c.stop, func() {
		operator.Process.Signal(syscall.SIGTERM) // it may have ended by itself
		operator.Wait()
	})
	return nil
}

func (c *cluster) close() {
	for i := len(c.stop) - 1; i >= 0; i-- {
		c.stop[i]()
	}
}

// under is a group of three nodes without persistence under the operator.
type under struct {
	c        *cluster
	key      types.NamespacedName
	strike   func(pod types.NamespacedName) error
	password string
	first    int64 // epoch in which it began
	epoch    int64 // epoch in which it last settled
}

func nodesBehindTheBack(t *testing.T) setup {
	return newGroup(t, "behind", func(c *cluster) func(types.NamespacedName) error { return c.host.Rerun })
}

func nodesUnderTheGate(t *testing.T) setup {
	return newGroup(t, "gated", func(c *cluster) func(types.NamespacedName) error { return c.host.Kill })
}

func newGroup(t *testing.T, name string, strike func(*cluster) func(types.NamespacedName) error) setup {
	t.Helper()
	c, err := theCluster()
	if err != nil {
		t.Fatal(err)
	}
	u := &under{c: c, key: types.NamespacedName{Namespace: "default", Name: name}, strike: strike(c)}
	t.Cleanup(func() {
		if t.Failed() {
			u.explain(t)
		}
	})
	group := &v1alpha1.ReplicationGroup{
		ObjectMeta: metav1.ObjectMeta{Namespace: u.key.Namespace, Name: u.key.Name},
		Spec:       v1alpha1.ReplicationGroupSpec{Instances: new(int32(3))},
	}
	if err := c.api.Create(t.Context(), group); err != nil {
		t.Fatal(err)
	}
	if err := u.settle(); err != nil {
		t.Fatal(err)
	}
	u.first = u.epoch
	secret := &corev1.Secret{}
	key := types.NamespacedName{Namespace: u.key.Namespace, Name: resources.AuthSecretName(u.key.Name)}
	if err := c.api.Get(t.Context(), key, secret); err != nil {
		t.Fatal(err)
	}
	u.password = string(secret.Data[v1alpha1.PasswordKey])
	return u
}

// explain prints what the operator and the nodes said last.
func (u *under) explain(t *testing.T) {
	if raw, err := os.ReadFile(filepath.Join(u.c.dir, "manager.log")); err == nil {
		t.Logf("operator:\n%s", raw[max(0, len(raw)-8000):])
	}
	for i := range 3 {
		pod := types.NamespacedName{Namespace: u.key.Namespace, Name: resources.PodName(u.key.Name, strconv.Itoa(i))}
		log := u.c.host.Log(pod)
		t.Logf("%s:\n%s", pod.Name, log[max(0, len(log)-3000):])
	}
}

func (u *under) endpoint() (*discoveryv1.Endpoint, error) {
	slice := &discoveryv1.EndpointSlice{}
	key := types.NamespacedName{Namespace: u.key.Namespace, Name: resources.MasterSliceName(u.key.Name)}
	if err := u.c.api.Get(context.Background(), key, slice); err != nil {
		return nil, err
	}
	if len(slice.Endpoints) != 1 {
		return nil, fmt.Errorf("the Service has %d endpoints", len(slice.Endpoints))
	}
	return &slice.Endpoints[0], nil
}

// master is what a client of the Service is led to.
func (u *under) master() (addr, password string) {
	e, err := u.endpoint()
	if err != nil {
		return "", ""
	}
	return net.JoinHostPort(e.Addresses[0], strconv.Itoa(resources.RedisPort)), u.password
}

// members is the master alone: what its clients cannot read is lost to them.
func (u *under) members() (addrs []string, password string) {
	addr, password := u.master()
	return []string{addr}, password
}

func (u *under) restart() error {
	e, err := u.endpoint()
	if err != nil {
		return err
	}
	return u.strike(types.NamespacedName{Namespace: u.key.Namespace, Name: e.TargetRef.Name})
}

// settle waits until the group is whole again, in a later epoch than before.
func (u *under) settle() error {
	return servers.Await("the group is whole again", 60*time.Second, func() (bool, error) {
		group := &v1alpha1.ReplicationGroup{}
		if err := u.c.api.Get(context.Background(), u.key, group); err != nil {
			return false, err
		}
		ready := meta.FindStatusCondition(group.Status.Conditions, v1alpha1.ConditionReady)
		if ready == nil || ready.Status != metav1.ConditionTrue || group.Status.Epoch <= u.epoch {
			return false, fmt.Errorf("epoch %d, ready %s, %+v", group.Status.Epoch, group.Status.Ready, ready)
		}
		u.epoch = group.Status.Epoch
		return true, nil
	})
}

func (u *under) next() error { return nil }

func (u *under) promoted() int { return int(u.epoch - u.first) }
