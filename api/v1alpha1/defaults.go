// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// The schema has no defaults (see the package comment); the accessors here say
// what an absent field means. All work on nil.

// DefaultSave is redis.conf's own set of save points.
const DefaultSave = "3600 1 300 100 60 10000"

// PasswordKey is the key of a password Secret that holds the password.
const PasswordKey = "password"

// DeclaredInstances is the number of members that the spec declares, in either
// form.
func (s *ReplicationGroupSpec) DeclaredInstances() int32 {
	if s.Instances != nil {
		return *s.Instances
	}
	var n int32
	for i := range s.Tree {
		n += s.Tree[i].DeclaredCount()
	}
	return n
}

// DeclaredFanout is the most replicas that may feed from one member in the
// instances form; without the field that is all of them.
func (s *ReplicationGroupSpec) DeclaredFanout() int32 {
	if s.Fanout != nil {
		return *s.Fanout
	}
	return max(1, s.DeclaredInstances()-1)
}

// Entry finds a tree entry by name; nil if there is none, as in the instances
// form.
func (s *ReplicationGroupSpec) Entry(name string) *TreeMember {
	for i := range s.Tree {
		if s.Tree[i].Name == name {
			return &s.Tree[i]
		}
	}
	return nil
}

// EntryPersistence is the persistence of an entry's members: its own, or else
// that of the group. The instances form has the one entry "".
func (s *ReplicationGroupSpec) EntryPersistence(name string) *Persistence {
	if entry := s.Entry(name); entry != nil && entry.Persistence != nil {
		return entry.Persistence
	}
	return s.Persistence
}

// OnTotalLoss is the policy for the loss of every copy.
func (s *ReplicationGroupSpec) OnTotalLoss() TotalLossPolicy {
	if s.Failover == nil || s.Failover.OnTotalLoss == "" {
		return TotalLossHalt
	}
	return s.Failover.OnTotalLoss
}

// ServiceAnnotations are the annotations of the client-facing Services.
func (s *ReplicationGroupSpec) ServiceAnnotations() map[string]string {
	if s.Service == nil {
		return nil
	}
	return s.Service.Annotations
}

// DeclaredCount is the number of members of a tree entry.
func (m *TreeMember) DeclaredCount() int32 {
	if m.Count == nil {
		return 1
	}
	return *m.Count
}

// DeclaredMode is what a member keeps on disk.
func (p *Persistence) DeclaredMode() PersistenceMode {
	if p == nil || p.Mode == "" {
		return PersistenceNone
	}
	return p.Mode
}

// SavePoints is the argument of the save directive; "" turns saving off.
func (p *Persistence) SavePoints() string {
	switch {
	case p.DeclaredMode() != PersistenceRDB:
		return ""
	case p.Save == "":
		return DefaultSave
	}
	return p.Save
}

// ReclaimPolicy says what becomes of the claims when the group is deleted.
func (p *Persistence) ReclaimPolicy() ReclaimPolicy {
	if p == nil || p.Volume == nil || p.Volume.Reclaim == "" {
		return ReclaimRetain
	}
	return p.Volume.Reclaim
}
