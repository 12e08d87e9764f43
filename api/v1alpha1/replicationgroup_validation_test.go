// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/espalier-io/espalier/api/v1alpha1"
	"github.com/espalier-io/espalier/api/v1alpha1/directives"
)

const volume = "volume: {size: 1Gi}"

func TestGroupShape(t *testing.T) {
	for _, test := range []struct {
		name, spec string
		want       refusal
	}{
		{"one member", `instances: 1`, refusal{}},
		{"star", `instances: 5`, refusal{}},
		{"balanced tree", `{instances: 64, fanout: 2}`, refusal{}},
		{"chain", `{instances: 3, fanout: 1}`, refusal{}},
		{"tree in three levels", `tree: [{name: root}, {name: relay, replicaOf: root, count: 2, zone: b}, {name: leaf, replicaOf: relay, count: 2}]`, refusal{}},

		{"neither form", `{}`, refusal{"spec", "the shape is missing: set instances (with fanout, if replicas shall feed from replicas) or tree"}},
		{"both forms", `{instances: 1, tree: [{name: root}]}`, refusal{"spec.tree", "instances and tree exclude each other"}},
		{"fanout without instances", `{fanout: 2, tree: [{name: root}]}`, refusal{"spec.fanout", "fanout goes with instances"}},
		{"no member", `instances: 0`, refusal{"spec.instances", "should be greater than or equal to 1"}},
		{"too many members", `instances: 65`, refusal{"spec.instances", "should be less than or equal to 64"}},
		{"no fanout", `{instances: 2, fanout: 0}`, refusal{"spec.fanout", "should be greater than or equal to 1"}},

		{"empty tree", `tree: []`, refusal{"spec.tree", "should have at least 1 items"}},
		{"parent after child", `tree: [{name: root}, {name: leaf, replicaOf: relay}, {name: relay, replicaOf: root}]`,
			refusal{"spec.tree", `"leaf" stands before its parent "relay": declare parents before children`}},
		{"unknown parent", `tree: [{name: root}, {name: leaf, replicaOf: realy}]`,
			refusal{"spec.tree", `"leaf" is a replica of "realy", which is not declared`}},
		{"two roots", `tree: [{name: a}, {name: b}, {name: c, replicaOf: a}]`, refusal{"spec.tree", `the tree has more than one root: "a", "b"; every entry but one needs replicaOf`}},
		{"no root", `tree: [{name: a, replicaOf: b}, {name: b, replicaOf: a}]`, refusal{"spec.tree", "the tree has no root: one entry must have no replicaOf"}},
		{"its own parent", `tree: [{name: root}, {name: a, replicaOf: a}]`, refusal{"spec.tree[1].replicaOf", "a member cannot be its own parent"}},
		{"a cycle", `tree: [{name: root}, {name: a, replicaOf: b}, {name: b, replicaOf: a}]`, refusal{"spec.tree", `"a" stands before its parent "b"`}},
		{"a name twice", `tree: [{name: root}, {name: a, replicaOf: root}, {name: a, replicaOf: root}]`, refusal{"spec.tree", `the name "a" is declared more than once`}},
		{"a name like a number of another", `tree: [{name: root}, {name: a, replicaOf: root, count: 2}, {name: a-1, replicaOf: root}]`, refusal{"spec.tree", `"a-1" looks like a numbered member of another entry`}},
		{"names with a common beginning", `tree: [{name: root}, {name: a, replicaOf: root}, {name: a-b-1, replicaOf: root}, {name: a-b1, replicaOf: root}]`, refusal{}},
		{"two masters", `tree: [{name: root, count: 2}]`, refusal{"spec.tree[0].count", "the root is one member: there is one master"}},
		{"count of none", `tree: [{name: root}, {name: a, replicaOf: root, count: 0}]`, refusal{"spec.tree[1].count", "should be greater than or equal to 1"}},
		{"64 members in all", `tree: [{name: root}, {name: a, replicaOf: root, count: 32}, {name: b, replicaOf: a, count: 31}]`, refusal{}},
		{"65 members in all", `tree: [{name: root}, {name: a, replicaOf: root, count: 32}, {name: b, replicaOf: a, count: 32}]`, refusal{"spec.tree", "the tree has more than 64 members in all"}},
		{"64 entries in a chain", `tree: [` + chain(64) + `]`, refusal{}},
		{"65 entries", `tree: [` + chain(65) + `]`, refusal{"spec.tree", "must have at most 64 items"}},
		{"an entry's name is no label", `tree: [{name: Root}]`, refusal{"spec.tree[0].name", "should match"}},
		{"zone is no label value", `tree: [{name: root, zone: "a b"}]`, refusal{"spec.tree[0].zone", "should match"}},
	} {
		t.Run(test.name, func(t *testing.T) { checkGroup(t, "cache", test.spec, test.want) })
	}
}

