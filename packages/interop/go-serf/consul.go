package main

import (
	"fmt"

	"github.com/hashicorp/serf/serf"
)

// lanPool refuses a merge for the reasons for which a Consul agent does in its LAN pool: a member's tags name another datacenter or
// segment than this agent's, or a node ID that is taken.
type lanPool struct {
	name string
	tags map[string]string
}

func (p *lanPool) NotifyMerge(members []*serf.Member) error {
	owners := map[string]string{p.tags["id"]: p.name}
	for _, m := range members {
		if id := m.Tags["id"]; id != "" && m.Status != serf.StatusLeft {
			if owner, taken := owners[id]; taken && owner != m.Name {
				return fmt.Errorf("%s has the node ID of %s", m.Name, owner)
			}
			owners[id] = m.Name
		}
		if role := m.Tags["role"]; (role == "node" || role == "consul") && m.Tags["dc"] != p.tags["dc"] {
			return fmt.Errorf("%s is in datacenter %q", m.Name, m.Tags["dc"])
		}
		if m.Tags["segment"] != p.tags["segment"] {
			return fmt.Errorf("%s is in segment %q", m.Name, m.Tags["segment"])
		}
	}
	return nil
}
