package netsim

import (
	"encoding/json"
	"fmt"
	"math"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/netsim/nettest"
	"github.com/seedbed-sim/seedbed/sim"
)

func TestContract(t *testing.T) {
	for name, c := range map[string]Config{
		"zero":        {},
		"constant":    {Link: Link{Latency: Latency{Min: ms}}},
		"uniform":     {Link: uniform},
		"exponential": {Link: Link{Latency: Latency{Shape: Exponential, Mean: ms}}},
		"heavy tail":  {Link: Link{Latency: Latency{Shape: HeavyTail, Min: ms, Max: time.Hour}}},
		"everything": {Link: Link{
			Latency: uniform.Latency, Loss: 100_000, Duplicate: 100_000,
			Reorder: 100_000, ReorderBy: time.Second, Bandwidth: 1_000_000,
		}},
		"fifo":    {Link: Link{Latency: uniform.Latency, Loss: 100_000, FIFO: true}},
		"clients": {Link: uniform, Clients: func(id sim.NodeID) bool { return id > 3 }},
	} {
		t.Run(name, func(t *testing.T) {
			nettest.Run(t, func(seed uint64) sim.Network { return New(seed, c) })
		})
		t.Run(name+", disturbed", func(t *testing.T) {
			nettest.Run(t, func(seed uint64) sim.Network {
				n := New(seed, c)
				n.Install(Lossy{PPM: 100_000})
				n.Install(Slow{Factor: 3, Extra: ms, On: From(1, 4)})
				n.Install(Duplicating{PPM: 100_000})
				n.Install(Reordering{PPM: 100_000, By: time.Second, On: To(2)})
				n.Cut(Groups(ids(1, 2), ids(3, 4)))
				n.Cut(OneWay(ids(5), ids(4)))()
				return n
			})
		})
	}
}

// probe is a rule that records the fate that each packet comes with, and a draw.
type probe struct {
	name string
	seen map[pair][]string
}

func (r probe) Target() Target { return Target{Name: r.name, Share: sim.Million} }
func (r probe) String() string { return r.name }

func (r probe) Rewrite(p *sim.Packet, d Draws) {
	link := pair{p.From, p.To}
	r.seen[link] = append(r.seen[link], fmt.Sprint(p.Sent, delays(p), d.Next()))
}

// Whatever is done to a network, each packet of each link still has the draws
// it had.
func TestDrawsAreDisturbedByNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		link, sendings := drawLink(t), drawSendings(t, 100)
		calm, disturbed := New(7, Config{Link: link}), New(7, Config{Link: link})
		before, after := probe{"probe", map[pair][]string{}}, probe{"probe", map[pair][]string{}}
		calm.Install(before)
		disturbed.Install(after)
		play(calm, sendings)

		var acts []act
		for range rapid.IntRange(1, 5).Draw(t, "disturbances") {
			from, to := drawSpan(t)
			on := drawLinks(t)
			switch rapid.IntRange(0, 2).Draw(t, "disturbance") {
			case 0:
				rule := drawRule(t)
				acts = append(acts, during(from, to, func() func() { return disturbed.Install(rule) })...)
			case 1:
				acts = append(acts, during(from, to, func() func() { return disturbed.Cut(on) })...)
			case 2:
				acts = append(acts, during(from, to, func() func() { return disturbed.Hold(on) })...)
			}
		}
		play(disturbed, sendings, acts...)
		require.Equal(t, before.seen, after.seen)
	})
}

// A rule chooses and draws alike whatever other rules there are.
func TestRulesDoNotDisturbEachOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sendings, rule, other := drawSendings(t, 100), drawRule(t), Named("other", drawRule(t))
		alone, joined := New(7, Config{Link: uniform}), New(7, Config{Link: uniform})
		alone.Install(rule)
		remove := joined.Install(other)
		joined.Install(rule)
		remove()
		remove()
		require.Equal(t, play(alone, sendings), play(joined, sendings), "a rule that was removed")

		first, second := probe{"probe", map[pair][]string{}}, probe{"probe", map[pair][]string{}}
		alone, joined = New(7, Config{Link: uniform}), New(7, Config{Link: uniform})
		alone.Install(Lossy{PPM: sim.Million})
		alone.Install(first)
		joined.Install(other)
		joined.Install(Lossy{PPM: sim.Million})
		joined.Install(second)
		play(alone, sendings)
		play(joined, sendings)
		require.Equal(t, first.seen, second.seen)
	})
}

