// Package netsim is the network of a simulated world: it decides the fate of each packet, a list of delays after which
// copies of it arrive.
//
// It is not a transport. It neither carries nor keeps messages, knows no protocol, and holds no clock: the engine asks
// it once when a packet departs and again when a copy arrives.
//
// A fate is made in four steps. The link's model makes the first fate, from the draws of the packet alone; the rules
// rewrite it, in install order; a FIFO link puts it in order; a cut loses it. Cuts, holds and clogs are asked once more
// when a copy arrives, so that packets in flight are subject to them.
//
// # Draws
//
// All draws for the k-th packet of a directed link are functions of (seed, link, k). Each kind of draw, and each rule by
// its name, has a value of its own, and a packet counts whatever becomes of it. So adding or removing a rule or a cut
// changes no other draw. Between nodes with ids of at least [Dense] (and between those and others), k counts the packets
// of the sender rather than of the link, which takes 16 bytes per node however many links there are.
//
// # Clients
//
// Packets from or to a client (Config.Clients) take Config.ClientLink: no latency, no loss, in order. A [Links] value
// holds a client's link only if it names that client: Isolate(1) leaves the clients talking to n1, Isolate(1, 9) cuts
// client n9 off as well. The same goes for everything that takes a Links: rules, cuts, holds, clogs and overrides.
package netsim

import (
	"math/bits"
	"slices"
	"time"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
)

// Config is what a network is like before anything happens to it.
type Config struct {
	Link      Link                  // every link that nothing below changes
	Overrides []Override            // the last one that holds a link decides
	Clients   func(sim.NodeID) bool // nil: no node is a client. Asked once per link, or per packet beyond Dense
	// ClientLink is the model of links from and to clients. Nil: no latency,
	// no loss, FIFO. Latency here hides anomalies: a client that learns of
	// an answer late reads stale data in good faith.
	ClientLink *Link
}

// Override gives some links a model of their own.
type Override struct {
	On   Links
	Link Link
}

// Rule rewrites the fate of packets. Rules are values: what one does to a
// packet depends on its value, the packet and d alone.
type Rule interface {
	// Target says which packets Rewrite is called for.
	Target() Target
	// Rewrite changes p.Fate, which is empty for a lost packet, and nothing
	// else of p.
	Rewrite(p *sim.Packet, d Draws)
	// String is fit for a trace: "Lossy{5000ppm n1→*}".
	String() string
}

// Target is what a rule applies to: a share of the packets of some links.
type Target struct {
	// Name names the rule's draws, those that choose the packets and those
	// given to Rewrite. Rules of one name draw alike: of two Lossy rules on
	// a link, the weaker one's losses are among the stronger one's. Named
	// sets them apart.
	Name  string
	On    Links
	Share sim.PPM
}

// Network implements sim.Network.
type Network struct {
	seed    uint64
	link    models    // of links that nothing below changes
	client  models    // of links from and to clients
	special []special // overrides, in order
	clients func(sim.NodeID) bool

	// rows[from][to], both < full, grown on demand.
	rows [][]lane
	// pages[from][to/lanePage][to%lanePage], both < Dense, not both < full.
	// Most pairs of many nodes never meet.
	pages []*[Dense / lanePage]*[lanePage]lane
	// senders holds the streams of senders on links beyond the rows, in
	// pages of senderPage ids; pages are made on demand.
	senders []*[senderPage]sim.Stream
	// queues holds the state of those links, where they need any (FIFO,
	// Bandwidth, clogs), and far stands for the one in use.
	queues map[pair]*queue
	far    lane

	rules  []installed // in install order
	cuts   []*cut      // in force, or healed while packets sent before are in flight
	healed int         // how many of them are
	stops  []*stop     // holds and clogs in force

	// latest is when the last copy sent so far arrives, apart from those that
	// holds and clogs in force keep waiting.
	latest   clock.Time
	waiting  int // places in all lines, see queue
	installs uint64
	world    world  // nil until attached
	fetched  uint64 // senders that Fetch has seen before their first packet, so that it has seen them
}

// world is what the network needs of a *sim.World.
type world interface {
	Now() clock.Time
	Release(on func(from, to sim.NodeID) bool)
}

// lane is one directed link. The zero lane has not been used.
type lane struct {
	draws sim.Stream
	model *model // nil in the zero lane
	queue *queue // nil unless needed
}

type pair struct{ from, to sim.NodeID }

// models is a Link made ready for use, for each way its ends can be clients.
type models [4]model

type special struct {
	on     area
	models models
}

type installed struct {
	id    uint64
	rule  Rule
	on    area
	salt  uint64
	share uint64 // a packet is chosen if the first draw is below; certainty lacks one draw in 2^64
}

