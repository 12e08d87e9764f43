// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/espalier-io/espalier/api/v1alpha1"
	"github.com/espalier-io/espalier/controllers/topology"
)

// fill sets every field of a value to something that is not its zero, so that
// a field which somebody forgets to translate shows.
func fill(v reflect.Value, n *int64) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(v.Index(i), n)
		}
	case reflect.String:
		*n++
		v.SetString(string(rune('a'+*n%26)) + "-text")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int64, reflect.Int:
		*n++
		v.SetInt(*n)
	case reflect.Uint64:
		*n++
		v.SetUint(uint64(*n))
	default:
		panic("the ledger has a field of a kind that this test does not know: " + v.Type().String())
	}
}

func TestLedgerSurvivesTheStore(t *testing.T) {
	var want topology.Ledger
	var n int64
	fill(reflect.ValueOf(&want).Elem(), &n)
	group := &v1alpha1.ReplicationGroup{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "cache"}}
	stored := ledgerToAPI(group, &want)
	if stored.Namespace != "ns" || stored.Name != "cache" {
		t.Errorf("stored as %s/%s", stored.Namespace, stored.Name)
	}
	if diff := cmp.Diff(&want, ledgerFromAPI(stored)); diff != "" {
		t.Errorf("what comes back differs (-want +got):\n%s", diff)
	}
}

func TestClipKeepsCharactersWhole(t *testing.T) {
	for _, row := range []struct {
		in   string
		n    int
		want string
	}{
		{"short", 10, "short"},
		{"exactly", 7, "exactly"},
		{"too long", 3, "too"},
		{"grüße", 3, "gr"}, // ü takes two bytes
		{"", 0, ""},
	} {
		if got := clip(row.in, row.n); got != row.want {
			t.Errorf("clip(%q, %d) = %q, want %q", row.in, row.n, got, row.want)
		}
	}
}