// window is something that was in force on some links from one time up to,
// and without, another.
type window struct {
	from, to time.Duration
	on       Links
}

func (w window) covers(t time.Duration, from, to sim.NodeID) bool {
	return w.from <= t && t < w.to && w.on.Has(from, to)
}

func drawWindows(t *rapid.T, label string) []window {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) window {
		from, to := drawSpan(t)
		return window{from, to, drawLinks(t)}
	}), 0, 4).Draw(t, label)
}

// Cuts and holds against a dumb model: take what arrives in a network that is
// left alone, let it wait for all holds, and lose what met a cut on its way. So
// cuts compose, packets in flight are subject to them, and a healed network is
// one that never was cut.
func TestCutsAndHoldsAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		link, sendings := drawLink(t), drawSendings(t, 60)
		cuts, holds := drawWindows(t, "cuts"), drawWindows(t, "holds")

		want := map[arrival]int{}
		for _, a := range play(New(7, Config{Link: link}), sendings) {
			for i := 0; i < len(holds); i++ {
				if holds[i].covers(a.at, a.from, a.to) {
					a.at, i = holds[i].to, -1
				}
			}
			lost := false
			for _, c := range cuts {
				lost = lost || c.on.Has(a.from, a.to) && c.from <= a.at && sendings[a.k-1].at < c.to
			}
			if !lost {
				want[a]++
			}
		}

		n := New(7, Config{Link: link})
		var acts []act
		for _, c := range cuts {
			acts = append(acts, during(c.from, c.to, func() func() { return n.Cut(c.on) })...)
		}
		for _, h := range holds {
			acts = append(acts, during(h.from, h.to, func() func() { return n.Hold(h.on) })...)
		}
		got := map[arrival]int{}
		last := map[pair]arrival{}
		for _, a := range play(n, sendings, acts...) {
			got[a]++
			before := last[pair{a.from, a.to}]
			require.False(t, before.at == a.at && before.k > a.k, "%v before %v", before, a)
			last[pair{a.from, a.to}] = a
		}
		require.Equal(t, want, got)
		n.forget(clock.Never)
		require.Empty(t, n.cuts)
		require.Empty(t, n.stops)
	})
}

func TestFIFONeverReorders(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		link := drawLink(t)
		link.FIFO = true
		n := New(rapid.Uint64().Draw(t, "seed"), Config{Link: link})
		var acts []act
		for range rapid.IntRange(0, 6).Draw(t, "disturbances") {
			from, to := drawSpan(t)
			rule, on := drawRule(t), drawLinks(t)
			change := []func() func(){
				func() func() { return n.Install(rule) },
				func() func() { return n.Cut(on) },
				func() func() { return n.Hold(on) },
				func() func() { return n.Clog(on) },
			}[rapid.IntRange(0, 3).Draw(t, "disturbance")]
			acts = append(acts, during(from, to, change)...)
		}
		last := map[pair]int{}
		for _, a := range play(n, drawSendings(t, 100), acts...) {
			require.LessOrEqual(t, last[pair{a.from, a.to}], a.k)
			last[pair{a.from, a.to}] = a.k
		}
	})
}

// No copy of a packet arrives before any of an earlier one, in whatever order
// rules leave its copies.
func TestFIFOOrdersCopies(t *testing.T) {
	n := New(1, Config{Link: Link{FIFO: true}})
	n.Install(Duplicating{PPM: sim.Million, By: ms})
	n.Install(Reordering{PPM: 500_000, By: 10 * ms})
	last := clock.Time(0)
	for k := range 1000 {
		now := clock.Time(k) * clock.Time(ms)
		d := send(n, 1, 2, now)
		require.LessOrEqual(t, last, now.Add(min(d[0], d[1])))
		last = now.Add(max(d[0], d[1]))
	}
}

