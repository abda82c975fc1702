package checkers

import (
	"fmt"
	"slices"
	"strings"
)

// edgeKind is why a transaction comes before another; edgeKinds are a set of them.
type edgeKind uint8

const (
	edgeWW    edgeKind = 1 << iota // appends to a list before the other one does
	edgeWR                         // appends what the other one reads
	edgeRW                         // reads a list without what the other one appends to it
	edgeFirst                      // rw, but it appends too: if not ww as well, then it loses an update
	edgeOrder                      // ends before the other one begins
	edgeOn                         // from a helper on: the edge that led there goes on, and says what kind it is
)

// edgeData are the kinds that have to do with lists.
const edgeData = edgeWW | edgeWR | edgeRW | edgeFirst

// txnEdge is from a transaction to one that comes after it in every serial order, directly or through helpers.
type txnEdge struct {
	from, to int32
	why      int32 // the append that the other transaction makes, or which it reads; none, if there is none
	kind     edgeKind
}

// txnGraph has the edges of a history, or some of them, as lists of successors. What it says of components is that an edge
// never leads to one with a higher number.
type txnGraph struct {
	start []int32 // by node: where its edges are in to and edge; one more in the end
	to    []int32
	edge  []int32 // its number in the history
	comp  []int32 // by node: its strongly connected component
}

// newTxnGraph makes a graph of n edges, the i-th of which is from one node to another, and has a number.
func newTxnGraph(nodes, n int, at func(i int) (from, to, edge int32)) *txnGraph {
	g := &txnGraph{start: make([]int32, nodes+2), to: make([]int32, n), edge: make([]int32, n)}
	for i := range n {
		from, _, _ := at(i)
		g.start[from+2]++
	}
	for v := 2; v < len(g.start); v++ {
		g.start[v] += g.start[v-1]
	}
	for i := range n {
		from, to, edge := at(i)
		j := g.start[from+1]
		g.start[from+1]++
		g.to[j], g.edge[j] = to, edge
	}
	g.start = g.start[:nodes+1]
	return g
}

// components finds the strongly connected components (Tarjan, "Depth-First Search and Linear Graph Algorithms", SIAM J.
// Comput. 1972), without recursion. It is false if each node is one of its own.
func (g *txnGraph) components() (cyclic bool) {
	n := int32(len(g.start) - 1)
	g.comp = make([]int32, n)
	var (
		index = make([]int32, n) // from 1 in the order of discovery
		low   = make([]int32, n)
		at    = make([]int32, n) // the next edge to follow
		open  []int32            // Tarjan's stack
		path  []int32
		found int32
		comps int32
	)
	for root := range n {
		if index[root] != 0 {
			continue
		}
		path = append(path, root)
		for len(path) > 0 {
			v := path[len(path)-1]
			if index[v] == 0 {
				found++
				index[v], low[v], at[v] = found, found, g.start[v]
				open = append(open, v)
			}
			deeper := false
			for at[v] < g.start[v+1] {
				w := g.to[at[v]]
				at[v]++
				if index[w] == 0 {
					path = append(path, w)
					deeper = true
					break
				}
				low[v] = min(low[v], low[w]) // that of a closed component is the highest number there is
			}
			if deeper {
				continue
			}
			path = path[:len(path)-1]
			if low[v] == index[v] {
				for i := len(open) - 1; ; i-- {
					w := open[i]
					low[w], g.comp[w] = n+1, comps
					if w == v {
						cyclic = cyclic || i < len(open)-1
						open = open[:i]
						break
					}
				}
				comps++
			}
			if len(path) > 0 {
				u := path[len(path)-1]
				low[u] = min(low[u], low[v])
			}
		}
	}
	return cyclic
}

// cycles finds cycles of each kind. A history without any costs one walk over the graph.
func (h *txnHistory) cycles() {
	all := newTxnGraph(h.nodes(), len(h.edges), func(i int) (from, to, edge int32) {
		e := &h.edges[i]
		return e.from, e.to, int32(i)
	})
	if !all.components() {
		return
	}
	n := h.nodes()
	s := &txnSearch{txnHistory: h, met: make([]int32, 2*n), by: make([]int32, 2*n), spot: make([]int32, n)}
	within := s.choose(all, all.edge, edgeData|edgeOrder)
	if data := s.graph(within, edgeData); data.components() {
		s.climb(s.choose(data, within, edgeData), 0)
	}
	if slices.ContainsFunc(h.edges, func(e txnEdge) bool { return e.kind == edgeOrder }) {
		s.climb(within, edgeOrder)
	}
}

