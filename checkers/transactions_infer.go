package checkers

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/seedbed-sim/seedbed/sim"
)

// txnHistory is a history of transactions, and what is inferred from it.
type txnHistory struct {
	txns    []txn // in order of invocation
	keys    []listKey
	appends []listAppend // in order of invocation
	reads   []listRead   // in order of invocation
	byKey   struct{ appends, reads []int32 }

	edges   []txnEdge
	helpers int32    // nodes of the graph that are no transactions; their numbers follow those of the transactions
	order   TxnOrder // what edges of kind order stand for

	found [anomalyKinds][txnOrders]*txnFinding // the smallest of each
	stamp []int32                              // by append or transaction: the last round in which it was met
	round int32
}

// none is no append, no transaction, no place.
const none = -1

type txn struct {
	op        *sim.Op
	committed bool // it ended well, or somebody read what it appended
}

type listKey struct {
	name    string
	appends []int32 // by element
	reads   []int32
	longest []int   // the longest list that was read
	by      int32   // the transaction that read it
	order   []int32 // the appends that longest consists of; none: nobody's
	settled int     // up to here all reads that get so far agree, and each element is somebody's, and there once

	// The appends of the transaction that is being read.
	txn, count, first, last int32
}

type listAppend struct {
	element  int
	key, txn int32
	seq      int32 // how many its transaction has for this key before it
	next     int32 // its transaction's next one for this key
	at       int32 // its place in the settled part of the order
}

// listRead is a read by a committed transaction. The elements that it has appended itself are mostly at the end of what it
// reads, and then are not in list: others may come to be before them until it commits.
type listRead struct {
	list     []int
	mine     int32 // how many of its own come after list
	key, txn int32
	own      int32 // how many appends its transaction has for this key before it
	first    int32 // the first append of its transaction for this key, before it or after
}

// whole is the list as it was read.
func (r *listRead) whole() []int { return r.list[:len(r.list)+int(r.mine)] }

// txnOf is what a transaction did: its output, if it has one.
func txnOf(op *sim.Op) Txn {
	done := op.Input
	if op.Output != nil {
		done = op.Output
	}
	t, ok := done.(Txn)
	if !ok {
		panic(fmt.Sprintf("checkers: %T is not a transaction", done))
	}
	return t
}

func byInvocation(a, b *sim.Op) int {
	return cmp.Or(cmp.Compare(a.Call, b.Call), cmp.Compare(a.ID, b.ID))
}

// readTxns sorts out what a history consists of. Lists are not copied.
func readTxns(ops []*sim.Op) *txnHistory {
	if !slices.IsSortedFunc(ops, byInvocation) {
		ops = slices.Clone(ops)
		slices.SortFunc(ops, byInvocation)
	}
	appends, reads := 0, 0
	for _, op := range ops {
		for _, m := range txnOf(op) {
			if _, ok := m.(ListAppend); ok {
				appends++
			} else {
				reads++
			}
		}
	}
	h := &txnHistory{
		txns:    make([]txn, len(ops)),
		appends: make([]listAppend, 0, appends),
		reads:   make([]listRead, 0, reads),
		edges:   make([]txnEdge, 0, appends+2*reads),
	}
	byName := make(map[string]int32)
	key := func(name string) int32 {
		k, ok := byName[name]
		if !ok {
			k = int32(len(h.keys))
			byName[name] = k
			h.keys = append(h.keys, listKey{name: name, by: none, txn: none})
		}
		return k
	}
	for i, op := range ops {
		if op.Outcome == sim.OK && op.Return < op.Call {
			panic(fmt.Sprintf("checkers: T%d of %v ends at step %d, before it began at %d", op.ID, op.Client, op.Return, op.Call))
		}
		t := int32(i)
		h.txns[t] = txn{op: op, committed: op.Outcome == sim.OK}
		read := len(h.reads)
		for _, m := range txnOf(op) {
			switch m := m.(type) {
			case ListAppend:
				h.append(t, key(m.Key), m.Element)
			case ListRead:
				if op.Outcome == sim.OK && op.Output != nil {
					h.read(t, key(m.Key), m.List)
				}
			default:
				panic(fmt.Sprintf("checkers: %T is no operation of a transaction", m))
			}
		}
		for i := read; i < len(h.reads); i++ {
			if k := &h.keys[h.reads[i].key]; k.txn == t {
				h.reads[i].first = k.first
			}
		}
	}
	h.group()
	h.stamp = make([]int32, max(len(h.appends), len(h.txns)))
	return h
}

