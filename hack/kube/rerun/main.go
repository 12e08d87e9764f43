// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Rerun kills the process of a pod's only container and at once runs the
// container again in the same pod, as a kubelet sometimes does that should not
// (kubernetes/kubernetes#83705): the new container bears the same name, the
// next attempt and one more restart, and the kubelet takes it for its own.
//
//	rerun NAMESPACE POD
//
// It has to run where the pod's containerd has its socket: hack/cluster/do.sh
// rerun sees to that. It prints how long nothing ran.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

const socket = "unix:///run/containerd/containerd.sock"

// restartCount is the kubelet's annotation that status.restartCount comes from.
const restartCount = "io.kubernetes.container.restartCount"

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: rerun NAMESPACE POD")
		os.Exit(2)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := rerun(ctx, os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "rerun:", err)
		os.Exit(1)
	}
}

func rerun(ctx context.Context, namespace, pod string) error {
	conn, err := grpc.NewClient(socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	runtime := cri.NewRuntimeServiceClient(conn)
	old, err := running(ctx, runtime, namespace, pod)
	if err != nil {
		return err
	}
	config, pid, err := configOf(ctx, runtime, old)
	if err != nil {
		return err
	}
	sandbox, err := sandboxConfigOf(ctx, runtime, old.PodSandboxId)
	if err != nil {
		return err
	}
	restarts, err := strconv.Atoi(config.Annotations[restartCount])
	if err != nil {
		return fmt.Errorf("annotation %s: %w", restartCount, err)
	}
	config.Metadata.Attempt++
	config.Annotations[restartCount] = strconv.Itoa(restarts + 1)
	config.LogPath = fmt.Sprintf("%s/%d.log", config.Metadata.Name, config.Metadata.Attempt)

	killed := time.Now()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return fmt.Errorf("kill process %d: %w", pid, err)
	}
	created, err := runtime.CreateContainer(ctx, &cri.CreateContainerRequest{PodSandboxId: old.PodSandboxId, Config: config, SandboxConfig: sandbox})
	if err != nil {
		return err
	}
	if _, err := runtime.StartContainer(ctx, &cri.StartContainerRequest{ContainerId: created.ContainerId}); err != nil {
		return err
	}
	fmt.Println(time.Since(killed).Round(time.Millisecond))
	return nil
}

// running finds the pod's running container.
func running(ctx context.Context, runtime cri.RuntimeServiceClient, namespace, pod string) (*cri.Container, error) {
	all, err := runtime.ListContainers(ctx, &cri.ListContainersRequest{Filter: &cri.ContainerFilter{
		State:         &cri.ContainerStateValue{State: cri.ContainerState_CONTAINER_RUNNING},
		LabelSelector: map[string]string{"io.kubernetes.pod.namespace": namespace, "io.kubernetes.pod.name": pod},
	}})
	if err != nil {
		return nil, err
	}
	if len(all.Containers) != 1 {
		return nil, fmt.Errorf("%d containers of pod %s/%s run on this node, want one", len(all.Containers), namespace, pod)
	}
	return all.Containers[0], nil
}

// configOf gives the configuration with which the kubelet made a container, and
// its process.
func configOf(ctx context.Context, runtime cri.RuntimeServiceClient, c *cri.Container) (*cri.ContainerConfig, int, error) {
	status, err := runtime.ContainerStatus(ctx, &cri.ContainerStatusRequest{ContainerId: c.Id, Verbose: true})
	if err != nil {
		return nil, 0, err
	}
	var info struct {
		Pid    int                  `json:"pid"`
		Config *cri.ContainerConfig `json:"config"`
	}
	if err := json.Unmarshal([]byte(status.Info["info"]), &info); err != nil {
		return nil, 0, fmt.Errorf("what containerd knows of the container: %w", err)
	}
	if info.Config == nil || info.Pid == 0 {
		return nil, 0, fmt.Errorf("containerd does not tell configuration and process of container %s", c.Id)
	}
	return info.Config, info.Pid, nil
}

func sandboxConfigOf(ctx context.Context, runtime cri.RuntimeServiceClient, id string) (*cri.PodSandboxConfig, error) {
	status, err := runtime.PodSandboxStatus(ctx, &cri.PodSandboxStatusRequest{PodSandboxId: id, Verbose: true})
	if err != nil {
		return nil, err
	}
	var info struct {
		Config *cri.PodSandboxConfig `json:"config"`
	}
	if err := json.Unmarshal([]byte(status.Info["info"]), &info); err != nil {
		return nil, fmt.Errorf("what containerd knows of the pod: %w", err)
	}
	if info.Config == nil {
		return nil, fmt.Errorf("containerd does not tell the configuration of pod sandbox %s", id)
	}
	return info.Config, nil
}
