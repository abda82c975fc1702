package trace_test

import (
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/trace"
)

// leaderNode replicates a log among five nodes, the first of which leads: messages, state and facts of the size and
// variety of a consensus protocol.
type leaderNode struct {
	Role   role
	Term   uint64
	Commit uint64
	Peers  []sim.NodeID
	match  map[sim.NodeID]uint64
	next   [5]uint64
	log    []logEntry
	rounds uint64
}

type logEntry struct {
	Term uint64
	Cmd  []byte
}

type replicate struct {
	Term, Prev, PrevTerm, Commit uint64
	Entries                      []logEntry
}

func (m *replicate) String() string {
	return fmt.Sprintf("Replicate{Term:%d Prev:%d/%d Commit:%d Entries:%d}", m.Term, m.Prev, m.PrevTerm, m.Commit, len(m.Entries))
}

type replicated struct {
	Term, Match uint64
	OK          bool
}

type committed struct{ Index, Term uint64 }

var beat = sim.Timer{Name: "beat"}

func (n *leaderNode) Start(env sim.Env) {
	n.Peers, n.match, n.Term = []sim.NodeID{1, 2, 3, 4, 5}, make(map[sim.NodeID]uint64), 1
	n.log = make([]logEntry, 1)
	if env.ID() == 1 {
		n.Role = 2
	}
	env.SetTimer(beat, 10*time.Millisecond)
}

func (n *leaderNode) Timeout(env sim.Env, t sim.Timer) {
	env.SetTimer(beat, 10*time.Millisecond)
	if n.Role != 2 {
		return
	}
	if n.rounds++; n.rounds%4 == 0 {
		n.log = append(n.log, logEntry{n.Term, fmt.Appendf(nil, "put key%d value%d", n.rounds%17, n.rounds)})
	}
	for _, id := range n.Peers[1:] {
		prev := min(n.next[id-1], uint64(len(n.log)-1))
		env.Send(id, &replicate{Term: n.Term, Prev: prev, PrevTerm: n.log[prev].Term, Commit: n.Commit, Entries: n.log[prev+1:]})
	}
}

func (n *leaderNode) Receive(env sim.Env, from sim.NodeID, msg sim.Message) {
	switch m := msg.(type) {
	case *replicate:
		env.SetTimer(beat, 30*time.Millisecond)
		ok := m.Prev < uint64(len(n.log))
		if ok && len(m.Entries) > 0 {
			n.log = append(n.log[:m.Prev+1], m.Entries...)
		}
		n.commit(env, m.Commit)
		env.Send(from, &replicated{n.Term, uint64(len(n.log) - 1), ok})
	case *replicated:
		n.match[from] = max(n.match[from], m.Match)
		n.next[from-1] = m.Match
		count := 1
		for _, match := range n.match {
			if match >= uint64(len(n.log)-1) {
				count++
			}
		}
		if count > 2 {
			n.commit(env, uint64(len(n.log)-1))
		}
	}
}

func (n *leaderNode) commit(env sim.Env, to uint64) {
	if to = min(to, uint64(len(n.log)-1)); to > n.Commit {
		n.Commit = to
		env.Emit(committed{to, n.Term})
	}
}

// jitter is a network that delays by 1 to 5 ms, to the nanosecond, and loses a packet in 50.
type jitter struct{ draw *sim.Stream }

func (j jitter) Send(p *sim.Packet) {
	if !j.draw.Chance(20_000) {
		p.Fate.Add(j.draw.Between(time.Millisecond, 5*time.Millisecond))
	}
}

func (jitter) Arrive(*sim.Packet) sim.Arrival { return sim.Arrival{} }

func runLeader(o sim.Observer, until clock.Time) *sim.World {
	draw := sim.NewStream(1, "jitter")
	w := sim.New(sim.Config{Seed: 1, Network: jitter{&draw}, Observer: o})
	for range 5 {
		w.Add(func(sim.NodeID) sim.Node { return &leaderNode{} })
	}
	w.RunUntil(until)
	w.Close()
	return w
}

// size counts what is written.
type size int

func (s *size) Write(p []byte) (int, error) { *s += size(len(p)); return len(p), nil }

func TestStepsAreSmall(t *testing.T) {
	var s size
	r, err := trace.NewRecorder(&s, header)
	require.NoError(t, err)
	w := runLeader(r, clock.Time(30*time.Second))
	require.NoError(t, r.Close(trace.Outcome{}))
	require.Greater(t, w.Steps(), uint64(20_000))
	require.Less(t, float64(s)/float64(w.Steps()), 12.0, "bytes per step")
}

// BenchmarkRecord is a run that nobody looks at, the same run before an observer that does nothing, and recorded.
func BenchmarkRecord(b *testing.B) {
	for _, c := range []struct {
		name string
		new  func(w io.Writer) sim.Observer
	}{
		{"unrecorded", func(io.Writer) sim.Observer { return nil }},
		{"observed", func(io.Writer) sim.Observer { return observer{} }},
		{"recorded", func(w io.Writer) sim.Observer {
			r, err := trace.NewRecorder(w, header)
			require.NoError(b, err)
			return r
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			var written size
			steps := uint64(0)
			for b.Loop() {
				o := c.new(&written)
				steps += runLeader(o, clock.Time(60*time.Second)).Steps()
				if r, ok := o.(*trace.Recorder); ok {
					require.NoError(b, r.Close(trace.Outcome{}))
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(steps), "ns/step")
			b.ReportMetric(float64(written)/float64(steps), "bytes/step")
		})
	}
}

type observer struct{}

func (observer) Step(*sim.Step)                  {}
func (observer) Log(sim.NodeID, string)          {}
func (observer) Settled(uint64, sim.NodeID, any) {}

// BenchmarkRead is reading back what BenchmarkRecord records: all of it, without and with texts, and a window.
func BenchmarkRead(b *testing.B) {
	var file fileBuffer
	r, err := trace.NewRecorder(&file, header)
	require.NoError(b, err)
	steps := runLeader(r, clock.Time(60*time.Second)).Steps()
	require.NoError(b, r.Close(trace.Outcome{}))
	t := opened(b, file)
	b.Run("all", func(b *testing.B) {
		for b.Loop() {
			for _, err := range t.All() {
				require.NoError(b, err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(steps), "ns/step")
	})
	b.Run("causal", func(b *testing.B) {
		for b.Loop() {
			_, err := t.Causal()
			require.NoError(b, err)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(steps), "ns/step")
	})
	b.Run("window", func(b *testing.B) {
		for b.Loop() {
			for _, err := range t.Window(steps/2, steps/2+50) {
				require.NoError(b, err)
			}
		}
	})
}

type fileBuffer []byte

func (f *fileBuffer) Write(p []byte) (int, error) { *f = append(*f, p...); return len(p), nil }
