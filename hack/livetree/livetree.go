// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Package livetree asks the members of a group who they are. It takes nothing
// from the operator's word: pods come from the API server, and roles, links and
// offsets from the INFO of each member, as any client could read them. The
// demonstration draws the tree that comes of it, and the end-to-end tests
// compare it with the declared one.
//
// Members are reached by their pods' addresses: this machine must have a way
// to them, as it has with hack/cluster.
package livetree

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/espalier-io/espalier/api/v1alpha1"
	"github.com/espalier-io/espalier/controllers/resources"
	"github.com/espalier-io/espalier/hack/redisclient"
)

// patience bounds what is asked of one member.
const patience = time.Second

// Group is a group as its clients meet it.
type Group struct {
	API client.Client
	Key types.NamespacedName
}

// Service is the address behind which the master is.
func (g Group) Service(ctx context.Context) (string, error) {
	service := &corev1.Service{}
	if err := g.API.Get(ctx, g.Key, service); err != nil {
		return "", err
	}
	return net.JoinHostPort(service.Spec.ClusterIP, strconv.Itoa(resources.RedisPort)), nil
}

// Password is the generated one.
func (g Group) Password(ctx context.Context) (string, error) {
	secret := &corev1.Secret{}
	key := types.NamespacedName{Namespace: g.Key.Namespace, Name: resources.AuthSecretName(g.Key.Name)}
	if err := g.API.Get(ctx, key, secret); err != nil {
		return "", err
	}
	return string(secret.Data[v1alpha1.PasswordKey]), nil
}

// Member is a pod of the group and what the process in it says.
type Member struct {
	Pod, IP, Node string
	Role          string // "master", "replica", or "" of one that does not answer
	Upstream      string // pod, or address of a stranger; "" for a master
	Link          string // of a replica: "up", "down"
	Replid        string
	Offset        int64 // bytes of the replication stream
	Keys          int64
	Silence       error // why it does not answer
}

// Tree is the group at one moment, as far as its members can be asked at once.
type Tree struct {
	Members []*Member // by pod name
}

// Look asks every member.
func (g Group) Look(ctx context.Context) (*Tree, error) {
	password, err := g.Password(ctx)
	if err != nil {
		return nil, err
	}
	var pods corev1.PodList
	if err := g.API.List(ctx, &pods, client.InNamespace(g.Key.Namespace), client.MatchingLabels(resources.GroupSelector(g.Key.Name))); err != nil {
		return nil, err
	}
	t := &Tree{}
	names := map[string]string{} // by address
	var wg sync.WaitGroup
	for i := range pods.Items {
		pod := &pods.Items[i]
		m := &Member{Pod: pod.Name, IP: pod.Status.PodIP, Node: pod.Spec.NodeName}
		t.Members = append(t.Members, m)
		names[m.IP] = m.Pod
		wg.Go(func() { m.Silence = m.ask(password) })
	}
	wg.Wait()
	for _, m := range t.Members {
		if name, known := names[m.Upstream]; known && m.Upstream != "" {
			m.Upstream = name
		}
	}
	slices.SortFunc(t.Members, func(a, b *Member) int { return cmp.Compare(a.Pod, b.Pod) })
	return t, nil
}

func (m *Member) ask(password string) error {
	if m.IP == "" {
		return fmt.Errorf("no address yet")
	}
	c, err := redisclient.DialTimeout(net.JoinHostPort(m.IP, strconv.Itoa(resources.RedisPort)), password, patience)
	if err != nil {
		return err
	}
	defer c.Close()
	info, err := c.Info("replication")
	if err != nil {
		return err
	}
	m.Role, m.Replid, m.Link = info["role"], info["master_replid"], info["master_link_status"]
	offset := "master_repl_offset"
	if m.Role == "slave" {
		m.Role, m.Upstream, offset = "replica", info["master_host"], "slave_repl_offset"
	}
	if m.Offset, err = strconv.ParseInt(info[offset], 10, 64); err != nil {
		return fmt.Errorf("INFO replication: %s: %w", offset, err)
	}
	m.Keys, err = c.Int("DBSIZE")
	return err
}

// Masters are the members that say they are.
func (t *Tree) Masters() []*Member {
	var masters []*Member
	for _, m := range t.Members {
		if m.Role == "master" {
			masters = append(masters, m)
		}
	}
	return masters
}

// Fed are the members that say they feed from a pod.
func (t *Tree) Fed(pod string) []*Member {
	var fed []*Member
	for _, m := range t.Members {
		if m.Role == "replica" && m.Upstream == pod {
			fed = append(fed, m)
		}
	}
	return fed
}

// Shape is the form of the tree without names: a member is a pair of brackets
// around those that feed from it, the larger ones first. A chain of three is
// "((()))", a star of three "(()())". Members outside of the tree, and links
// that are not up, are told behind it.
func (t *Tree) Shape() string {
	var parts []string
	inside := map[*Member]bool{}
	for _, master := range t.Masters() {
		parts = append(parts, t.shapeBelow(master, inside))
	}
	for _, m := range t.Members {
		switch {
		case m.Silence != nil:
			parts = append(parts, fmt.Sprintf("%s does not answer: %v", m.Pod, m.Silence))
		case !inside[m]:
			parts = append(parts, fmt.Sprintf("%s (%s of %s) is in no tree", m.Pod, cmp.Or(m.Role, "without a role"), cmp.Or(m.Upstream, "nobody")))
		case m.Role == "replica" && m.Link != "up":
			parts = append(parts, m.Pod+" has its link "+m.Link)
		}
	}
	return strings.Join(parts, "; ")
}

func (t *Tree) shapeBelow(m *Member, inside map[*Member]bool) string {
	if inside[m] {
		return "(a circle at " + m.Pod + ")"
	}
	inside[m] = true
	var below []string
	for _, replica := range t.Fed(m.Pod) {
		below = append(below, t.shapeBelow(replica, inside))
	}
	slices.SortFunc(below, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	return "(" + strings.Join(below, "") + ")"
}