// New returns a network whose draws come from seed. It panics if a Link of c
// is not valid, see Link.Validate.
func New(seed uint64, c Config) *Network {
	client := Link{FIFO: true}
	if c.ClientLink != nil {
		client = *c.ClientLink
	}
	n := &Network{seed: seed, link: compile(c.Link), client: compile(client), clients: c.Clients}
	for _, o := range c.Overrides {
		n.special = append(n.special, special{o.On.compile(), compile(o.Link)})
	}
	return n
}

// Send implements sim.Network.
func (n *Network) Send(p *sim.Packet) {
	var draw uint64
	l := n.lane(p.From, p.To)
	if l != nil {
		draw = l.draws.Next()
	} else {
		l, draw = n.first(p.From, p.To)
	}
	m := l.model
	if m.simple {
		p.Fate.Add(time.Duration(m.min + sim.Scale(draw, m.spread)))
	} else {
		m.fate(p, draw, l.queue)
	}
	plain := m.ends == 0 && p.From != p.To
	for i := range n.rules {
		r := &n.rules[i]
		d := Draws(draw ^ r.salt)
		if d.Next() < r.share && (plain && r.on.all || r.on.has(p.From, p.To, m.ends)) {
			r.rule.Rewrite(p, d)
		}
	}
	if m.FIFO {
		n.order(p, l)
	}
	for i := range p.Fate.Len() {
		n.latest = max(n.latest, p.Now.Add(p.Fate.Delay(i)))
	}
	if len(n.cuts) > 0 && n.severs(p, m.ends) {
		p.Fate.Lose()
	}
}

// Arrive implements sim.Network.
func (n *Network) Arrive(p *sim.Packet) sim.Arrival {
	if len(n.cuts)|len(n.stops)|n.waiting == 0 {
		return sim.Arrival{}
	}
	return n.arrive(p)
}

// Fetch looks at the draws of senders on links beyond the rows, so that they are in the processor's cache when they are
// needed. The engine calls it in large worlds, for those who may send next.
func (n *Network) Fetch(from []sim.NodeID) {
	for _, id := range from {
		page := int(id) / senderPage
		if page < len(n.senders) && n.senders[page] != nil && n.senders[page][int(id)%senderPage] == (sim.Stream{}) {
			n.fetched++
		}
	}
}

// Attach makes the network that of a world; sim.New calls it.
func (n *Network) Attach(w *sim.World) { n.world = w }

// Install adds a rule behind those already there. It is in force for packets
// that depart from now on, until it is removed.
func (n *Network) Install(r Rule) (remove func()) {
	t := r.Target()
	n.installs++
	id := n.installs
	n.rules = append(n.rules, installed{id, r, t.On.compile(), salt("rule " + t.Name), share(t.Share)})
	return func() {
		n.rules = slices.DeleteFunc(n.rules, func(in installed) bool { return in.id == id })
	}
}

// Dense bounds the node ids between which each link counts its own packets.
const Dense = 1024

const (
	full       = 64 // ids of nodes that mostly all meet
	lanePage   = 8
	senderPage = 1024
)

// lane returns the lane of a link between two of the first nodes, nil if there
// is none yet.
func (n *Network) lane(from, to sim.NodeID) *lane {
	if uint(from) < uint(len(n.rows)) {
		if row := n.rows[from]; uint(to) < uint(len(row)) && row[to].model != nil {
			return &row[to]
		}
	}
	return nil
}

// used returns the lane of a link that has been used, nil of others.
func (n *Network) used(from, to sim.NodeID) *lane {
	if l := n.lane(from, to); l != nil {
		return l
	}
	return n.paged(from, to)
}

// paged returns the lane of a link between two nodes below Dense that are not
// both of the first, nil if there is none yet.
func (n *Network) paged(from, to sim.NodeID) *lane {
	if uint(from) < uint(len(n.pages)) && uint(to) < Dense && n.pages[from] != nil {
		if page := n.pages[from][to/lanePage]; page != nil && page[to%lanePage].model != nil {
			return &page[to%lanePage]
		}
	}
	return nil
}

// first finds or makes the lane of a link that has none in rows, and returns it
// with its next draw. Where there are no lanes, it returns one that is good until
// the next call.
func (n *Network) first(from, to sim.NodeID) (*lane, uint64) {
	if uint(from) >= Dense || uint(to) >= Dense {
		return n.beyond(from, to)
	}
	l := n.paged(from, to)
	if l == nil {
		l = n.room(from, to)
		l.draws = sim.NewStream(n.seed, "link", uint64(from), uint64(to))
		l.model = n.modelOf(from, to)
		if l.model.Bandwidth > 0 {
			l.queue = new(queue)
		}
	}
	return l, l.draws.Next()
}

