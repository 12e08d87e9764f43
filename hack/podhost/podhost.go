// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Package podhost runs the pods of ReplicationGroups as plain processes on this
// machine, against a real API server: what a scheduler and a kubelet do, as far
// as a group's pods go. Each pod gets an address of its own, so that the
// operator reaches it on the usual ports. With it the real operator can be
// tested with real nodes where no container can run, and can be lied to in ways
// that a real kubelet cannot be made to: Rerun starts a container's process
// again behind the operator's back.
//
// It keeps a kubelet's word: a container is reported terminated only after its
// process was reaped, and a deleted pod's object goes only after that.
package podhost

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// NodeName is the Kubernetes node that the host claims to be.
const NodeName = "podhost"

// Host runs pods. Its methods may be called from any goroutine.
type Host struct {
	api    client.WithWatch
	binary string // the node's
	dir    string // for the files of the pods

	mu     sync.Mutex
	pods   map[types.UID]*pod
	nextIP int
	wg     sync.WaitGroup
}

// pod is one pod and the process in it.
type pod struct {
	host *Host
	key  types.NamespacedName
	uid  types.UID
	ip   string
	dir  string

	mu       sync.Mutex
	process  *exec.Cmd
	exited   chan struct{} // closed when process was reaped
	restarts int32
	rerun    bool // start again at the end of the process, behind everybody's back
	started  metav1.Time
}

// New makes a host that runs binary for every pod. Files go below dir. The
// process has to be in a network of its own (OwnNetwork).
func New(api client.WithWatch, binary, dir string) *Host {
	return &Host{api: api, binary: binary, dir: dir, pods: map[types.UID]*pod{}}
}

// Run serves the pods until ctx is done, then kills every process.
func (h *Host) Run(ctx context.Context) error {
	defer h.wg.Wait()
	defer h.killAll()
	if err := h.announce(ctx); err != nil {
		return err
	}
	for ctx.Err() == nil {
		if err := h.follow(ctx); err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

// announce makes the Node object, ready.
func (h *Host) announce(ctx context.Context) error {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: NodeName}}
	if err := h.api.Create(ctx, node); err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("announce the node: %w", err)
	}
	node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "PodHost"}}
	if err := h.api.Status().Update(ctx, node); err != nil {
		return fmt.Errorf("report the node ready: %w", err)
	}
	return nil
}

// follow lists and watches pods until the watch ends.
func (h *Host) follow(ctx context.Context) error {
	var pods corev1.PodList
	if err := h.api.List(ctx, &pods); err != nil {
		return fmt.Errorf("list pods: %w", err)
	}
	for i := range pods.Items {
		h.see(ctx, &pods.Items[i])
	}
	w, err := h.api.Watch(ctx, &pods, &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: pods.ResourceVersion}})
	if err != nil {
		return fmt.Errorf("watch pods: %w", err)
	}
	defer w.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case e, ok := <-w.ResultChan():
			p, isPod := e.Object.(*corev1.Pod)
			if !ok || !isPod {
				return nil // list again
			}
			if e.Type == watch.Added || e.Type == watch.Modified {
				h.see(ctx, p)
			}
		}
	}
}

// see takes a pod on, or lets one go.
func (h *Host) see(ctx context.Context, object *corev1.Pod) {
	h.mu.Lock()
	p := h.pods[object.UID]
	if p == nil && object.DeletionTimestamp == nil && object.Status.Phase != corev1.PodFailed && object.Status.Phase != corev1.PodSucceeded {
		h.nextIP++
		p = &pod{
			host: h, key: client.ObjectKeyFromObject(object), uid: object.UID,
			ip:  podIP(h.nextIP),
			dir: filepath.Join(h.dir, string(object.UID)),
		}
		h.pods[object.UID] = p
		h.wg.Go(func() { p.live(ctx, object.DeepCopy()) })
		h.mu.Unlock()
		return
	}
	h.mu.Unlock()
	if p != nil && object.DeletionTimestamp != nil {
		grace := int64(30)
		if object.DeletionGracePeriodSeconds != nil {
			grace = *object.DeletionGracePeriodSeconds
		}
		h.wg.Go(func() { p.end(ctx, time.Duration(grace)*time.Second) })
	}
}