func (h *txnHistory) append(t, key int32, element int) {
	k, id := &h.keys[key], int32(len(h.appends))
	if k.txn != t {
		k.txn, k.count, k.first = t, 0, id
	} else {
		h.appends[k.last].next = id
	}
	h.appends = append(h.appends, listAppend{element: element, key: key, txn: t, seq: k.count, next: none, at: none})
	k.count++
	k.last = id
}

func (h *txnHistory) read(t, key int32, list []int) {
	r := listRead{list: list, key: key, txn: t, first: none}
	if k := &h.keys[key]; k.txn == t {
		r.own = k.count
		if others := len(list) - int(r.own); others >= 0 {
			id := k.first
			for i := others; i < len(list) && h.appends[id].element == list[i]; i++ {
				id = h.appends[id].next
				r.mine++
			}
			if r.mine < r.own {
				r.mine = 0
			}
			r.list = list[:len(list)-int(r.mine)]
		}
	}
	h.reads = append(h.reads, r)
}

// group gives each key its appends and reads.
func (h *txnHistory) group() {
	h.byKey.appends = make([]int32, len(h.appends))
	h.byKey.reads = make([]int32, len(h.reads))
	appends, reads := make([]int32, len(h.keys)), make([]int32, len(h.keys))
	for i := range h.appends {
		appends[h.appends[i].key]++
	}
	for i := range h.reads {
		reads[h.reads[i].key]++
	}
	a, r := int32(0), int32(0)
	for i := range h.keys {
		k := &h.keys[i]
		k.appends = h.byKey.appends[a : a : a+appends[i]]
		k.reads = h.byKey.reads[r : r : r+reads[i]]
		a, r = a+appends[i], r+reads[i]
	}
	for i := range h.appends {
		k := &h.keys[h.appends[i].key]
		k.appends = append(k.appends, int32(i))
	}
	for i := range h.reads {
		k := &h.keys[h.reads[i].key]
		k.reads = append(k.reads, int32(i))
	}
	for i := range h.keys {
		k := &h.keys[i]
		byElement := func(a, b int32) int { return cmp.Compare(h.appends[a].element, h.appends[b].element) }
		if !slices.IsSortedFunc(k.appends, byElement) {
			slices.SortStableFunc(k.appends, byElement)
		}
		for j := 1; j < len(k.appends); j++ {
			a, b := &h.appends[k.appends[j-1]], &h.appends[k.appends[j]]
			if a.element == b.element {
				panic(fmt.Sprintf("checkers: %d is appended to %s by %s and by %s", a.element, k.name, h.name(a.txn), h.name(b.txn)))
			}
		}
	}
}

// appended is the append that put an element into a list, or none.
func (h *txnHistory) appended(k *listKey, element int) int32 {
	i, ok := slices.BinarySearchFunc(k.appends, element, func(id int32, e int) int {
		return cmp.Compare(h.appends[id].element, e)
	})
	if !ok {
		return none
	}
	return k.appends[i]
}

// settle finds the order of a key's appends, as far as all reads agree on it, and whose appends were read.
func (h *txnHistory) settle(key int32) {
	k := &h.keys[key]
	for _, id := range k.reads {
		if r := &h.reads[id]; k.by == none || len(r.list) > len(k.longest) {
			k.longest, k.by = r.list, r.txn
		}
	}
	k.settled = len(k.longest)
	k.order = make([]int32, len(k.longest))
	dirty := len(k.longest) // the first element of a failed transaction
	h.round++
	for i, e := range k.longest {
		id := h.appended(k, e)
		k.order[i] = id
		switch {
		case id == none || h.stamp[id] == h.round:
			k.settled = min(k.settled, i)
		case h.txns[h.appends[id].txn].op.Outcome == sim.Fail:
			dirty = min(dirty, i)
		default:
			h.txns[h.appends[id].txn].committed = true
		}
		if id != none {
			h.stamp[id] = h.round
		}
	}
	wrong := k.settled // the first element that is nobody's, or a second time there
	for _, id := range k.reads {
		r := &h.reads[id]
		agreed := len(r.list)
		if !slices.Equal(r.list, k.longest[:agreed]) {
			agreed = 0
			for r.list[agreed] == k.longest[agreed] {
				agreed++
			}
			k.settled = min(k.settled, agreed)
			h.incompatible(k, r, agreed)
		}
		if agreed < len(r.list) || agreed > min(wrong, dirty) {
			h.inspect(k, r, agreed)
		}
		if r.first != none {
			h.internal(k, r, agreed)
		}
	}
	for i, id := range k.order[:k.settled] {
		h.appends[id].at = int32(i)
	}
}