func (h *txnHistory) nodes() int { return len(h.txns) + int(h.helpers) }

// txnSearch looks for small cycles.
type txnSearch struct {
	*txnHistory
	met   []int32 // by node: the last search that met it
	by    []int32 // the edge that it was met by, as a place in the graph
	now   int32
	left  int // how many edges may still be followed before a search for something smaller begins
	level []int32
	next  []int32
	spot  []int32 // by transaction: its place in the walk that is taken apart
}

// searchBudget is how many edges the search for the smallest cycle of a kind follows before it makes do with what it has.
const searchBudget = 4_000_000

// choose returns those of these edges that have some kind and lead nowhere out of their component, in their order in the
// history.
func (s *txnSearch) choose(g *txnGraph, edges []int32, kinds edgeKind) []int32 {
	var chosen []int32
	for _, i := range edges {
		if e := &s.edges[i]; e.kind&(kinds|edgeOn) != 0 && g.comp[e.from] == g.comp[e.to] {
			chosen = append(chosen, i)
		}
	}
	slices.Sort(chosen)
	return chosen
}

// graph has those of these edges that have some kind.
func (s *txnSearch) graph(edges []int32, kinds edgeKind) *txnGraph {
	chosen := slices.DeleteFunc(slices.Clone(edges), func(i int32) bool { return s.edges[i].kind&(kinds|edgeOn) == 0 })
	return newTxnGraph(s.nodes(), len(chosen), func(i int) (from, to, edge int32) {
		e := &s.edges[chosen[i]]
		return e.from, e.to, chosen[i]
	})
}

// twofold has these edges in two layers, the nodes of which are 2v and 2v+1. Those of kind rw lead from the first layer to
// the second. The others lead from each layer back to the first, or, if stay, to where they come from; so do those of kind
// rw in the second layer then, which has none otherwise.
func (s *txnSearch) twofold(edges []int32, stay bool) *txnGraph {
	type layered struct{ from, to, edge int32 }
	var all []layered
	for _, i := range edges {
		e := &s.edges[i]
		from, to := 2*e.from, 2*e.to
		switch {
		case e.kind == edgeRW && stay:
			all = append(all, layered{from, to + 1, i}, layered{from + 1, to + 1, i})
		case e.kind == edgeRW:
			all = append(all, layered{from, to + 1, i})
		case e.kind == edgeOn || stay:
			all = append(all, layered{from, to, i}, layered{from + 1, to + 1, i})
		default:
			all = append(all, layered{from, to, i}, layered{from + 1, to, i})
		}
	}
	return newTxnGraph(2*s.nodes(), len(all), func(i int) (from, to, edge int32) {
		return all[i].from, all[i].to, all[i].edge
	})
}

// climb looks for cycles among these edges, which each lead nowhere out of their component, from the worst kind on. With
// an order, it looks only for kinds that there are none of without.
func (s *txnSearch) climb(edges []int32, order edgeKind) {
	missing := func(kinds ...AnomalyKind) bool {
		return order == 0 || !slices.ContainsFunc(kinds, func(k AnomalyKind) bool { return s.found[k][DataOrder] != nil })
	}

	if missing(G0) {
		if g := s.graph(edges, edgeWW|order); g.components() {
			s.hunt(edges, edgeWW, g, 1, 0, G0)
		}
	}
	g := s.graph(edges, edgeWW|edgeWR|order)
	if g.components() && missing(G1c) {
		s.hunt(edges, edgeWR, g, 1, 0, G1c)
	}
	g = s.graph(edges, edgeWW|edgeWR|edgeFirst|order)
	g.components()
	if missing(GSingle, LostUpdate) {
		s.hunt(edges, edgeRW, g, 1, 0, GSingle)
		s.hunt(edges, edgeFirst, g, 1, 0, GSingle)
	}
	// In these two layers no two rw follow on one another, so that a cycle is one that snapshot isolation excludes.
	if missing(GNonadjacent) {
		if g := s.twofold(edges, false); g.components() {
			s.hunt(edges, edgeRW, g, 2, 1, GNonadjacent)
		}
	}
	// In these the second one is reached by another rw than the one that the search begins with, or by the same one again.
	// So each search finds something, if only a cycle of another kind that the ones above have given up on.
	if missing(G2, WriteSkew) {
		s.hunt(edges, edgeRW, s.twofold(edges, true), 2, 0, G2)
	}
}

