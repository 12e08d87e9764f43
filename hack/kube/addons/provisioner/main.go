// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Provisioner makes and removes the volumes of the test cluster: one folder on
// the disk for each claim, pinned to the node that the scheduler chose. It is
// the storage library's controller with two small callbacks.
//
// It runs as a process beside the control plane, on the machine that all nodes
// share, so it can make the folder of any node:
//
//	provisioner --kubeconfig=FILE --nodes=DIR    # folders are DIR/NODE/volumes/PV
//
// The volumes are of type local: the kubelet applies fsGroup to them as it does
// to a cloud disk, and a pod cannot reach them from another node.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

// provisionerName is what a StorageClass names to get its volumes from here.
const provisionerName = "espalier.io/folder"

func main() {
	kubeconfig := pflag.String("kubeconfig", "", "how to reach the API server")
	nodes := pflag.String("nodes", "", "folder that holds one folder for each node, as an absolute path")
	pflag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *kubeconfig, *nodes); err != nil {
		fmt.Fprintln(os.Stderr, "provisioner:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, kubeconfig, nodes string) error {
	if !filepath.IsAbs(nodes) {
		return fmt.Errorf("--nodes=%q: want an absolute path", nodes)
	}
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return fmt.Errorf("read kubeconfig: %w", err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("make client: %w", err)
	}
	controller.NewProvisionController(ctx, client, provisionerName, &folders{nodes: nodes},
		controller.LeaderElection(false),
	).Run(ctx)
	return nil
}

// folders is a storage backend of one folder for each volume.
type folders struct {
	nodes string
}

// Provision makes the folder and describes it as a volume of the chosen node.
// The folder belongs to root and nobody else may enter it: a pod that runs as
// another user gets in through its fsGroup, as it would on a fresh disk.
func (f *folders) Provision(_ context.Context, options controller.ProvisionOptions) (*corev1.PersistentVolume, controller.ProvisioningState, error) {
	node := options.SelectedNodeName
	if node == "" {
		return nil, controller.ProvisioningFinished, errors.New("no node is chosen yet: the class needs volumeBindingMode: WaitForFirstConsumer")
	}
	if mode := options.PVC.Spec.VolumeMode; mode != nil && *mode != corev1.PersistentVolumeFilesystem {
		return nil, controller.ProvisioningFinished, fmt.Errorf("volumeMode %s: a folder can only be a Filesystem", *mode)
	}
	path := filepath.Join(f.nodes, node, "volumes", options.PVName)
	if err := os.MkdirAll(path, 0o750); err != nil {
		return nil, controller.ProvisioningFinished, fmt.Errorf("make the folder of %s: %w", options.PVName, err)
	}
	return &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: options.PVName},
		Spec: corev1.PersistentVolumeSpec{
			AccessModes:                   options.PVC.Spec.AccessModes,
			Capacity:                      corev1.ResourceList{corev1.ResourceStorage: options.PVC.Spec.Resources.Requests[corev1.ResourceStorage]},
			PersistentVolumeReclaimPolicy: *options.StorageClass.ReclaimPolicy,
			MountOptions:                  options.StorageClass.MountOptions,
			PersistentVolumeSource:        corev1.PersistentVolumeSource{Local: &corev1.LocalVolumeSource{Path: path}},
			NodeAffinity:                  onlyOn(node),
		},
	}, controller.ProvisioningFinished, nil
}

// Delete removes the folder with all that is in it.
func (f *folders) Delete(_ context.Context, volume *corev1.PersistentVolume) error {
	if volume.Spec.Local == nil {
		return &controller.IgnoredError{Reason: "it is not a local volume"}
	}
	path := volume.Spec.Local.Path
	if owned, err := filepath.Match(filepath.Join(f.nodes, "*", "volumes", volume.Name), path); err != nil || !owned {
		return fmt.Errorf("volume %s lies at %s, which is not a folder of this provisioner", volume.Name, path)
	}
	if err := os.RemoveAll(path); err != nil {
		return fmt.Errorf("remove the folder of %s: %w", volume.Name, err)
	}
	return nil
}

// onlyOn is the affinity of a volume that exists on one node alone.
func onlyOn(node string) *corev1.VolumeNodeAffinity {
	return &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{
		NodeSelectorTerms: []corev1.NodeSelectorTerm{{
			MatchExpressions: []corev1.NodeSelectorRequirement{{
				Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{node},
			}},
		}},
	}}
}