// at is the append at a place of a list that was read, the first agreed of which are as in the longest one.
func (h *txnHistory) at(k *listKey, r *listRead, i, agreed int) int32 {
	if i < agreed {
		return k.order[i]
	}
	return h.appended(k, r.list[i])
}

func (h *txnHistory) incompatible(k *listKey, r *listRead, agreed int) {
	h.find(IncompatibleOrder, len(r.list), func() (string, []int32) {
		return fmt.Sprintf("%s read %s as %s, but %s read it with %d in place of %d", h.name(r.txn), k.name, listText(r.whole()),
			h.name(k.by), k.longest[agreed], r.list[agreed]), []int32{r.txn, k.by}
	}, k)
}

// inspect looks at each element of a list that was read.
func (h *txnHistory) inspect(k *listKey, r *listRead, agreed int) {
	h.round++
	for i, e := range r.list {
		id := h.at(k, r, i, agreed)
		switch {
		case id == none:
			h.find(Garbage, len(r.list), func() (string, []int32) {
				return fmt.Sprintf("%s read %d in %s, which nobody appended", h.name(r.txn), e, k.name), []int32{r.txn}
			}, k)
			continue
		case h.stamp[id] == h.round:
			h.duplicate(k, r, &h.appends[id])
		case h.txns[h.appends[id].txn].op.Outcome == sim.Fail:
			w := h.appends[id].txn
			h.find(G1a, len(r.list), func() (string, []int32) {
				return fmt.Sprintf("%s read %d in %s, which %s appended, and %s failed", h.name(r.txn), e, k.name,
					h.name(w), h.name(w)), []int32{w, r.txn}
			}, k)
		default:
			h.txns[h.appends[id].txn].committed = true
		}
		h.stamp[id] = h.round
	}
}

func (h *txnHistory) duplicate(k *listKey, r *listRead, a *listAppend) {
	h.find(Duplicate, len(r.list), func() (string, []int32) {
		return fmt.Sprintf("%s read %d twice in %s", h.name(r.txn), a.element, k.name), []int32{r.txn, a.txn}
	}, k)
}

// internal looks for a transaction's own elements in a list that it read: those appended before, in their order, and no
// others.
func (h *txnHistory) internal(k *listKey, r *listRead, agreed int) {
	expected := r.first // the next of its own
	if r.mine > 0 {
		expected = none
	}
	for i := range r.list {
		id := h.at(k, r, i, agreed)
		if id == none || h.appends[id].txn != r.txn {
			continue
		}
		a := &h.appends[id]
		switch {
		case a.seq >= r.own:
			h.find(Internal, len(r.list), func() (string, []int32) {
				return fmt.Sprintf("%s read %d in %s before it appended it", h.name(r.txn), a.element, k.name), []int32{r.txn}
			}, k)
			return
		case expected == none:
			h.duplicate(k, r, a)
			return
		case id != expected:
			h.find(Internal, len(r.list), func() (string, []int32) {
				return fmt.Sprintf("%s appended %d to %s before %d, and then read it as %s", h.name(r.txn),
					h.appends[expected].element, k.name, a.element, listText(r.whole())), []int32{r.txn}
			}, k)
			return
		}
		expected = a.next
	}
	if r.mine == 0 && expected != none && h.appends[expected].seq < r.own {
		h.find(Internal, len(r.list), func() (string, []int32) {
			return fmt.Sprintf("%s appended %d to %s, and then read it as %s", h.name(r.txn), h.appends[expected].element, k.name,
				listText(r.whole())), []int32{r.txn}
		}, k)
	}
}

