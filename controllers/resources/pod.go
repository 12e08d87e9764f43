// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package resources

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/espalier-io/espalier/api/v1alpha1"
)

// ContainerName is the name of the container that runs the node.
const ContainerName = "node"

// nodeBinary is where every image has the node.
const nodeBinary = "/node"

// nobody is the user and group of the node's process: it needs no rights, and
// fsGroup makes its claim and its secrets readable to it.
const nobody int64 = 65532

// Where a pod has its data, its configuration and its secrets.
const (
	dataDir   = "/data"
	configDir = "/etc/espalier"
	secretDir = "/etc/espalier-secret"

	configFile = "redis.conf"
)

// Times of a pod, in seconds. A member with persistence writes a last snapshot
// when it is asked to stop, which takes as long as its data is large.
const (
	graceInMemory = 30
	graceOnDisk   = 300
)

// Pod is the pod of a member. It stays until FinalizerObservedDeath is taken
// off, and its container runs once.
func Pod(group *v1alpha1.ReplicationGroup, member Member, image string) *corev1.Pod {
	template := group.Spec.Template
	if template == nil {
		template = &v1alpha1.Template{}
	}
	name := PodName(group.Name, member.Name)
	meta := objectMeta(group, name)
	meta.Labels = merged(template.Labels, memberLabels(group, member))
	if len(template.Annotations) > 0 {
		meta.Annotations = maps.Clone(template.Annotations)
	}
	meta.Finalizers = []string{FinalizerObservedDeath}

	return &corev1.Pod{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: meta,
		Spec: corev1.PodSpec{
			RestartPolicy:                 corev1.RestartPolicyNever,
			Hostname:                      name,
			Subdomain:                     NodesServiceName(group.Name),
			AutomountServiceAccountToken:  new(false),
			EnableServiceLinks:            new(false),
			TerminationGracePeriodSeconds: new(graceOf(group, member)),
			SecurityContext: &corev1.PodSecurityContext{
				RunAsNonRoot:        new(true),
				RunAsUser:           new(nobody),
				RunAsGroup:          new(nobody),
				FSGroup:             new(nobody),
				FSGroupChangePolicy: new(corev1.FSGroupChangeOnRootMismatch),
				SeccompProfile:      &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
			Containers: []corev1.Container{nodeContainer(template, image)},
			Volumes:    podVolumes(group, member),

			NodeSelector:              nodeSelector(group, member, template),
			Affinity:                  affinity(group, template),
			Tolerations:               slices.Clone(template.Tolerations),
			TopologySpreadConstraints: spreadConstraints(group, template),
			PriorityClassName:         template.PriorityClassName,
		},
	}
}

func graceOf(group *v1alpha1.ReplicationGroup, member Member) int64 {
	if NeedsClaim(group, member) {
		return graceOnDisk
	}
	return graceInMemory
}

func nodeContainer(template *v1alpha1.Template, image string) corev1.Container {
	return corev1.Container{
		Name:            ContainerName,
		Image:           image,
		ImagePullPolicy: corev1.PullIfNotPresent,
		Command:         []string{nodeBinary, configDir + "/" + configFile},
		Ports: []corev1.ContainerPort{
			{Name: RedisPortName, ContainerPort: RedisPort, Protocol: corev1.ProtocolTCP},
			{Name: AdminPortName, ContainerPort: AdminPort, Protocol: corev1.ProtocolTCP},
		},
		Resources: *template.Resources.DeepCopy(),
		SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: new(false),
			ReadOnlyRootFilesystem:   new(true),
			Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		},
		VolumeMounts: []corev1.VolumeMount{
			{Name: "data", MountPath: dataDir},
			{Name: "config", MountPath: configDir, ReadOnly: true},
			{Name: "secret", MountPath: secretDir, ReadOnly: true},
		},
		// /livez is answered without the execution lock, also while the node reads
		// its disk: only a process that hangs fails it, and a minute of that ends
		// it, so that there is proof of its death. /readyz is the node's own word
		// on whether readers are served well.
		StartupProbe:   probe("/livez", 1, 1, 120),
		LivenessProbe:  probe("/livez", 10, 5, 6),
		ReadinessProbe: probe("/readyz", 2, 2, 2),
		// What a node prints last explains its end in `kubectl describe`.
		TerminationMessagePolicy: corev1.TerminationMessageFallbackToLogsOnError,
	}
}

// probe asks the admin port every period; times in seconds.
func probe(path string, period, timeout, failures int32) *corev1.Probe {
	return &corev1.Probe{
		ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{
			Path: path, Port: intstr.FromString(AdminPortName), Scheme: corev1.URISchemeHTTP,
		}},
		PeriodSeconds:    period,
		TimeoutSeconds:   timeout,
		FailureThreshold: failures,
		SuccessThreshold: 1,
	}
}

func podVolumes(group *v1alpha1.ReplicationGroup, member Member) []corev1.Volume {
	data := corev1.Volume{Name: "data", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}
	if NeedsClaim(group, member) {
		data.VolumeSource = corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{
			ClaimName: PodName(group.Name, member.Name),
		}}
	}
	return []corev1.Volume{
		data,
		{Name: "config", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
			LocalObjectReference: corev1.LocalObjectReference{Name: ConfigMapName(group.Name)},
			Items:                []corev1.KeyToPath{{Key: configKey(member.Entry), Path: configFile}},
		}}},
		{Name: "secret", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{
			SecretName:  NodeSecretName(group.Name),
			DefaultMode: new(int32(0o440)),
		}}},
	}
}

// nodeSelector binds a member with a zone to it. A selector is required beside
// whatever affinity the template has, alternatives included.
func nodeSelector(group *v1alpha1.ReplicationGroup, member Member, template *v1alpha1.Template) map[string]string {
	selector := maps.Clone(template.NodeSelector)
	if entry := group.Spec.Entry(member.Entry); entry != nil && entry.Zone != "" {
		selector = merged(selector, map[string]string{corev1.LabelTopologyZone: entry.Zone})
	}
	return selector
}

// affinity prefers Kubernetes nodes that have no member of the group yet.
func affinity(group *v1alpha1.ReplicationGroup, template *v1alpha1.Template) *corev1.Affinity {
	if template.Affinity != nil {
		return template.Affinity.DeepCopy()
	}
	return &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{
		PreferredDuringSchedulingIgnoredDuringExecution: []corev1.WeightedPodAffinityTerm{{
			Weight: 100,
			PodAffinityTerm: corev1.PodAffinityTerm{
				TopologyKey:   corev1.LabelHostname,
				LabelSelector: &metav1.LabelSelector{MatchLabels: GroupSelector(group.Name)},
			},
		}},
	}}
}

func spreadConstraints(group *v1alpha1.ReplicationGroup, template *v1alpha1.Template) []corev1.TopologySpreadConstraint {
	constraints := slices.Clone(template.TopologySpreadConstraints)
	for i := range constraints {
		if constraints[i].LabelSelector == nil {
			constraints[i].LabelSelector = &metav1.LabelSelector{MatchLabels: GroupSelector(group.Name)}
		}
	}
	return constraints
}