// live binds the pod, runs its process and reports how it goes.
func (p *pod) live(ctx context.Context, object *corev1.Pod) {
	if object.Spec.NodeName == "" {
		binding := &corev1.Binding{Target: corev1.ObjectReference{Kind: "Node", Name: NodeName}}
		if err := p.host.api.SubResource("binding").Create(ctx, object, binding); err != nil && !apierrors.IsConflict(err) {
			return // deleted meanwhile
		}
	}
	if err := p.prepare(ctx, object); err != nil {
		p.report(ctx, corev1.PodPending, corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{
			Reason: "CreateContainerConfigError", Message: err.Error(),
		}})
		return
	}
	for {
		exited, err := p.start()
		if err != nil {
			p.report(ctx, corev1.PodFailed, corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
				Reason: "ContainerCannotRun", Message: err.Error(), ExitCode: 128,
			}})
			return
		}
		p.report(ctx, corev1.PodRunning, corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: p.started}})
		select {
		case <-exited:
		case <-ctx.Done():
			return
		}
		p.mu.Lock()
		again := p.rerun
		p.rerun = false
		if again {
			p.restarts++
		}
		p.mu.Unlock()
		if !again {
			p.reportEnd(ctx)
			return
		}
	}
}

func (p *pod) start() (exited chan struct{}, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	out, err := os.OpenFile(filepath.Join(p.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd := exec.Command(p.host.binary, filepath.Join(p.dir, "redis.conf"))
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	exited = make(chan struct{})
	p.process, p.exited, p.started = cmd, exited, metav1.Now()
	go func() {
		cmd.Wait() // the exit status is in ProcessState
		close(exited)
	}()
	return exited, nil
}

// prepare writes the files that a kubelet would mount. Paths inside the pod
// become paths here, and the addresses to bind the pod's own.
func (p *pod) prepare(ctx context.Context, object *corev1.Pod) error {
	data := filepath.Join(p.dir, "data")
	for _, v := range object.Spec.Volumes {
		if v.PersistentVolumeClaim != nil {
			data = filepath.Join(p.host.dir, "claims", object.Namespace, v.PersistentVolumeClaim.ClaimName)
		}
	}
	if err := os.MkdirAll(data, 0o700); err != nil {
		return err
	}
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		return err
	}
	inside := strings.NewReplacer("/etc/espalier-secret", p.dir, "dir /data", "dir "+data, "bind * -::*", "bind "+p.ip)
	for _, v := range object.Spec.Volumes {
		files, err := p.files(ctx, v)
		if err != nil {
			return err
		}
		for name, content := range files {
			if err := os.WriteFile(filepath.Join(p.dir, name), []byte(inside.Replace(content)), 0o600); err != nil {
				return err
			}
		}
	}
	return nil
}

// files reads what a ConfigMap or Secret volume would show.
func (p *pod) files(ctx context.Context, v corev1.Volume) (map[string]string, error) {
	files := map[string]string{}
	switch {
	case v.ConfigMap != nil:
		source := &corev1.ConfigMap{}
		if err := p.host.api.Get(ctx, types.NamespacedName{Namespace: p.key.Namespace, Name: v.ConfigMap.Name}, source); err != nil {
			return nil, err
		}
		for _, item := range v.ConfigMap.Items {
			files[item.Path] = source.Data[item.Key]
		}
	case v.Secret != nil:
		source := &corev1.Secret{}
		if err := p.host.api.Get(ctx, types.NamespacedName{Namespace: p.key.Namespace, Name: v.Secret.SecretName}, source); err != nil {
			return nil, err
		}
		for key, value := range source.Data {
			files[key] = string(value)
		}
	}
	return files, nil
}

// report writes the pod's status. Conflicts are met by trying again: a kubelet
// is the only author of it.
func (p *pod) report(ctx context.Context, phase corev1.PodPhase, state corev1.ContainerState) {
	p.mu.Lock()
	restarts := p.restarts
	p.mu.Unlock()
	running := state.Running != nil
	ready := corev1.ConditionFalse
	if running {
		ready = corev1.ConditionTrue
	}
	for ctx.Err() == nil {
		object := &corev1.Pod{}
		if err := p.host.api.Get(ctx, p.key, object); err != nil || object.UID != p.uid {
			return
		}
		now := metav1.Now()
		object.Status.Phase = phase
		object.Status.PodIP = p.ip
		object.Status.PodIPs = []corev1.PodIP{{IP: p.ip}}
		object.Status.HostIP = "127.0.0.1"
		object.Status.StartTime = &now
		object.Status.Conditions = []corev1.PodCondition{
			{Type: corev1.PodScheduled, Status: corev1.ConditionTrue},
			{Type: corev1.ContainersReady, Status: ready},
			{Type: corev1.PodReady, Status: ready},
		}
		object.Status.ContainerStatuses = []corev1.ContainerStatus{{
			Name: object.Spec.Containers[0].Name, Image: object.Spec.Containers[0].Image, ImageID: "podhost",
			State: state, Ready: running, Started: &running, RestartCount: restarts,
		}}
		if err := p.host.api.Status().Update(ctx, object); !apierrors.IsConflict(err) {
			return
		}
	}
}

// reportEnd tells how the process ended.
func (p *pod) reportEnd(ctx context.Context) {
	p.mu.Lock()
	code := int32(p.process.ProcessState.ExitCode())
	started := p.started
	if status, ok := p.process.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		code = 128 + int32(status.Signal())
	}
	p.mu.Unlock()
	reason, phase := "Error", corev1.PodFailed
	if code == 0 {
		reason, phase = "Completed", corev1.PodSucceeded
	}
	p.report(ctx, phase, corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		ExitCode: code, Reason: reason, StartedAt: started, FinishedAt: metav1.Now(),
	}})
}

