// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Demo is the hands and eyes of hack/demo.sh, for what a shell does clumsily:
//
//	demo NAMESPACE GROUP tree         draws the group as its members describe it
//	demo NAMESPACE GROUP write N      writes N keys through the Service, and waits until every member has them
//	demo NAMESPACE GROUP accepts      waits until the Service accepts a write, and tells how long that took
//	demo NAMESPACE GROUP settled E    waits until the group is Ready in an epoch after E
//	demo NAMESPACE GROUP read N       reads the N keys through the Service, and compares them
//
// The cluster is the one of KUBECONFIG. Every wait ends: after a minute with
// what was seen last.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/espalier-io/espalier/api/v1alpha1"
	"github.com/espalier-io/espalier/hack/livetree"
	"github.com/espalier-io/espalier/hack/redisclient"
)

const (
	limit = time.Minute
	// pause is how often something is looked at that announces nothing.
	pause = 20 * time.Millisecond
	batch = 500 // commands in flight
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*limit)
	defer cancel()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("usage: demo NAMESPACE GROUP tree | write N | accepts | settled EPOCH | read N")

func run(ctx context.Context, args []string) error {
	if len(args) < 3 {
		return errUsage
	}
	group, err := connect(args[0], args[1])
	if err != nil {
		return err
	}
	verb, n := args[2], 0
	if len(args) == 4 {
		if n, err = strconv.Atoi(args[3]); err != nil {
			return errUsage
		}
	}
	switch {
	case verb == "tree" && len(args) == 3:
		return drawTree(ctx, group)
	case verb == "accepts" && len(args) == 3:
		return accepts(ctx, group)
	case verb == "write" && len(args) == 4:
		return write(ctx, group, n)
	case verb == "settled" && len(args) == 4:
		return settled(ctx, group, int64(n))
	case verb == "read" && len(args) == 4:
		return read(ctx, group, n)
	}
	return errUsage
}

func connect(namespace, name string) (livetree.Group, error) {
	group := livetree.Group{Key: types.NamespacedName{Namespace: namespace, Name: name}}
	config, err := ctrl.GetConfig()
	if err != nil {
		return group, err
	}
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return group, err
	}
	group.API, err = client.New(config, client.Options{Scheme: scheme})
	return group, err
}

func drawTree(ctx context.Context, group livetree.Group) error {
	tree, err := group.Look(ctx)
	if err != nil {
		return err
	}
	fmt.Print(tree.Draw())
	return nil
}

// through connects to the Service.
func through(ctx context.Context, group livetree.Group) (*redisclient.Conn, error) {
	addr, err := group.Service(ctx)
	if err != nil {
		return nil, err
	}
	password, err := group.Password(ctx)
	if err != nil {
		return nil, err
	}
	return redisclient.Dial(addr, password)
}

func key(i int) string   { return fmt.Sprintf("demo:%05d", i) }
func value(i int) string { return fmt.Sprintf("value %d", i*i) }

func write(ctx context.Context, group livetree.Group, n int) error {
	conn, err := through(ctx, group)
	if err != nil {
		return err
	}
	defer conn.Close()
	begin := time.Now()
	for i := 0; i < n; {
		var commands [][]string
		for ; i < n && len(commands) < batch; i++ {
			commands = append(commands, []string{"SET", key(i), value(i)})
		}
		replies, err := conn.Pipeline(commands...)
		if err != nil {
			return err
		}
		for _, r := range replies {
			if r.Err() != nil {
				return r.Err()
			}
		}
	}
	fmt.Printf("%d keys written in %v\n", n, time.Since(begin).Round(time.Millisecond))
	return await(ctx, "every member has the master's last byte", func() (string, bool, error) {
		tree, err := group.Look(ctx)
		if err != nil {
			return "", false, err
		}
		for _, m := range tree.Members {
			if m.Silence != nil || m.Offset != tree.Members[0].Offset || m.Keys < int64(n) {
				return tree.Draw(), false, nil
			}
		}
		return "", true, nil
	})
}

// accepts waits for a write that the Service accepts, each attempt over a new
// connection, as a client does that was cut off.
func accepts(ctx context.Context, group livetree.Group) error {
	addr, err := group.Service(ctx)
	if err != nil {
		return err
	}
	password, err := group.Password(ctx)
	if err != nil {
		return err
	}
	begin := time.Now()
	return await(ctx, "the Service accepts a write", func() (string, bool, error) {
		conn, err := redisclient.DialTimeout(addr, password, 200*time.Millisecond)
		if err != nil {
			return err.Error(), false, nil
		}
		defer conn.Close()
		if err := conn.OK("SET", "demo:after", "the failover"); err != nil {
			return err.Error(), false, nil
		}
		fmt.Printf("a write was accepted after %v\n", time.Since(begin).Round(10*time.Millisecond))
		return "", true, nil
	})
}

func settled(ctx context.Context, group livetree.Group, after int64) error {
	return await(ctx, fmt.Sprintf("the group is Ready in an epoch after %d", after), func() (string, bool, error) {
		rg := &v1alpha1.ReplicationGroup{}
		if err := group.API.Get(ctx, group.Key, rg); err != nil {
			return "", false, err
		}
		ready := meta.FindStatusCondition(rg.Status.Conditions, v1alpha1.ConditionReady)
		if ready == nil {
			return "the operator has not said anything yet", false, nil
		}
		seen := fmt.Sprintf("epoch %d, %s members ready, %s: %s", rg.Status.Epoch, rg.Status.Ready, ready.Reason, ready.Message)
		return seen, ready.Status == metav1.ConditionTrue && rg.Status.Epoch > after, nil
	})
}

func read(ctx context.Context, group livetree.Group, n int) error {
	conn, err := through(ctx, group)
	if err != nil {
		return err
	}
	defer conn.Close()
	intact := 0
	for i := 0; i < n; {
		first := i
		var commands [][]string
		for ; i < n && len(commands) < batch; i++ {
			commands = append(commands, []string{"GET", key(i)})
		}
		replies, err := conn.Pipeline(commands...)
		if err != nil {
			return err
		}
		for j, r := range replies {
			if r.Err() == nil && r.Str == value(first+j) {
				intact++
			}
		}
	}
	fmt.Printf("%d of %d keys are there, each with its value\n", intact, n)
	if intact < n {
		return fmt.Errorf("%d keys are lost", n-intact)
	}
	return nil
}

// await repeats a look until it is satisfied. It polls, because what it looks
// at are other processes, which announce nothing.
func await(ctx context.Context, what string, look func() (seen string, done bool, err error)) error {
	deadline := time.Now().Add(limit)
	for {
		seen, done, err := look()
		if err == nil && done {
			return nil
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return fmt.Errorf("waited %v in vain: %s; seen last: %s", limit, what, errors.Join(err, errors.New(seen)))
		}
		time.Sleep(pause)
	}
}
