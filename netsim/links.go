package netsim

import (
	"slices"
	"strings"

	"github.com/seedbed-sim/seedbed/sim"
)

// Links is a set of directed links, as a value: what a rule applies to, a cut
// severs, or a hold stops. The zero Links is all links. No Links holds a link
// from a node to itself, and none holds a client's link unless it names that
// client, or the client at the other end (see the package comment).
//
// Nodes that a constructor is not given are left alone, except where "any" or
// "every other" says so. Lists are copied.
type Links struct{ set *linkSet }

type linkSet struct {
	text   string
	blocks []block      // the set is their union
	ring   []sim.NodeID // or each of these and those that it does not hear
}

// block is all links from one side to the other.
type block struct{ from, to side }

// side is a list of nodes, or all of them.
type side struct {
	any bool
	ids []sim.NodeID
}

var anyNode = side{any: true}

// All is every link.
func All() Links { return Links{} }

// From is the links from ids to any node: "n1,n2→*".
func From(ids ...sim.NodeID) Links { return links(list(ids)+"→*", block{nodes(ids), anyNode}) }

// To is the links from any node to ids: "*→n1,n2".
func To(ids ...sim.NodeID) Links { return links("*→"+list(ids), block{anyNode, nodes(ids)}) }

// OneWay is the links from nodes of from to nodes of to: "n1→n2,n3".
func OneWay(from, to []sim.NodeID) Links {
	return links(list(from)+"→"+list(to), block{nodes(from), nodes(to)})
}

// Between is the links from nodes of a to nodes of b, and back: "n1↔n2,n3".
func Between(a, b []sim.NodeID) Links {
	return links(list(a)+"↔"+list(b), block{nodes(a), nodes(b)}, block{nodes(b), nodes(a)})
}

// Isolate is the links between each of ids and every other node: "n1,n2 alone".
func Isolate(ids ...sim.NodeID) Links {
	return links(list(ids)+" alone", block{nodes(ids), anyNode}, block{anyNode, nodes(ids)})
}

// Groups is the links between nodes of different groups: "n1,n2|n3,n4,n5".
func Groups(groups ...[]sim.NodeID) Links {
	var text []string
	var blocks []block
	for i, g := range groups {
		text = append(text, list(g))
		if others := slices.Concat(slices.Concat(groups[:i]...), slices.Concat(groups[i+1:]...)); len(others) > 0 {
			blocks = append(blocks, block{nodes(g), nodes(others)})
		}
	}
	return links(strings.Join(text, "|"), blocks...)
}

// Bridge is the links between left and right; both still reach the nodes of
// bridge: "n1,n2|(n3)|n4,n5".
func Bridge(left, bridge, right []sim.NodeID) Links {
	l := Groups(left, right)
	return links(list(left)+"|("+list(bridge)+")|"+list(right), l.set.blocks...)
}

// Ring leaves each of ids, arranged in a circle, hearing only the nearest
// nodes that make up a majority of ids with itself, so that every node hears a
// majority and no two hear the same: "ring n1,n2,n3,n4,n5". It is the
// majorities ring of Jepsen (jepsen.nemesis, majorities-ring).
func Ring(ids ...sim.NodeID) Links {
	return Links{&linkSet{text: "ring " + list(ids), ring: slices.Clone(ids)}}
}

// String is fit for a trace; the constructors show their forms.
func (l Links) String() string {
	if l.set == nil {
		return "all"
	}
	return l.set.text
}

// Has reports whether the set holds the link between two nodes that are no
// clients.
func (l Links) Has(from, to sim.NodeID) bool {
	a := l.compile()
	return a.has(from, to, 0)
}

func links(text string, blocks ...block) Links { return Links{&linkSet{text: text, blocks: blocks}} }

func nodes(ids []sim.NodeID) side { return side{ids: slices.Clone(ids)} }

func list(ids []sim.NodeID) string {
	text := make([]string, len(ids))
	for i, id := range ids {
		text[i] = id.String()
	}
	return strings.Join(text, ",")
}

// area is a Links made ready for the hot path.
type area struct {
	all    bool
	blocks []struct{ from, to nodeSet }
	named  nodeSet
	ring   circle
}

func (l Links) compile() area {
	if l.set == nil {
		return area{all: true}
	}
	a := area{ring: newCircle(l.set.ring)}
	for _, b := range l.set.blocks {
		a.blocks = append(a.blocks, struct{ from, to nodeSet }{b.from.set(), b.to.set()})
		a.named.add(b.from.ids)
		a.named.add(b.to.ids)
	}
	return a
}

func (a *area) has(from, to sim.NodeID, clients ends) bool {
	if from == to {
		return false
	}
	if a.all {
		return clients == 0
	}
	if a.ring.n > 0 {
		return a.ring.severs(from, to)
	}
	for i := range a.blocks {
		if b := &a.blocks[i]; b.from.has(from) && b.to.has(to) {
			return clients == 0 ||
				clients&fromClient != 0 && a.named.has(from) ||
				clients&toClient != 0 && a.named.has(to)
		}
	}
	return false
}

// circle is what Ring makes of a list, with a place for each node, since the list of those that a node does not hear is half
// as long.
type circle struct {
	n     int
	place []int32 // by node: from 1 on; 0 is not in the circle
}

func newCircle(ids []sim.NodeID) (c circle) {
	c.n = len(ids)
	for i, id := range ids {
		if id <= sim.Nobody {
			continue
		}
		if int(id) >= len(c.place) {
			c.place = append(c.place, make([]int32, int(id)+1-len(c.place))...)
		}
		c.place[id] = int32(i + 1)
	}
	return c
}

// severs reports whether one of the circle does not hear another. The majority that it hears begins majority/2 places before
// it.
func (c *circle) severs(from, to sim.NodeID) bool {
	if int(from) >= len(c.place) || int(to) >= len(c.place) || from < 0 || to < 0 {
		return false
	}
	f, t := int(c.place[from]), int(c.place[to])
	majority := c.n/2 + 1
	return f > 0 && t > 0 && (f-t+majority/2+c.n)%c.n >= majority
}

// nodeSet is a bit set of nodes.
type nodeSet struct {
	any   bool // all nodes, whatever words say
	words []uint64
}

func (s side) set() (n nodeSet) {
	n.any = s.any
	n.add(s.ids)
	return n
}

// add leaves out ids that no node can have.
func (s *nodeSet) add(ids []sim.NodeID) {
	for _, id := range ids {
		if id <= sim.Nobody {
			continue
		}
		if w := int(id) / 64; w >= len(s.words) {
			s.words = append(s.words, make([]uint64, w+1-len(s.words))...)
		}
		s.words[id/64] |= 1 << (id % 64)
	}
}

func (s *nodeSet) has(id sim.NodeID) bool {
	if s.any {
		return true
	}
	w := uint(id) / 64
	return w < uint(len(s.words)) && s.words[w]>>(uint(id)%64)&1 != 0
}
