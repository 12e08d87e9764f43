// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package resources

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	discoveryv1 "k8s.io/api/discovery/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/espalier-io/espalier/api/v1alpha1"
)

var update = flag.Bool("update", false, "write the golden files anew")

// scenarios are the groups of testdata with the members that the golden files
// show.
var scenarios = []struct {
	name    string
	members []Member
}{
	{"star", []Member{{Name: "0"}}},
	{"tree", []Member{{Name: "root", Entry: "root"}, {Name: "relay-1", Entry: "relay"}, {Name: "leaf", Entry: "leaf"}}},
}

// TestGolden holds every object of the scenarios against its golden file.
func TestGolden(t *testing.T) {
	for _, scenario := range scenarios {
		t.Run(scenario.name, func(t *testing.T) {
			var got bytes.Buffer
			for _, object := range everything(readGroup(t, scenario.name), scenario.members) {
				text, err := yaml.Marshal(object)
				if err != nil {
					t.Fatal(err)
				}
				got.WriteString("---\n")
				got.Write(text)
			}
			golden := filepath.Join("testdata", scenario.name+".golden.yaml")
			if *update {
				if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatalf("%v (go test -update writes it)", err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("the objects of %s changed (go test -update accepts that):\n%s", scenario.name, diff)
			}
		})
	}
}

// everything builds all objects of a group, those of the given members among
// them.
func everything(group *v1alpha1.ReplicationGroup, members []Member) []client.Object {
	const groupID = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
	image := "espalier:test"
	if group.Spec.Image != "" {
		image = group.Spec.Image
	}
	var all []client.Object
	for _, member := range members {
		all = append(all, Pod(group, member, image))
		if NeedsClaim(group, member) {
			all = append(all, Claim(group, member, groupID))
		}
	}
	for _, service := range Services(group) {
		all = append(all, service)
	}
	master := &MasterEndpoint{Member: members[0].Name, PodUID: "33333333-0000-0000-0000-000000000000", PodIP: "10.1.2.3", Host: "worker-1"}
	all = append(all, MasterEndpointSlice(group, 7, AddressType(master.PodIP), master))
	all = append(all, ConfigMap(group, groupID))
	if _, generated := PasswordSecretName(group); generated {
		all = append(all, AuthSecret(group, "correct horse"))
	}
	all = append(all, NodeSecret(group, "correct horse", "a-token"))
	for _, budget := range DisruptionBudgets(group) {
		all = append(all, budget)
	}
	return all
}

func readGroup(t *testing.T, name string) *v1alpha1.ReplicationGroup {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".group.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	group := &v1alpha1.ReplicationGroup{}
	if err := yaml.UnmarshalStrict(text, group); err != nil {
		t.Fatal(err)
	}
	return group
}

func TestMasterEndpointSliceWithoutMaster(t *testing.T) {
	slice := MasterEndpointSlice(readGroup(t, "star"), 8, discoveryv1.AddressTypeIPv6, nil)
	if slice.Endpoints == nil || len(slice.Endpoints) != 0 || slice.Annotations[AnnotationEpoch] != "8" {
		t.Errorf("endpoints %v, annotations %v; want an empty list and epoch 8", slice.Endpoints, slice.Annotations)
	}
	if slice.AddressType != discoveryv1.AddressTypeIPv6 {
		t.Errorf("address type %s, which cannot change", slice.AddressType)
	}
}

func TestAddressType(t *testing.T) {
	for ip, want := range map[string]discoveryv1.AddressType{
		"10.1.2.3": discoveryv1.AddressTypeIPv4,
		"fd00::1":  discoveryv1.AddressTypeIPv6,
		"":         discoveryv1.AddressTypeIPv4,
	} {
		if got := AddressType(ip); got != want {
			t.Errorf("AddressType(%q) = %s, want %s", ip, got, want)
		}
	}
}

func TestMemberName(t *testing.T) {
	if member, ok := MemberName("cache", PodName("cache", "relay-1")); member != "relay-1" || !ok {
		t.Errorf("MemberName of relay-1's pod = %q, %t", member, ok)
	}
	for _, foreign := range []string{"cache", "cache-", "other-0", "cachet-0"} {
		if member, ok := MemberName("cache", foreign); ok {
			t.Errorf("MemberName of %q = %q, want none", foreign, member)
		}
	}
}

// TestSecretsStayInSecrets looks for the password and the token in whatever is
// no Secret.
func TestSecretsStayInSecrets(t *testing.T) {
	for _, scenario := range scenarios {
		for _, object := range everything(readGroup(t, scenario.name), scenario.members) {
			text, err := yaml.Marshal(object)
			if err != nil {
				t.Fatal(err)
			}
			kind := object.GetObjectKind().GroupVersionKind().Kind
			if kind == "" {
				t.Errorf("%T has no kind: server-side apply needs it", object)
			}
			if kind != "Secret" && (strings.Contains(string(text), "correct horse") || strings.Contains(string(text), "a-token")) {
				t.Errorf("a secret is in the %s %s:\n%s", kind, object.GetName(), text)
			}
		}
	}
}