// Nothing passes a clogged link; nothing is lost; what it stopped passes in
// the order of departure, with a latency of the link's own; and the rest goes
// as ever, or behind those that still pass.
func TestClog(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		link := drawLink(t)
		link.Duplicate = 0
		sendings := drawSendings(t, 60)
		w := window{on: drawLinks(t)}
		w.from, w.to = drawSpan(t)
		free := map[int]time.Duration{}
		for _, a := range play(New(7, Config{Link: link}), sendings) {
			free[a.k] = a.at
		}

		n := New(7, Config{Link: link})
		got := play(n, sendings, during(w.from, w.to, func() func() { return n.Clog(w.on) })...)
		require.Len(t, got, len(free))
		stopped := map[pair]arrival{} // the last of each link
		for _, a := range got {
			require.False(t, w.covers(a.at, a.from, a.to), "%v passed", a)
			way := pair{a.from, a.to}
			last, ok := stopped[way]
			switch {
			case w.covers(free[a.k], a.from, a.to):
				require.GreaterOrEqual(t, a.at, w.to+link.Latency.Min)
				require.Greater(t, a.at, last.at)
				require.Greater(t, a.k, last.k)
				stopped[way] = a
			case a.at == free[a.k]:
			case link.FIFO || link.Bandwidth > 0:
				require.True(t, ok)
			default:
				require.Greater(t, a.at, last.at)
				require.Less(t, a.at, last.at+us, "only behind the last")
			}
		}
		require.Zero(t, n.waiting)
	})
}

func TestClogPassesAtTheLinksRate(t *testing.T) {
	// 256 bytes each, 1 ms per packet.
	n := New(1, Config{Link: Link{Latency: Latency{Min: 5 * ms}, Bandwidth: DefaultSize * 1000}})
	var sendings []sending
	for k := range 4 {
		sendings = append(sendings, sending{time.Duration(k+1) * 10 * ms, 1, 2})
	}
	got := play(n, sendings, during(ms, 100*ms, func() func() { return n.Clog(All()) })...)
	require.Equal(t, []arrival{{106 * ms, 1, 2, 1}, {107 * ms, 1, 2, 2}, {108 * ms, 1, 2, 3}, {109 * ms, 1, 2, 4}}, got)
}

// A clog within a clog, a hold over a clog, and a clog that comes back while
// packets still pass: nothing is lost, and the order stays.
func TestClogsCompose(t *testing.T) {
	for name, c := range map[string]struct {
		acts func(n *Network) [][]act
		want time.Duration // no arrival before
	}{
		"nested": {func(n *Network) [][]act {
			return [][]act{
				during(ms, 100*ms, func() func() { return n.Clog(All()) }),
				during(50*ms, 80*ms, func() func() { return n.Clog(From(1)) }),
			}
		}, 105 * ms},
		"overlapping": {func(n *Network) [][]act {
			return [][]act{
				during(ms, 60*ms, func() func() { return n.Clog(From(1)) }),
				during(50*ms, 100*ms, func() func() { return n.Clog(To(2)) }),
			}
		}, 105 * ms},
		"again while passing": {func(n *Network) [][]act {
			return [][]act{
				during(ms, 60*ms, func() func() { return n.Clog(From(1)) }),
				during(62*ms, 100*ms, func() func() { return n.Clog(To(2)) }),
			}
		}, 105 * ms},
		"held": {func(n *Network) [][]act {
			return [][]act{
				during(ms, 60*ms, func() func() { return n.Clog(From(1)) }),
				during(50*ms, 100*ms, func() func() { return n.Hold(To(2)) }),
			}
		}, 100 * ms},
	} {
		t.Run(name, func(t *testing.T) {
			n := New(1, Config{Link: Link{Latency: Latency{Min: 5 * ms}}})
			var sendings []sending
			for k := range 20 {
				sendings = append(sendings, sending{time.Duration(2*k+1) * ms, 1, 2})
			}
			var acts []act
			for _, a := range c.acts(n) {
				acts = append(acts, a...)
			}
			got := play(n, sendings, acts...)
			require.IsIncreasing(t, numbers(got))
			require.Len(t, got, 20)
			require.Equal(t, c.want, got[0].at)
			require.Zero(t, n.waiting)
		})
	}
}

// Cuts are kept after they are healed only as long as a packet may be in
// flight across them.
func TestHealedCutsAreForgotten(t *testing.T) {
	n := New(1, Config{Link: Link{Latency: Latency{Min: 10 * ms}}})
	kept := func(want int) func() { return func() { require.Len(t, n.cuts, want) } }
	got := play(n,
		[]sending{{ms, 1, 2}, {5 * ms, 3, 4}, {20 * ms, 3, 4}, {40 * ms, 1, 2}},
		act{2 * ms, n.Cut(All())}, // in force from the beginning
		act{3 * ms, func() { n.Cut(To(2))() }},
		act{12 * ms, kept(2)},
		act{31 * ms, kept(0)},
	)
	require.Equal(t, []int{2, 3, 4}, numbers(got))
	require.Zero(t, n.healed)
}