// relate finds who comes before whom because of one key.
func (h *txnHistory) relate(key int32) {
	k := &h.keys[key]
	order := make([]int32, 0, k.settled) // of committed appends
	upTo := make([]int32, k.settled+1)   // by place: how many of these are before it
	for i, id := range k.order[:k.settled] {
		if h.txns[h.appends[id].txn].committed {
			order = append(order, id)
		}
		upTo[i+1] = int32(len(order))
	}
	writer := func(i int32) int32 { return h.appends[order[i]].txn }
	end := int32(len(order))
	for i := int32(1); i < end; i++ {
		if writer(i-1) != writer(i) {
			h.edge(writer(i-1), writer(i), edgeWW, order[i])
			continue
		}
		if a, b := &h.appends[order[i-1]], &h.appends[order[i]]; a.seq > b.seq {
			h.find(Internal, len(k.longest), func() (string, []int32) {
				return fmt.Sprintf("%s appended %d to %s before %d, but %s read it after it", h.name(a.txn), b.element, k.name,
					a.element, h.name(k.by)), []int32{a.txn, k.by}
			}, k)
		}
	}

	var whole []int32 // who read all that is settled
	for _, id := range k.reads {
		r := &h.reads[id]
		disputed := len(r.list) > k.settled
		next := upTo[min(len(r.list), k.settled)]
		if next > 0 && writer(next-1) != r.txn {
			h.edge(writer(next-1), r.txn, edgeWR, order[next-1])
			if !disputed && h.intermediate(k, r, &h.appends[order[next-1]]) {
				continue
			}
		}
		switch {
		case disputed:
		case next == end:
			whole = append(whole, r.txn)
		case writer(next) != r.txn: // its own next one comes before others by ww
			h.edge(r.txn, writer(next), edgeRW, order[next])
			h.lost(k, r, order[next])
		}
	}
	h.relateUnread(k, order, whole)
}

// intermediate tells whether a list was read with this append, but without the next one of the same transaction. That is
// no rw: it would name again what is wrong already.
func (h *txnHistory) intermediate(k *listKey, r *listRead, a *listAppend) bool {
	if a.next == none {
		return false
	}
	b := &h.appends[a.next]
	if b.at != none && int(b.at) < len(r.list) {
		return false
	}
	h.find(G1b, len(r.list), func() (string, []int32) {
		return fmt.Sprintf("%s read %s with %d but without %d, both of which %s appended", h.name(r.txn), k.name, a.element,
			b.element, h.name(a.txn)), []int32{a.txn, r.txn}
	}, k)
	return true
}

// lost looks for a lost update: a transaction read a list without this element, and appended to it after it (P4 of
// Berenson et al., "A Critique of ANSI SQL Isolation Levels", SIGMOD 1995).
func (h *txnHistory) lost(k *listKey, r *listRead, missed int32) {
	if r.first == none || r.own > 0 {
		return
	}
	own, other := &h.appends[r.first], &h.appends[missed]
	if own.at != none && own.at < other.at {
		return
	}
	h.find(LostUpdate, 2, func() (string, []int32) {
		return fmt.Sprintf("%s read %s without %d, which %s appended, and then appended %d after it", h.name(r.txn), k.name,
			other.element, h.name(other.txn), own.element), []int32{r.txn, other.txn}
	}, k)
}

// relateUnread puts the committed appends that are not in a key's settled order after all that are.
func (h *txnHistory) relateUnread(k *listKey, order, whole []int32) {
	var unread []int32 // one append of each transaction
	h.round++
	for _, id := range k.appends {
		if a := &h.appends[id]; a.at == none && h.txns[a.txn].committed && h.stamp[a.txn] != h.round {
			h.stamp[a.txn] = h.round
			unread = append(unread, id)
		}
	}
	if len(unread) == 0 {
		return
	}
	if len(order) > 0 {
		last := h.appends[order[len(order)-1]].txn
		for _, id := range unread {
			if t := h.appends[id].txn; t != last {
				h.edge(last, t, edgeWW, id)
			}
		}
	}
	// Each of those who read all comes before each of those who append: a node between them saves most of the edges, but it
	// must not lead from a transaction to itself. So those who do both have another one, which leads to all who do not.
	writing := h.round
	h.round++
	var readers, both []int32
	for _, t := range whole {
		switch h.stamp[t] {
		case h.round: // again
		case writing:
			both = append(both, t)
			h.stamp[t] = h.round
		default:
			readers = append(readers, t)
			h.stamp[t] = h.round
		}
	}
	h.bipartite(readers, unread, edgeRW)
	if len(both) == 0 {
		return
	}
	var mine, others []int32
	for _, id := range unread {
		if t := h.appends[id].txn; h.stamp[t] == writing {
			others = append(others, id)
		} else {
			mine = append(mine, id)
		}
	}
	h.bipartite(both, others, edgeFirst)
	if len(mine) > 1 { // any two of these will do
		a, b := &h.appends[mine[0]], &h.appends[mine[1]]
		h.find(LostUpdate, 2, func() (string, []int32) {
			return fmt.Sprintf("%s read %s without %d, which %s appended, and %s read it without %s's %d", h.name(a.txn), k.name,
				b.element, h.name(b.txn), h.name(b.txn), h.name(a.txn), a.element), []int32{a.txn, b.txn}
		}, k)
	}
}

