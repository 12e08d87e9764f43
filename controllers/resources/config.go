// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package resources

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/espalier-io/espalier/api/v1alpha1"
)

// ConfigMapName is the name of the ConfigMap with the members' redis.conf.
func ConfigMapName(group string) string { return group + "-config" }

// configKey is the key of the redis.conf of an entry's members.
func configKey(entry string) string {
	if entry == "" {
		return configFile
	}
	return entry + ".conf"
}

// ConfigMap holds a redis.conf per tree entry, and one for members without.
// A member reads its own when its process starts.
func ConfigMap(group *v1alpha1.ReplicationGroup, groupID string) *corev1.ConfigMap {
	data := map[string]string{}
	for _, entry := range group.Spec.Tree {
		data[configKey(entry.Name)] = RedisConf(group, entry.Name, groupID)
	}
	// In the tree form too: a member that is no longer declared and still has a
	// claim to tell about has no entry.
	data[configKey("")] = RedisConf(group, "", groupID)
	return &corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: objectMeta(group, ConfigMapName(group.Name)),
		Data:       data,
	}
}

// RedisConf is the configuration of an entry's members. The operator's own
// directives stand last, so that theirs is the last word. Validation leaves
// plain words in the values of spec.config.
func RedisConf(group *v1alpha1.ReplicationGroup, entry, groupID string) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# Written by the Espalier operator for the ReplicationGroup %s.", group.Name)
	// A second lets replicas that start together share one snapshot; Redis's five
	// would be added to every first sync.
	line("\n# The operator's defaults")
	line("repl-diskless-sync-delay 1")
	if len(group.Spec.Config) > 0 {
		line("\n# spec.config")
	}
	for _, name := range slices.Sorted(maps.Keys(group.Spec.Config)) {
		line("%s %s", name, group.Spec.Config[name])
	}
	line("\n# The operator's")
	line("bind * -::*")
	line("port %d", RedisPort)
	line("protected-mode no")
	line("dir %s", dataDir)
	line("dbfilename dump.rdb")
	line("appendonly no")
	line("save %s", quoted(group.Spec.EntryPersistence(entry).SavePoints()))
	line("include %s/%s", secretDir, authFile)
	line("managed yes")
	if groupID != "" {
		line("managed-group-id %s", groupID)
	}
	line("admin-bind * -::*")
	line("admin-port %d", AdminPort)
	line("admin-token-file %s/%s", secretDir, TokenKey)
	return b.String()
}

// quoted writes any text as one argument of a redis.conf line: in double
// quotes, with everything but letters, digits and a few harmless signs as \xHH.
func quoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte(" -_.,:;/+=@", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, `\x%02x`, c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