func TestGroupNames(t *testing.T) {
	for _, test := range []struct {
		name, group, spec string
		want              refusal
	}{
		{"longest", strings.Repeat("a", 57), `instances: 64`, refusal{}},
		{"too long for a Service", strings.Repeat("a", 58), `instances: 1`, refusal{"", "at most 57 characters"}},
		{"a Service's name begins with a letter", "1a", `instances: 1`, refusal{"", "begins with a letter"}},
		{"no label", "a.b", `instances: 1`, refusal{"", "must be a DNS label"}},
		{"59 characters together", strings.Repeat("a", 50), `tree: [{name: ninechars}]`, refusal{}},
		{"60 characters together", strings.Repeat("a", 51), `tree: [{name: ninechars}]`, refusal{"spec.tree", "59 characters together"}},
	} {
		t.Run(test.name, func(t *testing.T) { checkGroup(t, test.group, test.spec, test.want) })
	}
}

func TestGroupPersistence(t *testing.T) {
	for _, test := range []struct {
		name, spec string
		want       refusal
	}{
		{"none", `{instances: 1, persistence: {mode: None}}`, refusal{}},
		{"snapshots", `{instances: 1, persistence: {mode: RDB, save: "60 1 30 1000", volume: {size: 1Gi, storageClassName: fast, reclaim: Delete}}}`, refusal{}},
		{"on the leaf only", `tree: [{name: root}, {name: leaf, replicaOf: root, persistence: {mode: RDB, ` + volume + `}}]`, refusal{}},

		{"no mode", `{instances: 1, persistence: {` + volume + `}}`, refusal{"spec.persistence.mode", "Required value"}},
		{"unknown mode", `{instances: 1, persistence: {mode: AOF, ` + volume + `}}`, refusal{"spec.persistence.mode", `Unsupported value: "AOF"`}},
		{"snapshots without a volume", `{instances: 1, persistence: {mode: RDB}}`, refusal{"spec.persistence.volume", "this persistence mode needs a volume"}},
		{"snapshots without a volume in the tree", `tree: [{name: root, persistence: {mode: RDB}}]`, refusal{"spec.tree[0].persistence.volume", "this persistence mode needs a volume"}},
		{"a volume for nothing", `{instances: 1, persistence: {mode: None, ` + volume + `}}`, refusal{"spec.persistence.volume", "mode None keeps nothing on disk"}},
		{"save points for nothing", `{instances: 1, persistence: {mode: None, save: "60 1"}}`, refusal{"spec.persistence.save", "save points go with mode RDB"}},
		{"save points that are none", `{instances: 1, persistence: {mode: RDB, save: "60", ` + volume + `}}`, refusal{"spec.persistence.save", "should match"}},
		{"save points turned off", `{instances: 1, persistence: {mode: RDB, save: "", ` + volume + `}}`, refusal{"spec.persistence.save", "should be at least 1 chars long"}},
		{"no size", `{instances: 1, persistence: {mode: RDB, volume: {reclaim: Retain}}}`, refusal{"spec.persistence.volume.size", "Required value"}},
		{"a size of nothing", `{instances: 1, persistence: {mode: RDB, volume: {size: "0"}}}`, refusal{"spec.persistence.volume.size", "should match"}},
		{"unknown reclaim policy", `{instances: 1, persistence: {mode: RDB, volume: {size: 1Gi, reclaim: Keep}}}`, refusal{"spec.persistence.volume.reclaim", "Unsupported value"}},
	} {
		t.Run(test.name, func(t *testing.T) { checkGroup(t, "cache", test.spec, test.want) })
	}
}

