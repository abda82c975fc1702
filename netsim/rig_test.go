package netsim

import (
	"time"

	"pgregory.net/rapid"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
)

const (
	us = time.Microsecond
	ms = time.Millisecond
)

// ids is a list of nodes, to be read as a word.
func ids(list ...sim.NodeID) []sim.NodeID { return list }

// send returns the delays of a packet that departs at now, outside any world.
func send(n sim.Network, from, to sim.NodeID, now clock.Time) []time.Duration {
	p := sim.Packet{From: from, To: to, Sent: now, Now: now, Msg: "message"}
	n.Send(&p)
	return delays(&p)
}

func delays(p *sim.Packet) []time.Duration {
	var d []time.Duration
	for i := range p.Fate.Len() {
		d = append(d, p.Fate.Delay(i))
	}
	return d
}

// sending is a packet that departs at a time; its message is its number in the
// scenario, from 1.
type sending struct {
	at       time.Duration
	from, to sim.NodeID
}

// arrival is a copy that reached its node.
type arrival struct {
	at       time.Duration
	from, to sim.NodeID
	k        int
}

// act is something done to the network at a time.
type act struct {
	at time.Duration
	do func()
}

// play runs sendings and acts in a world of its own until nothing is left.
// Acts of one instant come before sendings.
func play(n *Network, sendings []sending, acts ...act) []arrival {
	w := sim.New(sim.Config{Seed: 1, Network: n, MaxSteps: 1_000_000})
	defer w.Close()
	var got []arrival
	last := sim.NodeID(1)
	for _, s := range sendings {
		last = max(last, s.from, s.to)
	}
	for range last {
		w.Add(func(id sim.NodeID) sim.Node { return &player{w, id, sendings, &got} })
	}
	for _, a := range acts {
		w.At(clock.Time(a.at), a.do)
	}
	for w.Step() {
	}
	if v := w.Violation(); v != nil {
		panic(v)
	}
	return got
}

type player struct {
	w        *sim.World
	id       sim.NodeID
	sendings []sending
	got      *[]arrival
}

func (p *player) Start(env sim.Env) {
	for i, s := range p.sendings {
		if s.from == p.id {
			env.SetTimer(sim.Timer{Name: "send", Key: uint64(i)}, s.at)
		}
	}
}

func (p *player) Receive(_ sim.Env, from sim.NodeID, msg sim.Message) {
	*p.got = append(*p.got, arrival{time.Duration(p.w.Now()), from, p.id, msg.(int)})
}

func (p *player) Timeout(env sim.Env, t sim.Timer) {
	env.Send(p.sendings[t.Key].to, int(t.Key)+1)
}

// numbers is what arrived, in order.
func numbers(got []arrival) []int {
	var ks []int
	for _, a := range got {
		ks = append(ks, a.k)
	}
	return ks
}

const players = 4

func drawNode(t *rapid.T, label string) sim.NodeID {
	return sim.NodeID(rapid.IntRange(1, players).Draw(t, label))
}

// drawSendings draws packets that depart at different times within 100 ms, in
// order, on all links or mostly on one.
func drawSendings(t *rapid.T, most int) []sending {
	var list []sending
	at := time.Duration(1)
	crowd := rapid.Bool().Draw(t, "crowd")
	for range rapid.IntRange(1, most).Draw(t, "sendings") {
		s := sending{at, 1, 2}
		if !crowd || rapid.IntRange(0, 9).Draw(t, "elsewhere") == 0 {
			s.from, s.to = drawNode(t, "from"), drawNode(t, "to")
		}
		list = append(list, s)
		at += 2 * time.Duration(rapid.Int64Range(1, int64(100*ms)/int64(2*most)).Draw(t, "pause"))
	}
	return list
}

func drawNodes(t *rapid.T, label string) []sim.NodeID {
	return rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) sim.NodeID { return drawNode(t, "node") }),
		0, players, rapid.ID).Draw(t, label)
}

func drawLinks(t *rapid.T) Links {
	a, b := drawNodes(t, "a"), drawNodes(t, "b")
	switch rapid.IntRange(0, 8).Draw(t, "links") {
	case 0:
		return All()
	case 1:
		return From(a...)
	case 2:
		return To(a...)
	case 3:
		return OneWay(a, b)
	case 4:
		return Between(a, b)
	case 5:
		return Isolate(a...)
	case 6:
		return Groups(a, b, drawNodes(t, "c"))
	case 7:
		return Bridge(a, drawNodes(t, "c"), b)
	default:
		return Ring(a...)
	}
}

// drawEvenTime draws an even time within 150 ms: never that of a sending.
func drawEvenTime(t *rapid.T, label string) time.Duration {
	return 2 * time.Duration(rapid.Int64Range(0, int64(75*ms)).Draw(t, label))
}

// drawSpan draws a span of time of even ends that is not empty.
func drawSpan(t *rapid.T) (from, to time.Duration) {
	from = drawEvenTime(t, "from")
	return from, from + 2 + drawEvenTime(t, "for")
}

// during has the network changed from one time to another.
func during(from, to time.Duration, change func() (undo func())) []act {
	var undo func()
	return []act{{from, func() { undo = change() }}, {to, func() { undo() }}}
}

func drawRule(t *rapid.T) Rule {
	share := sim.PPM(rapid.SampledFrom([]int64{0, 1000, 300_000, 1_000_000}).Draw(t, "share"))
	by := time.Duration(rapid.Int64Range(0, int64(20*ms)).Draw(t, "by"))
	on := drawLinks(t)
	switch rapid.IntRange(0, 3).Draw(t, "rule") {
	case 0:
		return Lossy{share, on}
	case 1:
		return Duplicating{share, by, on}
	case 2:
		return Reordering{share, by, on}
	default:
		return Slow{rapid.Int64Range(0, 3).Draw(t, "factor"), by, on}
	}
}

// drawLink draws a link whose delays suit drawSendings.
func drawLink(t *rapid.T) Link {
	return Link{
		Latency: rapid.SampledFrom([]Latency{
			{},
			{Min: ms},
			{Shape: Uniform, Min: ms, Max: 10 * ms},
			{Shape: Exponential, Mean: 5 * ms, Max: 80 * ms},
			{Shape: HeavyTail, Min: ms, Max: 80 * ms},
		}).Draw(t, "latency"),
		Loss:      sim.PPM(rapid.SampledFrom([]int64{0, 200_000}).Draw(t, "loss")),
		Duplicate: sim.PPM(rapid.SampledFrom([]int64{0, 200_000}).Draw(t, "duplicate")),
		Reorder:   sim.PPM(rapid.SampledFrom([]int64{0, 200_000}).Draw(t, "reorder")),
		ReorderBy: 20 * ms,
		Bandwidth: rapid.SampledFrom([]int64{0, 50_000, 10_000_000}).Draw(t, "bandwidth"),
		FIFO:      rapid.Bool().Draw(t, "fifo"),
	}
}