// end stops a deleted pod: SIGTERM, after the grace period SIGKILL, then the
// object goes as far as finalizers let it.
func (p *pod) end(ctx context.Context, grace time.Duration) {
	p.mu.Lock()
	process, exited := p.process, p.exited
	p.rerun = false
	p.mu.Unlock()
	if process != nil {
		process.Process.Signal(syscall.SIGTERM) // it may have ended by itself
		select {
		case <-exited:
		case <-time.After(grace):
			process.Process.Kill()
			<-exited
		case <-ctx.Done():
			return
		}
		p.reportEnd(ctx)
	}
	object := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: p.key.Namespace, Name: p.key.Name}}
	err := p.host.api.Delete(ctx, object, client.GracePeriodSeconds(0), client.Preconditions{UID: &p.uid})
	if err == nil || apierrors.IsNotFound(err) {
		p.host.mu.Lock()
		delete(p.host.pods, p.uid)
		p.host.mu.Unlock()
	}
}

func (h *Host) killAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range h.pods {
		p.mu.Lock()
		if p.process != nil {
			p.process.Process.Kill() // it may have ended by itself
		}
		p.mu.Unlock()
	}
}

// ErrNoProcess says that no such pod runs here.
var ErrNoProcess = errors.New("no such pod runs here")

func (p *pod) running() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.process == nil {
		return false
	}
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

func (h *Host) find(key types.NamespacedName) (*pod, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range h.pods {
		if p.key == key {
			if p.running() {
				return p, nil
			}
		}
	}
	return nil, fmt.Errorf("%s: %w", key, ErrNoProcess)
}

// Kill ends a pod's process with SIGKILL; its container is reported terminated.
func (h *Host) Kill(key types.NamespacedName) error { return h.signal(key, syscall.SIGKILL, false) }

// Rerun ends a pod's process with SIGKILL and starts it again at once, in the
// same pod: what kubernetes/kubernetes#83705 describes, and what no pod policy
// can rule out.
func (h *Host) Rerun(key types.NamespacedName) error { return h.signal(key, syscall.SIGKILL, true) }

// Signal sends any other signal (SIGSTOP, SIGCONT).
func (h *Host) Signal(key types.NamespacedName, s syscall.Signal) error {
	return h.signal(key, s, false)
}

func (h *Host) signal(key types.NamespacedName, s syscall.Signal, rerun bool) error {
	p, err := h.find(key)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rerun = rerun
	return p.process.Process.Signal(s)
}

// Log is what a pod's processes have printed so far.
func (h *Host) Log(key types.NamespacedName) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all strings.Builder
	for _, p := range h.pods {
		if p.key == key {
			raw, _ := os.ReadFile(filepath.Join(p.dir, "log")) // none before the first start
			all.Write(raw)
		}
	}
	return all.String()
}
