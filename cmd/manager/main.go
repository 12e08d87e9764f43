// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Command manager is the Espalier operator: flags and wiring only. What it does
// is told in package controllers.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/espalier-io/espalier/api/v1alpha1"
	"github.com/espalier-io/espalier/controllers"
	"github.com/espalier-io/espalier/controllers/nodeclient"
	"github.com/espalier-io/espalier/controllers/resources"
)

// version is set by the linker.
var version = "dev"

// requestsPerSecond bounds what the operator asks of the API server. client-go's
// default of 20 would stretch a failover, some forty requests, over seconds.
const requestsPerSecond = 300

type options struct {
	leaderElect    bool
	metricsAddress string
	probeAddress   string
	namespace      string
	nodeImage      string
	debug          bool
	crashAfter     string
	crashMarker    string
}

func main() {
	var o options
	cmd := &cobra.Command{
		Use:           "manager",
		Short:         "The Espalier operator: grows and keeps alive trees of Redis-compatible nodes",
		Version:       version,
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
	}
	flags := cmd.Flags()
	flags.BoolVar(&o.leaderElect, "leader-elect", true, "let only one of several replicas of the operator act")
	flags.StringVar(&o.metricsAddress, "metrics-bind-address", ":8080", "where /metrics is served; 0 turns it off")
	flags.StringVar(&o.probeAddress, "health-probe-bind-address", ":8081", "where /healthz and /readyz are served")
	flags.StringVar(&o.namespace, "watch-namespace", "", "the only namespace to look after; all of them when empty")
	flags.StringVar(&o.nodeImage, "node-image", os.Getenv("ESPALIER_NODE_IMAGE"), "image of the members of groups that name none")
	flags.BoolVar(&o.debug, "debug", false, "log every pass, also those that do nothing")
	crashFlags(flags, &o)
	if err := cmd.ExecuteContext(ctrl.SetupSignalHandler()); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	if o.nodeImage == "" {
		return fmt.Errorf("--node-image is required: members need an image")
	}
	ctrl.SetLogger(logger(o.debug))
	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("find the cluster: %w", err)
	}
	config.QPS, config.Burst = requestsPerSecond, 2*requestsPerSecond
	mgr, err := ctrl.NewManager(config, managerOptions(o))
	if err != nil {
		return fmt.Errorf("set the manager up: %w", err)
	}
	nodes := nodeclient.New(resources.AdminPort)
	prober := controllers.NewProber(nodes, time.Now)
	if err := mgr.Add(prober); err != nil {
		return fmt.Errorf("add the prober: %w", err)
	}
	reconciler := &controllers.Reconciler{
		Client: mgr.GetClient(),
		Live:   mgr.GetAPIReader(),
		Nodes:  nodes,
		Prober: prober,
		Events: mgr.GetEventRecorder("espalier"),
		Image:  o.nodeImage,
		Now:    time.Now,
	}
	if o.crashAfter != "" {
		if reconciler.AfterAction, err = crashAfter(o.crashAfter, o.crashMarker); err != nil {
			return err
		}
	}
	if err := reconciler.SetupWithManager(mgr); err != nil {
		return fmt.Errorf("set the controller up: %w", err)
	}
	if err := mgr.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return err
	}
	if err := mgr.AddReadyzCheck("ping", healthz.Ping); err != nil {
		return err
	}
	return mgr.Start(ctx)
}

func logger(debug bool) logr.Logger {
	level := slog.LevelInfo
	if debug {
		level = slog.LevelDebug
	}
	return logr.FromSlogHandler(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
}

func managerOptions(o options) manager.Options {
	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(v1alpha1.AddToScheme(scheme))
	opts := manager.Options{
		Scheme:                 scheme,
		Metrics:                metricsserver.Options{BindAddress: o.metricsAddress},
		HealthProbeBindAddress: o.probeAddress,
		LeaderElection:         o.leaderElect,
		LeaderElectionID:       "manager.espalier.io",
		// A new leader need not wait when the old one leaves in order.
		LeaderElectionReleaseOnCancel: true,
	}
	if o.namespace != "" {
		opts.Cache = cache.Options{DefaultNamespaces: map[string]cache.Config{o.namespace: {}}}
	}
	return opts
}