func TestGroupConfig(t *testing.T) {
	for _, test := range []struct {
		name, config string
		want         refusal
	}{
		{"several", `{maxmemory: 1GB, client-output-buffer-limit: "replica 256mb 64mb 60 pubsub 0 0 0", slowlog-log-slower-than: "-1"}`, refusal{}},
		{"writable replicas stay allowed", `{replica-read-only: "no"}`, refusal{}},
		{"the older spelling", `{slave-read-only: "no"}`, refusal{}},

		{"unknown", `{maxmemory: 1gb, maxmemroy: 1gb}`, refusal{"spec.config", `config directive "maxmemroy" is unknown, or without effect on a node`}},
		{"capitals", `{MaxMemory: 1gb}`, refusal{"spec.config", `config directive "MaxMemory" is unknown, or without effect on a node`}},
		{"without effect", `{activedefrag: "yes"}`, refusal{"spec.config", `config directive "activedefrag" is unknown, or without effect on a node`}},
		{"operator's", `{port: "7000"}`, refusal{"spec.config", `config directive "port" is owned by the operator`}},
		{"operator's, by its beginning", `{tls-port: "7000"}`, refusal{"spec.config", `config directive "tls-port" is owned by the operator`}},
		{"has its field", `{save: "60 1"}`, refusal{"spec.config", `config directive "save" is owned by the operator: set spec.persistence.save instead`}},
		{"no eviction", `{maxmemory-policy: allkeys-lru}`, refusal{"spec.config", `config directive "maxmemory-policy" needs noeviction: nodes do not evict keys`}},
		{"not yes or no", `{repl-diskless-sync: maybe}`, refusal{"spec.config", `config directive "repl-diskless-sync" needs yes or no`}},
		{"a number that is none", `{slave-read-only: "no", repl-timeout: 1h}`, refusal{"spec.config", `config directive "repl-timeout" needs a whole number above 0`}},
		{"limits of no class", `{client-output-buffer-limit: "some 1 1 1"}`, refusal{"spec.config", `needs classes of clients with their limits`}},
		{"empty", `{maxmemory: ""}`, refusal{"spec.config.maxmemory", "should be at least 1 chars long"}},
		{"both spellings", `{slave-read-only: "no", replica-read-only: "yes"}`, refusal{"spec.config", "keep one spelling"}},
		{"a second directive by a line break", `{maxmemory: "1gb\nport 7000"}`, refusal{"spec.config.maxmemory", "should match"}},
		{"a quote", `{maxmemory: "\"1gb"}`, refusal{"spec.config.maxmemory", "should match"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			checkGroup(t, "cache", "{instances: 1, config: "+test.config+"}", test.want)
		})
	}
}

