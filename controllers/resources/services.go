// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package resources

import (
	"maps"
	"net/netip"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/espalier-io/espalier/api/v1alpha1"
)

// NodesServiceName is the headless Service that gives pods their stable names.
func NodesServiceName(group string) string { return group + "-nodes" }

// Services are the four Services of a group: <group> leads to the master,
// <group>-ro to ready replicas, <group>-any to every ready member, and
// <group>-nodes names each pod whether it is ready or not.
func Services(group *v1alpha1.ReplicationGroup) []*corev1.Service {
	// Without a selector no label can put a second master behind it: its
	// addresses come from MasterEndpointSlice alone.
	master := clientService(group, group.Name, nil)
	replicas := clientService(group, group.Name+"-ro", roleSelector(group.Name, RoleReplica))
	all := clientService(group, group.Name+"-any", GroupSelector(group.Name))

	nodes := service(group, NodesServiceName(group.Name), GroupSelector(group.Name))
	nodes.Spec.ClusterIP = corev1.ClusterIPNone
	nodes.Spec.PublishNotReadyAddresses = true
	nodes.Spec.Ports = append(nodes.Spec.Ports, servicePort(AdminPortName, AdminPort))
	return []*corev1.Service{master, replicas, all, nodes}
}

func clientService(group *v1alpha1.ReplicationGroup, name string, selector map[string]string) *corev1.Service {
	s := service(group, name, selector)
	s.Annotations = maps.Clone(group.Spec.ServiceAnnotations())
	return s
}

func service(group *v1alpha1.ReplicationGroup, name string, selector map[string]string) *corev1.Service {
	return &corev1.Service{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: objectMeta(group, name),
		Spec: corev1.ServiceSpec{
			Type:     corev1.ServiceTypeClusterIP,
			Selector: selector,
			Ports:    []corev1.ServicePort{servicePort(RedisPortName, RedisPort)},
		},
	}
}

func servicePort(name string, port int32) corev1.ServicePort {
	return corev1.ServicePort{Name: name, Port: port, TargetPort: intstr.FromString(name), Protocol: corev1.ProtocolTCP}
}

// MasterEndpoint is the process behind the master's Service.
type MasterEndpoint struct {
	Member string
	PodUID types.UID
	PodIP  string
	Host   string // Kubernetes node, "" if unknown
}

// EndpointSliceManager marks the slices that the operator writes.
const EndpointSliceManager = "espalier.io"

// MasterSliceName is the name of the one EndpointSlice of the master's Service.
func MasterSliceName(group string) string { return group + "-master" }

// MasterEndpointSlice puts one address behind the master's Service, or none
// when master is nil. One write changes address and epoch together, so there is
// no moment with two masters behind it. addressType is that of AddressType, or
// for none that of the slice that is there: it cannot change.
func MasterEndpointSlice(group *v1alpha1.ReplicationGroup, epoch int64, addressType discoveryv1.AddressType, master *MasterEndpoint) *discoveryv1.EndpointSlice {
	meta := objectMeta(group, MasterSliceName(group.Name))
	meta.Labels[discoveryv1.LabelServiceName] = group.Name
	meta.Labels[discoveryv1.LabelManagedBy] = EndpointSliceManager
	meta.Annotations = map[string]string{AnnotationEpoch: strconv.FormatInt(epoch, 10)}
	slice := &discoveryv1.EndpointSlice{
		TypeMeta:    metav1.TypeMeta{APIVersion: "discovery.k8s.io/v1", Kind: "EndpointSlice"},
		ObjectMeta:  meta,
		AddressType: addressType,
		Endpoints:   []discoveryv1.Endpoint{},
		Ports: []discoveryv1.EndpointPort{{
			Name: new(RedisPortName), Port: new(int32(RedisPort)), Protocol: new(corev1.ProtocolTCP),
		}},
	}
	if master == nil {
		return slice
	}
	endpoint := discoveryv1.Endpoint{
		Addresses: []string{master.PodIP},
		Conditions: discoveryv1.EndpointConditions{
			Ready: new(true), Serving: new(true), Terminating: new(false),
		},
		TargetRef: &corev1.ObjectReference{
			Kind: "Pod", Namespace: group.Namespace, Name: PodName(group.Name, master.Member), UID: master.PodUID,
		},
	}
	if master.Host != "" {
		endpoint.NodeName = new(master.Host)
	}
	slice.Endpoints = append(slice.Endpoints, endpoint)
	return slice
}

// AddressType is the kind of slice that an address needs; what is no IPv6
// address counts as IPv4.
func AddressType(ip string) discoveryv1.AddressType {
	if addr, err := netip.ParseAddr(ip); err == nil && addr.Unmap().Is6() {
		return discoveryv1.AddressTypeIPv6
	}
	return discoveryv1.AddressTypeIPv4
}