// A packet that is stopped is still in flight: cuts made and healed meanwhile
// concern it.
func TestStoppedPacketsMeetCuts(t *testing.T) {
	sendings := []sending{{5 * ms, 1, 2}, {6 * ms, 1, 3}, {70 * ms, 1, 2}, {103 * ms, 4, 5}}
	c := Config{
		Link:      Link{Latency: Latency{Min: 5 * ms}},
		Overrides: []Override{{OneWay(ids(4), ids(5)), Link{}}},
	}
	n := New(1, c)
	acts := during(2*ms, 100*ms, func() func() { return n.Hold(All()) })
	acts = append(acts, during(50*ms, 60*ms, func() func() { return n.Cut(To(2)) })...)
	require.ElementsMatch(t, []arrival{{100 * ms, 1, 3, 2}, {100 * ms, 1, 2, 3}, {103 * ms, 4, 5, 4}}, play(n, sendings, acts...))

	n = New(1, c)
	acts = during(2*ms, 100*ms, func() func() { return n.Clog(All()) })
	acts = append(acts, during(101*ms, 102*ms, func() func() { return n.Cut(To(2)) })...)
	require.Equal(t, []arrival{{103 * ms, 4, 5, 4}, {105 * ms, 1, 3, 2}}, play(n, sendings, acts...))
	require.Zero(t, n.waiting)
}

// Undoing twice is undoing once.
func TestUndoOnce(t *testing.T) {
	n := New(1, Config{})
	for _, undo := range []func(){n.Cut(All()), n.Hold(All()), n.Clog(All()), n.Install(Lossy{PPM: sim.Million})} {
		undo()
		undo()
	}
	require.Equal(t, []time.Duration{0}, send(n, 1, 2, 1))
	require.Equal(t, sim.Arrival{}, n.Arrive(&sim.Packet{From: 1, To: 2, Now: 1}))
	require.Empty(t, n.cuts)
	require.Zero(t, n.healed)
}

func TestClients(t *testing.T) {
	const server, client = 1, 9
	n := New(1, Config{Link: uniform, Clients: func(id sim.NodeID) bool { return id == client }})
	delay := func(from, to sim.NodeID) []time.Duration { return send(n, from, to, 0) }
	now := []time.Duration{0}
	defaults := func() {
		require.Equal(t, now, delay(client, server))
		require.Equal(t, now, delay(server, client))
		require.NotEqual(t, now, delay(server, 2))
	}
	defaults()
	for _, undo := range []func(){
		n.Install(Slow{Extra: ms}), n.Install(Lossy{PPM: sim.Million, On: To(server)}), n.Cut(Isolate(server)),
	} {
		require.Equal(t, now, delay(client, server), "the client is not named")
		require.Equal(t, now, delay(server, client))
		undo()
	}
	defaults()
	remove := n.Install(Slow{Extra: ms, On: From(client)})
	require.Equal(t, []time.Duration{ms}, delay(client, server))
	require.Equal(t, now, delay(server, client))
	remove()
	require.Equal(t, []time.Duration{ms}, delay(client, server), "in order")
	heal := n.Cut(Isolate(client))
	require.Empty(t, delay(client, server))
	heal()
}

func TestOverrides(t *testing.T) {
	link := func(d time.Duration) Link { return Link{Latency: Latency{Min: d}} }
	far := link(3 * ms)
	n := New(1, Config{
		Link:       link(ms),
		Clients:    func(id sim.NodeID) bool { return id == 8 || id == 9 },
		ClientLink: &far,
		Overrides: []Override{
			{Between(ids(1, 2), ids(3, 8)), link(40 * ms)},
			{OneWay(ids(1), ids(3)), link(50 * ms)},
		},
	})
	for _, c := range []struct {
		from, to sim.NodeID
		want     time.Duration
	}{
		{1, 2, ms}, {1, 3, 50 * ms}, {3, 1, 40 * ms}, {3, 2, 40 * ms}, {1, 9, 3 * ms}, {9, 3, 3 * ms}, {1, 8, 40 * ms}, {8, 3, 3 * ms},
		{2000, 1, ms}, {1, 1, ms},
	} {
		require.Equal(t, []time.Duration{c.want}, send(n, c.from, c.to, 0), "%v to %v", c.from, c.to)
	}
	n.Install(Slow{Factor: 2})
	require.Equal(t, []time.Duration{40 * ms}, send(n, 1, 8, 0), "a client's link stays one")
	require.Equal(t, []time.Duration{100 * ms}, send(n, 1, 3, 0))
}