// TestEveryDirective holds the generated rules against the lists that they were
// generated from.
func TestEveryDirective(t *testing.T) {
	for directive, kind := range directives.Permitted {
		if _, owned := directives.IsOwned(directive); owned {
			t.Errorf("%s is on both lists", directive)
		}
		checkGroup(t, "cache", fmt.Sprintf("{instances: 1, config: {%s: '%s'}}", directive, kind.Example), refusal{})
	}
	for old, current := range directives.Spellings {
		kind, ok := directives.Permitted[current]
		if !ok {
			t.Errorf("%s stands for %s, which is not permitted", old, current)
		}
		checkGroup(t, "cache", fmt.Sprintf("{instances: 1, config: {%s: '%s'}}", old, kind.Example), refusal{})
	}
	for name := range directives.Owned {
		directive := strings.Replace(name, "*", "-x", 1)
		hint, owned := directives.IsOwned(directive)
		if !owned {
			t.Errorf("IsOwned(%q) = false", directive)
		}
		checkGroup(t, "cache", fmt.Sprintf("{instances: 1, config: {%s: '1'}}", directive),
			refusal{"spec.config", fmt.Sprintf("%q is owned by the operator", directive)})
		if hint != "" {
			checkGroup(t, "cache", fmt.Sprintf("{instances: 1, config: {%s: '1'}}", directive), refusal{"spec.config", hint})
		}
	}
}

func TestGroupTheRest(t *testing.T) {
	for _, test := range []struct {
		name, fields string
		want         refusal
	}{
		{"everything", `auth: {secretRef: {name: s}}, failover: {onTotalLoss: Reinitialize}, service: {annotations: {a: b}},
			template: {priorityClassName: high, labels: {team: a}, nodeSelector: {disk: ssd}, tolerations: [{operator: Exists}],
			resources: {limits: {memory: 1Gi}}, topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway}],
			affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: kubernetes.io/hostname}]}}}`, refusal{}},
		{"auth without a Secret", `auth: {}`, refusal{"spec.auth.secretRef", "Required value"}},
		{"a Secret without a name", `auth: {secretRef: {}}`, refusal{"spec.auth.secretRef.name", "Required value"}},
		{"unknown policy", `failover: {onTotalLoss: Ignore}`, refusal{"spec.failover.onTotalLoss", "Unsupported value"}},
		{"operator's label", `template: {labels: {espalier.io/role: master}}`, refusal{"spec.template.labels", "owned by the operator"}},
		{"operator's annotation", `template: {annotations: {espalier.io/x: z}}`, refusal{"spec.template.annotations", "owned by the operator"}},
		{"operator's Service annotation", `service: {annotations: {espalier.io/epoch: "9"}}`, refusal{"spec.service.annotations", "owned by the operator"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			checkGroup(t, "cache", "{instances: 1, "+test.fields+"}", test.want)
		})
	}
}

func TestGroupTransitions(t *testing.T) {
	const frozen = "size and storageClassName"
	for _, test := range []struct {
		name, before, after string
		want                refusal
	}{
		{"scale", `instances: 1`, `instances: 5`, refusal{}},
		{"from one form to the other", `instances: 3`, `tree: [{name: root}]`, refusal{}},
		{"same size in other words", `{instances: 1, persistence: {mode: RDB, volume: {size: 1Gi}}}`, `{instances: 1, persistence: {mode: RDB, volume: {size: 1024Mi}}}`, refusal{}},
		{"persistence turned on", `{instances: 1}`, `{instances: 1, persistence: {mode: RDB, volume: {size: 1Gi}}}`, refusal{}},
		{"reclaim policy said as it is", `{instances: 1, persistence: {mode: RDB, volume: {size: 1Gi}}}`, `{instances: 1, persistence: {mode: RDB, volume: {size: 1Gi, reclaim: Retain}}}`, refusal{}},
		{"reclaim policy", `{instances: 1, persistence: {mode: RDB, volume: {size: 1Gi, reclaim: Delete}}}`, `{instances: 1, persistence: {mode: RDB, volume: {size: 1Gi, reclaim: Retain}}}`, refusal{"spec.persistence.volume", "reclaim of the volume"}},
		{"reclaim policy, in the tree", `tree: [{name: root, persistence: {mode: RDB, volume: {size: 1Gi}}}]`, `tree: [{name: root, persistence: {mode: RDB, volume: {size: 1Gi, reclaim: Delete}}}]`, refusal{"spec.tree", "reclaim of an entry's volume"}},

		{"larger", `{instances: 1, persistence: {mode: RDB, volume: {size: 1Gi}}}`, `{instances: 1, persistence: {mode: RDB, volume: {size: 2Gi}}}`, refusal{"spec.persistence.volume", frozen}},
		{"other class", `{instances: 1, persistence: {mode: RDB, volume: {size: 1Gi}}}`, `{instances: 1, persistence: {mode: RDB, volume: {size: 1Gi, storageClassName: fast}}}`, refusal{"spec.persistence.volume", frozen}},
		{"larger, in the tree", `tree: [{name: root, persistence: {mode: RDB, volume: {size: 1Gi}}}]`, `tree: [{name: root, persistence: {mode: RDB, volume: {size: 2Gi}}}]`, refusal{"spec.tree", frozen}},
		{"a new entry of another size", `tree: [{name: root, persistence: {mode: RDB, volume: {size: 1Gi}}}]`,
			`tree: [{name: root, persistence: {mode: RDB, volume: {size: 1Gi}}}, {name: leaf, replicaOf: root, persistence: {mode: RDB, volume: {size: 2Gi}}}]`, refusal{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			checkTransition(t, "ReplicationGroup", test.before, test.after, test.want)
		})
	}
}

