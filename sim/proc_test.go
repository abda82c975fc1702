package sim_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
)

// call is one waiting call of a body.
type call struct {
	kind    string
	d       time.Duration
	tries   int // of the answer that a Call accepts
	answers int
}

// letter is a message on its way to the body.
type letter struct {
	at  clock.Time
	msg any
}

// What Sleep, Recv and Call return, and when, is what a list of arrivals says.
func TestWaitingCalls(t *testing.T) {
	const latency = ms
	rapid.Check(t, func(t *rapid.T) {
		ns := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "ns"), 0))
		span := func(most int, label string) time.Duration { // hardly two are equal
			return time.Duration(below(t, most, label))*ms + time.Duration(1+ns.IntN(1<<19))
		}
		var letters []letter
		for i := range below(t, 16, "letters") {
			letters = append(letters, letter{at(span(60, "at")), i})
		}
		slices.SortStableFunc(letters, func(a, b letter) int { return int(a.at - b.at) })
		var calls []call
		for range below(t, 16, "calls") {
			c := call{kind: []string{"sleep", "recv", "poll", "forever", "call", "timer"}[below(t, 6, "kind")], d: span(12, "d")}
			c.answers = below(t, 4, "answers")
			c.tries = below(t, 4, "tries")
			calls = append(calls, c)
		}

		var got []string
		finished := false
		w := sim.New(sim.Config{Seed: rapid.Uint64().Draw(t, "seed"), Network: spread{}})
		defer w.Close()
		w.Add(proc(func(p *sim.Proc) {
			for k, c := range calls {
				line := ""
				switch c.kind {
				case "sleep":
					p.Sleep(c.d)
				case "recv":
					m, ok := p.Recv(c.d)
					line = fmt.Sprint(m.Msg, ok)
				case "poll":
					m, ok := p.Recv(0)
					line = fmt.Sprint(m.Msg, ok)
				case "forever":
					m, ok := p.Recv(sim.Forever)
					line = fmt.Sprint(m.Msg, ok)
				case "call":
					m, ok := p.Call(2, k, c.d, func(m sim.Message) bool { return m == answer{k, c.tries} })
					line = fmt.Sprint(m, ok)
				case "timer":
					p.SetTimer(sim.Timer{Name: "own", Key: uint64(k)}, c.d)
				}
				got = append(got, fmt.Sprint(k, p.Now().Exact(), line))
			}
			finished = true
		}))
		w.Add(node(&script{receive: func(env sim.Env, from sim.NodeID, m sim.Message) { // answers a few times
			for i := range calls[m.(int)].answers {
				env.Send(from, answer{m.(int), i})
			}
		}}))
		w.Add(node(&script{}))
		for _, l := range letters {
			w.At(l.at, func() { w.Do(3, func(env sim.Env) { env.Send(1, l.msg) }) })
		}
		require.True(t, w.RunUntil(at(10*time.Second)))

		// The same from a list.
		var want []string
		var now clock.Time
		done := true
		for i := range letters {
			letters[i].at += clock.Time(latency)
		}
		post := func(l letter) {
			i := len(letters)
			for i > 0 && letters[i-1].at > l.at {
				i--
			}
			letters = slices.Insert(letters, i, l)
		}
		take := func(until clock.Time, match func(any) bool) (any, bool) {
			for i, l := range letters {
				if l.at <= until && match(l.msg) {
					letters = slices.Delete(letters, i, i+1)
					now = max(now, l.at)
					return l.msg, true
				}
			}
			now = until
			return nil, false
		}
		anything := func(any) bool { return true }
	script:
		for k, c := range calls {
			line := ""
			switch c.kind {
			case "sleep":
				now = now.Add(c.d)
			case "recv":
				m, ok := take(now.Add(c.d), anything)
				line = fmt.Sprint(m, ok)
			case "poll":
				m, ok := take(now, anything)
				line = fmt.Sprint(m, ok)
			case "forever":
				m, ok := take(clock.Never, anything)
				if !ok {
					done = false
					break script
				}
				line = fmt.Sprint(m, ok)
			case "call":
				for i := range c.answers {
					post(letter{now.Add(2*latency + time.Duration(i)), answer{k, i}})
				}
				m, ok := take(now.Add(c.d), func(m any) bool { return m == answer{k, c.tries} })
				line = fmt.Sprint(m, ok)
			case "timer":
				post(letter{now.Add(c.d), sim.Timer{Name: "own", Key: uint64(k)}})
			}
			want = append(want, fmt.Sprint(k, now.Exact(), line))
		}
		require.Equal(t, want, got)
		require.Equal(t, done, finished)
	})
}

// answer is the i-th to request k.
type answer struct{ k, i int }

// spread delivers the answers to a request one after the other.
type spread struct{}

func (spread) Send(p *sim.Packet) {
	a, _ := p.Msg.(answer)
	p.Fate.Add(ms + time.Duration(a.i))
}

func (spread) Arrive(*sim.Packet) sim.Arrival { return sim.Arrival{} }