// Above Dense, a sender's packets are counted together, and take 16 bytes per
// sender.
func TestBeyondDense(t *testing.T) {
	const nodes = 300_000
	n := New(1, Config{Link: uniform})
	p := new(sim.Packet)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for id := range sim.NodeID(nodes) {
		p.From, p.To = id+Dense, id%1000+1
		n.Send(p)
	}
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(nodes*16+100_000))

	other := New(1, Config{Link: uniform})
	send(other, 5000, 6001, 0)
	a := send(other, 5000, 6000, 0)
	send(n, 5000, 6000, 0)
	require.NotEqual(t, a, send(n, 5000, 6000, 0))
	again := New(1, Config{Link: uniform})
	send(again, 5000, 3, 0)
	require.Equal(t, a, send(again, 5000, 6000, 0), "the second packet of n5000")
	require.NotEqual(t, send(again, 5000, 6000, 0), send(other, 5000, 6001, 0), "other links draw otherwise")

	fifo := New(1, Config{Link: Link{Latency: uniform.Latency, FIFO: true}, Clients: func(id sim.NodeID) bool { return id == 7 }})
	last := time.Duration(0)
	for range 100 {
		at := send(fifo, 5000, 6000, 0)[0]
		require.GreaterOrEqual(t, at, last)
		last = at
		require.Zero(t, send(fifo, 7, 6000, 0)[0])
	}
	fifo.Cut(Isolate(6000))
	require.Empty(t, send(fifo, 5000, 6000, 0))
	require.Equal(t, sim.Drop, fifo.Arrive(&sim.Packet{From: 5000, To: 6000}).Verb)
	require.Equal(t, sim.Deliver, fifo.Arrive(&sim.Packet{From: 5000, To: 6001}).Verb)
}

// Networks of many sizes draw alike: lanes are grown on demand.
func TestLanesGrow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		link := pair{sim.NodeID(rapid.IntRange(1, Dense-1).Draw(t, "from")), sim.NodeID(rapid.IntRange(1, Dense-1).Draw(t, "to"))}
		small, large := New(3, Config{Link: uniform}), New(3, Config{Link: uniform})
		for range rapid.IntRange(0, 20).Draw(t, "before") {
			other := pair{sim.NodeID(rapid.IntRange(1, 2*Dense).Draw(t, "from")), sim.NodeID(rapid.IntRange(1, 2*Dense).Draw(t, "to"))}
			if other != link {
				send(large, other.from, other.to, 0)
			}
			require.Equal(t, send(small, link.from, link.to, 0), send(large, link.from, link.to, 0))
		}
	})
}

func TestSendAndArriveDoNotAllocate(t *testing.T) {
	link := Link{Latency: uniform.Latency, Loss: 1000, Bandwidth: 1e6, FIFO: true}
	n := New(1, Config{Link: link})
	n.Install(Lossy{PPM: 300_000})
	n.Install(Duplicating{PPM: 300_000, On: From(1)})
	n.Install(Reordering{PPM: 300_000, By: time.Second})
	n.Install(Slow{Factor: 2})
	n.Cut(Groups(ids(1), ids(2)))
	p := new(sim.Packet)
	i := 0
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		p.From, p.To = sim.NodeID(i%3+1), sim.NodeID(i%2+2)
		i++
		p.Fate.Lose()
		n.Send(p)
		n.Arrive(p)
	}))
}

// within five standard deviations of a share of n trials
func requireShare(t *testing.T, share sim.PPM, n, hits int) {
	t.Helper()
	p := float64(share) / float64(sim.Million)
	sigma := math.Sqrt(float64(n) * p * (1 - p))
	require.InDelta(t, float64(n)*p, hits, 5*sigma)
}