// hunt closes cycles: each begins with one of those edges that have this kind, and goes on in g to where the edge comes
// from. In a g of two layers the edge leads to the given one. A cycle of kind is sought, and those of other kinds that turn
// up are recorded as well.
func (s *txnSearch) hunt(edges []int32, kind edgeKind, g *txnGraph, layers, layer int32, sought AnomalyKind) {
	for s.left = searchBudget; len(edges) > 0 && s.left > 0; edges = edges[1:] {
		e := &s.edges[edges[0]]
		if e.kind != kind {
			continue
		}
		from, to := layers*e.to, layers*e.from
		if layers == 2 {
			from += layer
			if sought == G2 {
				to++ // having met another rw
			}
		}
		limit := s.smallest(sought)
		if limit == 2 {
			return
		}
		if walk := s.path(g, from, to, layers, limit); walk != nil {
			s.record(append([]int32{edges[0]}, walk...))
		}
	}
}

// smallest is how many transactions the smallest cycle of a kind has so far, or of what is a special case of it.
func (s *txnSearch) smallest(kind AnomalyKind) int {
	size := int(^uint(0) >> 1)
	for _, f := range s.found[kind] {
		if f != nil {
			size = min(size, f.size)
		}
	}
	return size
}

// path is a shortest one, as edges of the history, for a cycle of fewer transactions than the limit; nil if there is none.
func (s *txnSearch) path(g *txnGraph, from, to, layers int32, limit int) []int32 {
	if g.comp != nil && g.comp[from] < g.comp[to] {
		return nil
	}
	s.now++
	s.met[from] = s.now
	s.level = append(s.level[:0], from)
	size := 1 // transactions in the cycle, including the one of this level
	if s.isHelper(from / layers) {
		size = 0
	}
	for size < limit && len(s.level) > 0 {
		s.next = s.next[:0]
		for i := 0; i < len(s.level); i++ {
			v := s.level[i]
			if v == to {
				return s.back(g, from, to, layers)
			}
			for j := g.start[v]; j < g.start[v+1]; j++ {
				s.left--
				w := g.to[j]
				if s.met[w] == s.now || g.comp != nil && g.comp[w] < g.comp[to] {
					continue
				}
				s.met[w], s.by[w] = s.now, j
				if s.isHelper(w / layers) {
					s.level = append(s.level, w) // on the way, at no cost
				} else {
					s.next = append(s.next, w)
				}
			}
		}
		s.level, s.next = s.next, s.level
		size++
	}
	return nil
}

func (s *txnSearch) isHelper(v int32) bool { return int(v) >= len(s.txns) }

// back follows a path from its end.
func (s *txnSearch) back(g *txnGraph, from, to, layers int32) []int32 {
	walk := []int32{}
	for v := to; v != from; {
		j := s.by[v]
		e := g.edge[j]
		walk = append(walk, e)
		u := layers * s.edges[e].from
		for ; g.start[u] > j || j >= g.start[u+1]; u++ { // the layer that has this edge
		}
		v = u
	}
	slices.Reverse(walk)
	return walk
}

// record takes a closed walk apart into cycles that meet each transaction once, and keeps those that are the smallest of
// their kind. If there are no two rw in a row in the walk, then one of these cycles has none either: where a cycle that
// ends and begins with rw is taken out, the walk had something else before and after.
func (s *txnSearch) record(walk []int32) {
	var open []txnEdge // from one transaction to the next
	for n, i := range walk {
		if e := s.edges[i]; e.kind != edgeOn {
			s.spot[e.from] = int32(len(open))
			open = append(open, e)
		} else {
			last := &open[len(open)-1]
			last.to = e.to
			if e.why != none {
				last.why = e.why
			}
		}
		if n+1 < len(walk) && s.edges[walk[n+1]].kind == edgeOn {
			continue
		}
		// Where an edge leads to a transaction that is open, the ones from there on are a cycle.
		to := open[len(open)-1].to
		if i := int(s.spot[to]); i < len(open) && open[i].from == to {
			s.keep(open[i:])
			open = open[:i]
		}
	}
}

