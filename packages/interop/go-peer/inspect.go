package peer

import (
	"net"
	"reflect"
	"sync"
	"time"
	"unsafe"

	"github.com/hashicorp/memberlist"
)

// What follows reads fields that memberlist keeps to itself: the states of all nodes, the suspect, dead and left ones
// too, with the time of each change. No exported function tells them. The version in go.mod is fixed, and a missing
// field is a panic with its name.

var stateNames = map[memberlist.NodeStateType]string{
	memberlist.StateAlive:   "alive",
	memberlist.StateSuspect: "suspect",
	memberlist.StateDead:    "dead",
	memberlist.StateLeft:    "left",
}

type nodeView struct {
	node        memberlist.Node
	state       memberlist.NodeStateType
	incarnation uint32
	changed     time.Time
}

func hidden[T any](owner any, name string) *T {
	field := reflect.ValueOf(owner).Elem().FieldByName(name)
	if !field.IsValid() {
		panic("memberlist has no field " + name)
	}
	return (*T)(unsafe.Pointer(field.UnsafeAddr()))
}

// inspect returns all nodes that m knows, as it sees them.
func inspect(m *memberlist.Memberlist) []nodeView {
	lock := hidden[sync.RWMutex](m, "nodeLock")
	lock.RLock()
	defer lock.RUnlock()
	nodes := reflect.ValueOf(m).Elem().FieldByName("nodes")
	views := make([]nodeView, nodes.Len())
	for i := range views {
		state := reflect.NewAt(nodes.Index(i).Type().Elem(), nodes.Index(i).UnsafePointer()).Interface()
		views[i] = nodeView{
			node:        *hidden[memberlist.Node](state, "Node"),
			state:       *hidden[memberlist.NodeStateType](state, "State"),
			incarnation: *hidden[uint32](state, "Incarnation"),
			changed:     *hidden[time.Time](state, "StateChange"),
		}
	}
	return views
}

func describe(n *memberlist.Node) map[string]any {
	return map[string]any{
		"name": n.Name,
		"addr": net.IP(n.Addr).String(),
		"port": n.Port,
		"meta": nonNil(n.Meta),
		"vsn":  []int{int(n.PMin), int(n.PMax), int(n.PCur), int(n.DMin), int(n.DMax), int(n.DCur)},
	}
}

func (v *nodeView) describe() map[string]any {
	fields := describe(&v.node)
	fields["state"] = stateNames[v.state]
	fields["incarnation"] = v.incarnation
	return fields
}

// watch reports every change of a node's state, with the time at which memberlist made it.
func (p *peer) watch(m *memberlist.Memberlist, stop <-chan struct{}) {
	type seen struct {
		state       memberlist.NodeStateType
		changed     time.Time
		incarnation uint32
	}
	last := map[string]seen{}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		present := map[string]bool{}
		for _, v := range inspect(m) {
			present[v.node.Name] = true
			now := seen{v.state, v.changed, v.incarnation}
			before, known := last[v.node.Name]
			if known && before == now {
				continue
			}
			last[v.node.Name] = now
			at := v.changed
			if known && before.changed.Equal(v.changed) {
				at = time.Now()
			}
			p.out.eventAt("state", at, map[string]any{
				"name": v.node.Name, "state": stateNames[v.state], "incarnation": v.incarnation,
			})
		}
		for name := range last {
			if !present[name] {
				delete(last, name)
				p.out.Event("state", map[string]any{"name": name, "state": "forgotten", "incarnation": 0})
			}
		}
	}
}