func TestShares(t *testing.T) {
	const n = 100_000
	for _, share := range []sim.PPM{0, 100, 10_000, 500_000, 990_000, sim.Million} {
		count := func(link Link, rules ...Rule) (lost, doubled, late int) {
			link.Latency = uniform.Latency
			net := New(1, Config{Link: link})
			for _, r := range rules {
				net.Install(r)
			}
			for range n {
				d := send(net, 1, 2, 0)
				switch {
				case len(d) == 0:
					lost++
				case d[0] > 10*ms:
					late++
				}
				if len(d) == 2 && d[0] != d[1] {
					doubled++
				}
			}
			return lost, doubled, late
		}
		lost, _, _ := count(Link{Loss: share})
		requireShare(t, share, n, lost)
		_, doubled, _ := count(Link{Duplicate: share})
		requireShare(t, share, n, doubled)
		_, _, late := count(Link{Reorder: share, ReorderBy: longest})
		requireShare(t, share, n, late)
		_, _, late = count(Link{Loss: share, FIFO: true})
		require.Equal(t, lost+late == 0, share == 0)

		lost, _, _ = count(Link{}, Lossy{PPM: share})
		requireShare(t, share, n, lost)
		_, doubled, _ = count(Link{}, Duplicating{PPM: share})
		requireShare(t, share, n, doubled)
		_, _, late = count(Link{}, Reordering{PPM: share, By: longest})
		requireShare(t, share, n, late)

		lost, doubled, _ = count(Link{Loss: share}, Lossy{PPM: 100_000}, Duplicating{PPM: share})
		alive := share + (sim.Million-share)/10 // lost by either
		requireShare(t, alive, n, lost)
		requireShare(t, (sim.Million-alive)*share/sim.Million, n, doubled)
	}
}

// Of rules of one name, the weaker one's choices are among the stronger one's;
// Named sets them apart.
func TestRulesOfOneName(t *testing.T) {
	losses := func(rules ...Rule) map[int]bool {
		n := New(1, Config{})
		for _, r := range rules {
			n.Install(r)
		}
		lost := map[int]bool{}
		for k := range 10_000 {
			if len(send(n, 1, 2, 0)) == 0 {
				lost[k] = true
			}
		}
		return lost
	}
	weak, strong := losses(Lossy{PPM: 100_000}), losses(Lossy{PPM: 200_000})
	require.Subset(t, strong, weak)
	require.Equal(t, strong, losses(Lossy{PPM: 100_000}, Lossy{PPM: 200_000}))
	requireShare(t, 280_000, 10_000, len(losses(Lossy{PPM: 100_000}, Named("more", Lossy{PPM: 200_000}))))
}

func TestRulesApplyInInstallOrder(t *testing.T) {
	n := New(1, Config{Link: Link{Latency: Latency{Min: ms}}})
	remove := n.Install(Slow{Factor: 3})
	n.Install(Slow{Extra: ms})
	require.Equal(t, 4*ms, send(n, 1, 2, 0)[0])
	remove()
	n.Install(Slow{Factor: 3})
	require.Equal(t, 6*ms, send(n, 1, 2, 0)[0])
	require.Equal(t, ms, send(n, 1, 1, 0)[0], "no rule reaches a node's link to itself")
	n.Install(Slow{Factor: math.MaxInt64, Extra: math.MaxInt64})
	require.Equal(t, forever, send(n, 1, 2, 0)[0])
}

func TestRulesPrintThemselves(t *testing.T) {
	for text, r := range map[string]Rule{
		"Lossy{5000ppm n1→*}":                 Lossy{5000, From(1)},
		"Duplicating{5000ppm all}":            Duplicating{5000, 0, All()},
		"Duplicating{5000ppm ≤2ms n1|n2}":     Duplicating{5000, 2 * ms, Groups(ids(1), ids(2))},
		"Reordering{1000000ppm ≤1s n1 alone}": Reordering{sim.Million, time.Second, Isolate(1)},
		"Slow{×1+3ms all}":                    Slow{0, 3 * ms, All()},
		"Slow{×5+0s *→n2}":                    Named("mine", Slow{5, 0, To(2)}),
	} {
		require.Equal(t, text, fmt.Sprint(r))
	}
}

// sized is a message that knows its length.
type sized int

func (s sized) Size() int { return int(s) }

