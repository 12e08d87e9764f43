// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Kube is kube-controller-manager, kube-scheduler, kubelet and kube-proxy in
// one file: which of them it is depends on the name it is started by. Together
// they are a third of the size of four separate programs, and are linked once.
//
// kube-apiserver, kubectl and etcd stay programs of their own, built from their
// modules as they are: API tests want only those, and kubectl has to start fast.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	_ "time/tzdata" // CronJob time zones, on machines without a zone database

	"github.com/spf13/cobra"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"          // --logging-format=json
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // client metrics
	_ "k8s.io/component-base/metrics/prometheus/version"  // version metric
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

func main() {
	name := filepath.Base(os.Args[0])
	command := commandNamed(name)
	if command == nil {
		fmt.Fprintf(os.Stderr, "%s: start this program as kube-controller-manager, kube-scheduler, kubelet or kube-proxy (by a link of that name)\n", name)
		os.Exit(2)
	}
	os.Exit(cli.Run(command))
}

// commandNamed returns the component's command, or nil for any other name.
func commandNamed(name string) *cobra.Command {
	switch name {
	case "kube-controller-manager":
		return controllermanager.NewControllerManagerCommand()
	case "kube-scheduler":
		return scheduler.NewSchedulerCommand()
	case "kubelet":
		return kubelet.NewKubeletCommand(context.Background())
	case "kube-proxy":
		return proxy.NewProxyCommand()
	}
	return nil
}
