// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Package charts tests what users install: the Helm chart and the manifests of
// config/, rendered by the real Helm and the real kubectl. Both must install
// the same, and a real API server must take it.
package charts

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
)

const (
	chart     = "espalier"
	namespace = "espalier-system"
	crdKind   = "CustomResourceDefinition"

	// kubeVersion is what Helm takes the cluster for when there is none to ask.
	kubeVersion = "1.35.4"
)

// openInputs opens whatever Helm and kubectl are going to read: go test caches a
// result by the files that the test itself has opened.
var openInputs = sync.OnceValue(func() error {
	for _, root := range []string{chart, filepath.Join("..", "config")} {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			_, err = os.ReadFile(path)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
})

// objects are rendered manifests by kind and name.
type objects map[string]*unstructured.Unstructured

func (o objects) ofKind(kind string) []*unstructured.Unstructured {
	var found []*unstructured.Unstructured
	for _, key := range slices.Sorted(maps.Keys(o)) {
		if o[key].GetKind() == kind {
			found = append(found, o[key])
		}
	}
	return found
}

// tool finds a program that hack/kube/build.sh builds, or else an installed one.
func tool(t *testing.T, name string) string {
	t.Helper()
	if err := openInputs(); err != nil {
		t.Fatal(err)
	}
	built, err := filepath.Abs(filepath.Join("..", "bin", "k8s", name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(built); err == nil {
		return built
	}
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is needed: build it with hack/kube/build.sh", name)
	}
	return path
}

// run gives what a program prints, or an error with what it complains about.
func run(name string, args ...string) ([]byte, error) {
	var complaints bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w\n%s", filepath.Base(name), strings.Join(args, " "), err, complaints.String())
	}
	return out, nil
}

func helm(t *testing.T, args ...string) objects {
	t.Helper()
	out, err := run(tool(t, "helm"), append([]string{"template", "espalier", chart, "--namespace", namespace, "--kube-version", kubeVersion}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	return decode(t, out)
}

func kustomize(t *testing.T, folder string) objects {
	t.Helper()
	out, err := run(tool(t, "kubectl"), "kustomize", filepath.Join("..", "config", folder))
	if err != nil {
		t.Fatal(err)
	}
	return decode(t, out)
}

func decode(t *testing.T, manifests []byte) objects {
	t.Helper()
	all := objects{}
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(manifests), 4096)
	for {
		object := &unstructured.Unstructured{}
		if err := decoder.Decode(object); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		if len(object.Object) == 0 {
			continue
		}
		key := object.GetKind() + " " + object.GetName()
		if all[key] != nil {
			t.Fatalf("%s is there twice", key)
		}
		all[key] = object
	}
}

// TestSameInstallation compares the chart with its default values to
// config/default, but for what only one of them can have: the namespace, which
// is Helm's argument, and Helm's labels and its annotation on the CRDs.
func TestSameInstallation(t *testing.T) {
	ours, charts := kustomize(t, "default"), helm(t)
	delete(ours, "Namespace "+namespace)
	for _, object := range charts {
		annotations := object.GetAnnotations()
		delete(annotations, "helm.sh/resource-policy")
		object.SetAnnotations(annotations)
	}
	for _, rendered := range []objects{ours, charts} {
		for _, object := range rendered {
			labels := object.GetLabels()
			maps.DeleteFunc(labels, func(key, _ string) bool {
				return key == "helm.sh/chart" || strings.HasPrefix(key, "app.kubernetes.io/")
			})
			object.SetLabels(labels)
			splitRules(object)
		}
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(ours)), slices.Sorted(maps.Keys(charts))); diff != "" {
		t.Fatalf("config/default (-) and the chart (+) install different objects:\n%s", diff)
	}
	for key, object := range ours {
		if diff := cmp.Diff(object.Object, charts[key].Object); diff != "" {
			t.Errorf("%s in config/default (-) and in the chart (+):\n%s", key, diff)
		}
	}
	if len(ours) < 9 {
		t.Errorf("only %d objects were compared: %v", len(ours), slices.Sorted(maps.Keys(ours)))
	}
}

// splitRules orders the rules of a role and spells each out as one line, so that
// their grouping does not matter.
func splitRules(object *unstructured.Unstructured) {
	rules, found, _ := unstructured.NestedSlice(object.Object, "rules")
	if !found {
		return
	}
	var lines []any
	for _, r := range rules {
		rule := r.(map[string]any)
		for _, group := range rule["apiGroups"].([]any) {
			for _, resource := range rule["resources"].([]any) {
				for _, verb := range rule["verbs"].([]any) {
					lines = append(lines, fmt.Sprintf("%s %s/%s", verb, group, resource))
				}
			}
		}
	}
	slices.SortFunc(lines, func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
	object.Object["rules"] = lines
}

// TestRightsAreThoseOfTheMarkers compares the operator's role to what the
// markers in its code say that it needs.
func TestRightsAreThoseOfTheMarkers(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "controllers", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	marker := regexp.MustCompile(`(?m)^// \+kubebuilder:rbac:groups=(\S+),resources=(\S+),verbs=(\S+)$`)
	var wanted []any
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range marker.FindAllStringSubmatch(string(source), -1) {
			for resource := range strings.SplitSeq(m[2], ";") {
				for verb := range strings.SplitSeq(m[3], ";") {
					wanted = append(wanted, fmt.Sprintf("%s %s/%s", verb, strings.Trim(m[1], `"`), resource))
				}
			}
		}
	}
	slices.SortFunc(wanted, func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
	role := kustomize(t, "default")["ClusterRole espalier-manager"]
	splitRules(role)
	if diff := cmp.Diff(any(wanted), role.Object["rules"]); diff != "" {
		t.Errorf("rights that the code asks for (-) and that it gets (+):\n%s", diff)
	}
}

func manager(t *testing.T, rendered objects) (deployment, container map[string]any) {
	t.Helper()
	deployments := rendered.ofKind("Deployment")
	if len(deployments) != 1 {
		t.Fatalf("%d Deployments, want 1", len(deployments))
	}
	containers, _, err := unstructured.NestedSlice(deployments[0].Object, "spec", "template", "spec", "containers")
	if err != nil || len(containers) != 1 {
		t.Fatalf("containers %v, %v; want 1", containers, err)
	}
	return deployments[0].Object, containers[0].(map[string]any)
}

func TestChartImages(t *testing.T) {
	const digest = "sha256:0123456789012345678901234567890123456789012345678901234567890123"
	for _, test := range []struct {
		name        string
		args        []string
		image, node string
	}{
		{"by default", nil, "espalier:dev", "espalier:dev"},
		{"another", []string{"--set", "image.repository=example/e", "--set", "image.tag=v2"}, "example/e:v2", "example/e:v2"},
		{"by digest", []string{"--set", "image.tag=v2", "--set", "image.digest=" + digest}, "espalier@" + digest, "espalier@" + digest},
		{"another for members", []string{"--set", "nodeImage=example/node:v3"}, "espalier:dev", "example/node:v3"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, container := manager(t, helm(t, test.args...))
			env := container["env"].([]any)[0].(map[string]any)
			if container["image"] != test.image || env["value"] != test.node {
				t.Errorf("image %v, members' %v; want %s and %s", container["image"], env["value"], test.image, test.node)
			}
		})
	}
}

// TestChartWatchesOneNamespace: the rights end where the watch ends.
func TestChartWatchesOneNamespace(t *testing.T) {
	rendered := helm(t, "--set", "watchNamespace=shop", "--set", "rbac.userRoles=false")
	_, container := manager(t, rendered)
	if !slices.Contains(container["args"].([]any), any("--watch-namespace=shop")) {
		t.Errorf("args %v", container["args"])
	}
	everywhere := rendered.ofKind("ClusterRole")
	if len(everywhere) != 1 {
		t.Fatalf("%d ClusterRoles, want 1", len(everywhere))
	}
	splitRules(everywhere[0])
	if diff := cmp.Diff([]any{"get /nodes", "list /nodes", "watch /nodes"}, everywhere[0].Object["rules"]); diff != "" {
		t.Errorf("rights in the whole cluster:\n%s", diff)
	}
	role := rendered["Role espalier-manager"]
	if role == nil || role.GetNamespace() != "shop" || rendered["RoleBinding espalier-manager"].GetNamespace() != "shop" {
		t.Fatalf("no role in the namespace: %v", slices.Sorted(maps.Keys(rendered)))
	}

	// Together they are the rights of the whole.
	splitRules(role)
	whole := helm(t)["ClusterRole espalier-manager"]
	splitRules(whole)
	together := slices.Concat(role.Object["rules"].([]any), everywhere[0].Object["rules"].([]any))
	slices.SortFunc(together, func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
	if diff := cmp.Diff(whole.Object["rules"], any(together)); diff != "" {
		t.Errorf("rights in all namespaces (-) and in one (+):\n%s", diff)
	}
}

func TestChartValues(t *testing.T) {
	for _, test := range []struct{ set, wantError string }{
		{"replcas=2", "replcas"},
		{"replicas=many", "/replicas"},
		{"image.pullPolicy=Sometimes", "pullPolicy"},
		{"watchNamespace=A_B", "watchNamespace"},
	} {
		if _, err := run(tool(t, "helm"), "template", chart, "--kube-version", kubeVersion, "--set", test.set); err == nil || !strings.Contains(err.Error(), test.wantError) {
			t.Errorf("--set %s: %v; want an error that names %s", test.set, err, test.wantError)
		}
	}
	if crds := helm(t, "--set", "crds.install=false").ofKind(crdKind); len(crds) != 0 {
		t.Errorf("crds.install=false installs %d CRDs", len(crds))
	}
	if _, err := run(tool(t, "helm"), "lint", "--strict", "--kube-version", kubeVersion, chart); err != nil {
		t.Error(err)
	}
}
