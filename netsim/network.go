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

// Rule rewrites the fate of packets. Rules are values: what they do to a
// packet depends on their value, the packet and d alone.
type Rule interface {
	// Name names the rule's draws. Rules of one name draw alike: of two
	// Lossy rules on one link, the stronger decides. Named tells them apart.
	Name() string
	// Links says which packets Rewrite is called for.
	Links() Links
	// Rewrite changes p.Fate, which is empty for a lost packet, and nothing
	// else of p.
	Rewrite(p *sim.Packet, d Draws)
	// String is fit for a trace: "Lossy{5000ppm n1→*}".
	String() string
}

// Network implements sim.Network.
type Network struct {
	seed    uint64
	link    models    // of links that nothing below changes
	client  models    // of links from and to clients
	special []special // overrides, in order
	clients func(sim.NodeID) bool

	// rows[from][to], both < Dense, grown on demand.
	rows [][]lane
	// senders holds the streams of senders on links beyond the rows, in
	// pages of senderPage ids; pages are made on demand.
	senders []*[senderPage]sim.Stream
	// queues holds the state of those links, where they need any.
	queues map[pair]*queue

	rules []*installed // in install order
	cuts  []*cut       // in force, or healed while packets sent before are in flight
	stops []*stop      // holds and clogs in force

	// latest is when the last copy sent so far arrives, apart from those that
	// holds and clogs in force keep waiting.
	latest  clock.Time
	waiting int   // places in all lines, see queue
	world   world // nil until attached
}

// world is what the network needs of a *sim.World.
type world interface {
	Now() clock.Time
	Release()
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
	rule Rule
	on   area
	salt uint64
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
	var (
		m    *model
		q    *queue
		draw uint64
	)
	if l := n.lane(p.From, p.To); l != nil {
		m, q, draw = l.model, l.queue, l.draws.Next()
	} else {
		m, q, draw = n.beyond(p.From, p.To)
	}
	m.fate(p, draw, q)
	for _, r := range n.rules {
		if r.on.has(p.From, p.To, m.ends) {
			r.rule.Rewrite(p, Draws(draw^r.salt))
		}
	}
	if m.fifo {
		q.order(p)
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

// Attach makes the network that of a world; sim.New calls it.
func (n *Network) Attach(w *sim.World) { n.world = w }

// Install adds a rule behind those already there. It is in force for packets
// that depart from now on, until it is removed.
func (n *Network) Install(r Rule) (remove func()) {
	in := &installed{rule: r, on: r.Links().compile(), salt: salt("rule " + r.Name())}
	n.rules = append(n.rules, in)
	return func() { n.rules = without(n.rules, in) }
}

// Dense bounds the node ids between which each link counts its own packets.
const Dense = 1024

const senderPage = 1024

// lane returns the lane between two nodes below Dense, nil for others.
func (n *Network) lane(from, to sim.NodeID) *lane {
	if uint(from) < uint(len(n.rows)) {
		if row := n.rows[from]; uint(to) < uint(len(row)) && row[to].model != nil {
			return &row[to]
		}
	}
	if uint(from) >= Dense || uint(to) >= Dense {
		return nil
	}
	return n.newLane(from, to)
}

func (n *Network) newLane(from, to sim.NodeID) *lane {
	n.rows = grown(n.rows, int(from))
	n.rows[from] = grown(n.rows[from], int(to))
	l := &n.rows[from][to]
	*l = lane{
		draws: sim.NewStream(n.seed, "link", uint64(from), uint64(to)),
		model: n.modelOf(from, to),
	}
	if l.model.stateful() {
		l.queue = new(queue)
	}
	return l
}

// beyond does what lane does for links that have none.
func (n *Network) beyond(from, to sim.NodeID) (m *model, q *queue, draw uint64) {
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
	if m = n.modelOf(from, to); m.stateful() {
		q = n.queue(from, to)
	}
	return m, q, sim.Mix(s.Next() + uint64(to))
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

// queue returns the state of a link, making it where there is none.
func (n *Network) queue(from, to sim.NodeID) *queue {
	if l := n.lane(from, to); l != nil {
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

// salt sets the draws of this name apart from all others of a packet.
func salt(name string) uint64 { return sim.NewStream(0, "netsim "+name).At(0) }

// grown returns s with room for index i, at least doubled when it grows.
func grown[T any](s []T, i int) []T {
	if i < len(s) {
		return s
	}
	g := make([]T, min(max(i+1, 2*len(s), 8), Dense))
	copy(g, s)
	return g
}

// without returns a list that lacks x. The old one stays as it is: it may be
// in the middle of an iteration.
func without[T any](list []*T, x *T) []*T {
	return slices.DeleteFunc(slices.Clone(list), func(y *T) bool { return y == x })
}