func TestBandwidthQueues(t *testing.T) {
	n := New(1, Config{Link: Link{Latency: Latency{Min: 10 * ms}, Bandwidth: 1_000_000}})
	delay := func(at clock.Time, msg sim.Message) time.Duration {
		p := sim.Packet{From: 1, To: 2, Sent: at, Now: at, Msg: msg}
		n.Send(&p)
		return p.Fate.Delay(0)
	}
	require.Equal(t, 11*ms, delay(0, sized(1000)))
	require.Equal(t, 13*ms, delay(0, sim.Scoped{Scope: "outer", Inner: sim.Scoped{Inner: sized(2000)}}))
	require.Equal(t, 12*ms+DefaultSize*us, delay(clock.Time(ms), "unknown"))
	require.Equal(t, 11*ms, delay(clock.Time(time.Second), sized(1000)), "idle again")
	require.Equal(t, 10*ms, delay(clock.Time(2*time.Second), sized(0)))
	require.Equal(t, 10*ms+DefaultSize*us, send(n, 2, 1, 0)[0], "each direction has its own")

	slow := New(1, Config{Link: Link{Bandwidth: 1}})
	p := sim.Packet{From: 1, To: 2, Msg: sized(math.MaxInt)}
	slow.Send(&p)
	require.Equal(t, longest, p.Fate.Delay(0))
	for range 300 {
		p.Fate.Lose()
		slow.Send(&p)
	}
	require.Greater(t, p.Fate.Delay(0), 200*longest, "the end of time is never passed")
}

// A lost packet of a FIFO link comes later, by whole waits that double; and no
// packet is lost.
func TestFIFOLinksRetransmit(t *testing.T) {
	n := New(1, Config{Link: Link{Loss: 500_000, FIFO: true, RetransmitAfter: ms}})
	seen := map[time.Duration]int{}
	for k := range 10_000 {
		at := clock.Time(k) * clock.Time(time.Hour)
		seen[send(n, 1, 2, at)[0]]++
	}
	for losses := range maxRetransmits {
		wait := ms<<losses - ms
		requireShare(t, sim.Million>>(losses+1), 10_000, seen[wait])
		delete(seen, wait)
	}
	requireShare(t, sim.Million>>maxRetransmits, 10_000, seen[ms<<maxRetransmits-ms])
	require.Len(t, seen, 1)
}

func TestValidate(t *testing.T) {
	require.NoError(t, Link{}.Validate())
	for name, l := range map[string]Link{
		"loss of -1":        {Loss: -1},
		"duplicate of 1000": {Duplicate: sim.Million + 1},
		"reorder of":        {Reorder: -5},
		"reorder by 0s":     {Reorder: 5},
		"reorder by -1ns":   {ReorderBy: -1},
		"bandwidth of -1":   {Bandwidth: -1},
		"retransmits":       {RetransmitAfter: -1},
		"unknown shape 4":   {Latency: Latency{Shape: 4}},
		"latency outside":   {Latency: Latency{Min: -1}},
		"outside 0":         {Latency: Latency{Shape: Exponential, Mean: longest + 1}},
		"from 2ns to 1ns":   {Latency: Latency{Shape: Uniform, Min: 2, Max: 1}},
		"from 3ns to 1ns":   {Latency: Latency{Shape: Exponential, Min: 3, Max: 1}},
		"heavy-tailed":      {Latency: Latency{Shape: HeavyTail, Max: 1}},
		"tail index of 99":  {Latency: Latency{Shape: HeavyTail, Min: 1, Max: 2, Alpha: 99}},
	} {
		err := l.Validate()
		require.ErrorIs(t, err, ErrLink, name)
		require.ErrorContains(t, err, name)
		require.Panics(t, func() { New(1, Config{Link: l}) })
	}
}

func TestShapesAreText(t *testing.T) {
	for s := Constant; s <= HeavyTail; s++ {
		text, err := json.Marshal(Latency{Shape: s})
		require.NoError(t, err)
		var back Latency
		require.NoError(t, json.Unmarshal(text, &back))
		require.Equal(t, s, back.Shape)
	}
	require.ErrorIs(t, new(Shape).UnmarshalText([]byte("normal")), ErrLink)
	require.Equal(t, "Shape(9)", Shape(9).String())
}

func TestWhole(t *testing.T) {
	n := New(1, Config{Clients: func(id sim.NodeID) bool { return id > 3 }})
	heal := n.Cut(OneWay([]sim.NodeID{1}, []sim.NodeID{2}))
	also := n.Cut(Isolate(1))
	require.False(t, n.Whole(2, 1))
	also()
	require.False(t, n.Whole(1, 2))
	require.True(t, n.Whole(2, 1))
	require.True(t, n.Whole(1, 3))
	require.True(t, n.Whole(1, 4), "cuts spare clients")
	heal()
	require.True(t, n.Whole(1, 2))
}