// keep records a cycle if it is the smallest of its kind.
func (s *txnSearch) keep(cycle []txnEdge) {
	kind, order := s.classify(cycle)
	if f := s.found[kind][order]; f != nil && f.size <= len(cycle) {
		return
	}
	least := 0
	for i, l := range cycle {
		if l.from < cycle[least].from {
			least = i
		}
	}
	cycle = slices.Concat(cycle[least:], cycle[:least]) // who was invoked first comes first
	size, shown := len(cycle), cycle
	left := size - explained // what is left out, in the middle
	if left > 0 {
		shown = slices.Concat(cycle[:explained/2], cycle[explained/2+left:])
	}
	var keys []*listKey
	for _, l := range shown {
		if k := s.key(l); k != nil && !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	s.found[kind][order] = &txnFinding{size: size, keys: keys, tell: func() (string, []int32) {
		var txns []int32
		var sentences []string
		for i, l := range shown {
			if left > 0 && i == explained/2 {
				sentences = append(sentences, fmt.Sprintf("(%d more)", left))
			}
			txns = append(txns, l.from)
			sentences = append(sentences, s.sentence(l, order))
		}
		return strings.Join(sentences, "; "), txns
	}}
}

func (s *txnSearch) key(l txnEdge) *listKey {
	if l.why == none {
		return nil
	}
	return &s.keys[s.appends[l.why].key]
}

func (s *txnSearch) classify(cycle []txnEdge) (AnomalyKind, TxnOrder) {
	order := DataOrder
	wr, rw, first, adjacent := 0, 0, 0, false
	for i, l := range cycle {
		switch l.kind {
		case edgeOrder:
			order = s.order
		case edgeWR:
			wr++
		case edgeFirst:
			first++
		case edgeRW:
			rw++
			adjacent = adjacent || cycle[(i+1)%len(cycle)].kind == edgeRW
		}
	}
	oneKey := !slices.ContainsFunc(cycle, func(l txnEdge) bool { return s.key(l) != s.key(cycle[0]) })
	switch {
	case rw+first+wr == 0:
		return G0, order
	case rw+first == 0:
		return G1c, order
	case wr == 0 && oneKey && order == DataOrder: // all append, and who did it last has not read what came before
		return LostUpdate, order
	case rw <= 1:
		return GSingle, order
	case !adjacent:
		return GNonadjacent, order
	case len(cycle) == 2:
		return WriteSkew, order
	default:
		return G2, order
	}
}

// sentence says why a transaction comes before the next one.
func (s *txnSearch) sentence(l txnEdge, order TxnOrder) string {
	from, to := s.name(l.from), s.name(l.to)
	if l.kind == edgeOrder {
		a, b := s.txns[l.from].op, s.txns[l.to].op
		if order == SessionOrder {
			return fmt.Sprintf("%v ended %s before it began %s", a.Client, from, to)
		}
		return fmt.Sprintf("%s ended at step %d, before %s began at step %d", from, a.Return, to, b.Call)
	}
	k, element := s.key(l), s.appends[l.why].element
	switch l.kind {
	case edgeWW:
		return fmt.Sprintf("%s appended %d to %s before %s appended %d", from, s.before(k, l), k.name, to, element)
	case edgeWR:
		return fmt.Sprintf("%s appended %d to %s, which %s read", from, element, k.name, to)
	case edgeFirst:
		return fmt.Sprintf("%s read %s without %d, which %s appended, and appended to it as well", from, k.name, element, to)
	default:
		return fmt.Sprintf("%s read %s without %d, which %s appended", from, k.name, element, to)
	}
}

// before is what the first transaction appended last before the other one's element.
func (s *txnSearch) before(k *listKey, l txnEdge) int {
	i := s.appends[l.why].at
	if i == none {
		i = int32(k.settled)
	}
	for i--; s.appends[k.order[i]].txn != l.from; i-- {
	}
	return s.appends[k.order[i]].element
}