// bipartite has an edge from each of these transactions to that of each of these appends; no transaction is in both.
func (h *txnHistory) bipartite(readers, unread []int32, kind edgeKind) {
	if len(readers) < 2 || len(unread) < 2 {
		for _, t := range readers {
			for _, id := range unread {
				h.edge(t, h.appends[id].txn, kind, id)
			}
		}
		return
	}
	between := h.helper()
	for _, t := range readers {
		h.edge(t, between, kind, none)
	}
	for _, id := range unread {
		h.edge(between, h.appends[id].txn, edgeOn, id)
	}
}

// inOrder puts transactions after those that ended before they began: all of them, or those of one client.
func (h *txnHistory) inOrder(order TxnOrder) {
	h.order = order
	byClient := make([]int32, 0, len(h.txns))
	for t := range h.txns {
		if h.txns[t].committed {
			byClient = append(byClient, int32(t))
		}
	}
	if order == RealTime {
		h.chain(byClient)
		return
	}
	client := func(t int32) sim.NodeID { return h.txns[t].op.Client }
	slices.SortStableFunc(byClient, func(a, b int32) int { return cmp.Compare(client(a), client(b)) })
	for len(byClient) > 0 {
		n := 1
		for n < len(byClient) && client(byClient[n]) == client(byClient[0]) {
			n++
		}
		h.chain(byClient[:n])
		byClient = byClient[n:]
	}
}

// chain orders transactions, which are sorted by invocation, by a chain of instants: one leads from the instant before it
// began to the one after it ended. So the edges are as many as the transactions, and not as their pairs.
func (h *txnHistory) chain(begin []int32) {
	var ended []int32 // in order of completion; an unknown outcome may have taken effect at any time
	for _, t := range begin {
		if h.txns[t].op.Outcome == sim.OK {
			ended = append(ended, t)
		}
	}
	slices.SortStableFunc(ended, func(a, b int32) int { return cmp.Compare(h.txns[a].op.Return, h.txns[b].op.Return) })
	instant := int32(none)
	for _, t := range begin {
		n := 0
		for n < len(ended) && h.txns[ended[n]].op.Return < h.txns[t].op.Call {
			n++
		}
		if n > 0 {
			before := instant
			instant = h.helper()
			if before != none {
				h.edge(before, instant, edgeOn, none)
			}
			for _, e := range ended[:n] {
				h.edge(e, instant, edgeOrder, none)
			}
			ended = ended[n:]
		}
		if instant != none {
			h.edge(instant, t, edgeOn, none)
		}
	}
}

func (h *txnHistory) edge(from, to int32, kind edgeKind, why int32) {
	h.edges = append(h.edges, txnEdge{from, to, why, kind})
}

func (h *txnHistory) helper() int32 {
	h.helpers++
	return int32(len(h.txns)) + h.helpers - 1
}

func (h *txnHistory) name(t int32) string { return fmt.Sprintf("T%d", h.txns[t].op.ID) }

// txnFinding is the smallest anomaly of its kind so far.
type txnFinding struct {
	size int
	tell func() (proof string, txns []int32)
	keys []*listKey
}

// find records an anomaly, if none of its kind is as small.
func (h *txnHistory) find(kind AnomalyKind, size int, tell func() (string, []int32), keys ...*listKey) {
	if best := h.found[kind][DataOrder]; best == nil || size < best.size {
		h.found[kind][DataOrder] = &txnFinding{size, tell, keys}
	}
}

// anomalies tells what was found.
func (h *txnHistory) anomalies() []Anomaly {
	var all []Anomaly
	for kind := range h.found {
		for order, f := range h.found[kind] {
			if f == nil {
				continue
			}
			a := Anomaly{Kind: AnomalyKind(kind), Order: TxnOrder(order)}
			var txns []int32
			a.Proof, txns = f.tell()
			slices.Sort(txns)
			for _, t := range slices.Compact(txns) {
				a.Ops = append(a.Ops, h.txns[t].op)
			}
			for _, k := range f.keys {
				a.keys = append(a.keys, k.name)
			}
			all = append(all, a)
			break // without the order of sessions or real time, if there is one
		}
	}
	return all
}