// TestScale shows what the scale subresource does with either form.
func TestScale(t *testing.T) {
	ctx := withDeadline(t)
	computed, spelled := &v1alpha1.ReplicationGroup{}, &v1alpha1.ReplicationGroup{}
	for name, group := range map[string]*v1alpha1.ReplicationGroup{"computed": computed, "spelled": spelled} {
		group.Name, group.Namespace = name, "default"
	}
	computed.Spec.Instances = new(int32(2))
	spelled.Spec.Tree = v1alpha1.Tree{{Name: "root"}}
	for _, group := range []client.Object{computed, spelled} {
		if err := api.Create(ctx, group); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = api.Delete(context.WithoutCancel(ctx), group) })
	}
	scale := &autoscalingv1.Scale{}
	if err := api.SubResource("scale").Get(ctx, computed, scale); err != nil || scale.Spec.Replicas != 2 {
		t.Errorf("scale of the instances form: %d, %v; want 2", scale.Spec.Replicas, err)
	}
	scale.Spec.Replicas = 4
	if err := api.SubResource("scale").Update(ctx, computed, client.WithSubResourceBody(scale)); err != nil {
		t.Errorf("scale to 4: %v", err)
	}

	err := api.SubResource("scale").Get(ctx, spelled, &autoscalingv1.Scale{})
	if err == nil || !strings.Contains(err.Error(), ".spec.instances") {
		t.Errorf("scale of the tree form: %v; want an error that names .spec.instances", err)
	}
	wanted := &autoscalingv1.Scale{Spec: autoscalingv1.ScaleSpec{Replicas: 3}}
	wanted.Name, wanted.Namespace = spelled.Name, spelled.Namespace
	err = api.SubResource("scale").Update(ctx, spelled, client.WithSubResourceBody(wanted))
	refusal{"spec.tree", "instances and tree exclude each other"}.check(t, err)
}

// checkGroup asks the API server about a group without keeping it.
func checkGroup(t *testing.T, name, spec string, want refusal) {
	t.Helper()
	group := object(t, "ReplicationGroup", name, spec)
	want.check(t, api.Create(withDeadline(t), group, client.DryRunAll, client.FieldValidation("Strict")))
}

// chain is n tree entries, each a replica of the one before.
func chain(n int) string {
	entries := []string{"{name: m0}"}
	for i := 1; i < n; i++ {
		entries = append(entries, fmt.Sprintf("{name: m%d, replicaOf: m%d}", i, i-1))
	}
	return strings.Join(entries, ", ")
}