// room makes room for a lane.
func (n *Network) room(from, to sim.NodeID) *lane {
	if from < full && to < full {
		n.rows = grown(n.rows, int(from), full)
		n.rows[from] = grown(n.rows[from], int(to), full)
		return &n.rows[from][to]
	}
	n.pages = grown(n.pages, int(from), Dense)
	if n.pages[from] == nil {
		n.pages[from] = new([Dense / lanePage]*[lanePage]lane)
	}
	page := &n.pages[from][to/lanePage]
	if *page == nil {
		*page = new([lanePage]lane)
	}
	return &(*page)[to%lanePage]
}

// beyond returns the next draw of a link between nodes that are not both
// below Dense, and stands a lane in for it.
func (n *Network) beyond(from, to sim.NodeID) (*lane, uint64) {
	page := int(from) / senderPage
	if page >= len(n.senders) {
		n.senders = append(n.senders, make([]*[senderPage]sim.Stream, page+1-len(n.senders))...)
	}
	if n.senders[page] == nil {
		n.senders[page] = new([senderPage]sim.Stream)
	}
	s := &n.senders[page][int(from)%senderPage]
	if *s == (sim.Stream{}) {
		*s = sim.NewStream(n.seed, "link", uint64(from))
	}
	n.far = lane{model: n.modelOf(from, to)}
	if m := n.far.model; m.Bandwidth > 0 {
		n.far.queue = n.queue(from, to)
	} else if m.FIFO {
		n.far.queue = n.queues[pair{from, to}]
	}
	return &n.far, sim.Mix(s.Next() + uint64(to))
}

// modelOf chooses the model of a link.
func (n *Network) modelOf(from, to sim.NodeID) *model {
	var ends ends
	if n.clients != nil {
		if n.clients(from) {
			ends |= fromClient
		}
		if n.clients(to) {
			ends |= toClient
		}
	}
	chosen := &n.link
	if ends != 0 {
		chosen = &n.client
	}
	for i := range n.special {
		if s := &n.special[i]; s.on.has(from, to, ends) {
			chosen = &s.models
		}
	}
	return &chosen[ends]
}

// order keeps the copies of a packet from arriving before earlier packets. As
// long as all have come at once there is nothing to keep, so that clients cost
// no state.
func (n *Network) order(p *sim.Packet, l *lane) {
	if l.queue == nil {
		var most time.Duration
		for i := range p.Fate.Len() {
			most = max(most, p.Fate.Delay(i))
		}
		if most == 0 {
			return
		}
		l.queue = n.queue(p.From, p.To)
	}
	l.queue.order(p)
}

// queue returns the state of a link, making it where there is none.
func (n *Network) queue(from, to sim.NodeID) *queue {
	if l := n.used(from, to); l != nil {
		if l.queue == nil {
			l.queue = new(queue)
		}
		return l.queue
	}
	q := n.queues[pair{from, to}]
	if q == nil {
		if n.queues == nil {
			n.queues = make(map[pair]*queue)
		}
		q = new(queue)
		n.queues[pair{from, to}] = q
	}
	return q
}

// Draws is where a rule draws from for one packet: a sequence of its own,
// from the beginning at each call of Rewrite.
type Draws uint64

// Next returns the next draw, uniform over 64 bits.
func (d *Draws) Next() uint64 {
	*d += 0x9e3779b97f4a7c15
	return sim.Mix(uint64(*d))
}

// Chance is true with probability p.
func (d *Draws) Chance(p sim.PPM) bool { return sim.Chance(d.Next(), p) }

// Between returns a duration in [lo, hi].
func (d *Draws) Between(lo, hi time.Duration) time.Duration {
	return lo + time.Duration(sim.Scale(d.Next(), uint64(hi-lo)+1))
}

// share is the number of draws, of all 2^64, that fall into a share.
func share(p sim.PPM) uint64 {
	if p >= sim.Million {
		return 1<<64 - 1
	}
	q, r := bits.Div64(uint64(max(p, 0)), 0, uint64(sim.Million))
	if r > 0 {
		q++
	}
	return q
}

// salt sets the draws of this name apart from all others of a packet.
func salt(name string) uint64 { return sim.NewStream(0, "netsim "+name).At(0) }

// grown returns s with room for index i < limit, at least doubled when it grows.
func grown[T any](s []T, i, limit int) []T {
	if i < len(s) {
		return s
	}
	g := make([]T, min(max(i+1, 2*len(s), 8), limit))
	copy(g, s)
	return g
}
