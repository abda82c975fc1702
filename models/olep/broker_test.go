package olep

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/disksim"
	"github.com/seedbed-sim/seedbed/sim"
)

// one is a cluster of one broker with two partitions.
var one = Cluster{Partitions: 2, Hosts: func(int) []sim.NodeID { return []sim.NodeID{1} }}

// newBroker boots a broker whose disk takes a millisecond to sync, and loses what is not synced.
func newBroker(t *testing.T, c BrokerConfig) *sim.Recorder {
	disk := disksim.Config{SyncMin: time.Millisecond, SyncMax: time.Millisecond, Crash: []disksim.Mode{disksim.LoseAll}}
	c.Cluster = one
	r := sim.NewRecorder(sim.Config{Disk: func(id sim.NodeID) sim.Storage { return disksim.New(1, id, disk) }}, 1, 3,
		func(id sim.NodeID) sim.Node { return NewBroker(id, c) })
	t.Cleanup(r.World.Close)
	return r
}

// answers are those that a broker has sent.
func answers(r *sim.Recorder) (list []Response) {
	for _, s := range r.Take() {
		list = append(list, *s.Msg.(*Response))
	}
	return list
}

func TestBrokerAnswersWhatIsDurable(t *testing.T) {
	r := newBroker(t, BrokerConfig{})
	batch := &Append{Records: []Record{put("a", "1"), put("a", "2")}}
	for id := range uint64(3) { // the second and third share a sync
		r.Receive(2, &Request{ID: id, Do: batch})
	}
	r.Receive(2, &Request{ID: 3, Do: Read{From: 1, Max: 9}})
	require.Equal(t, []Response{{ID: 3, Result: Records{From: 1, Next: 1, Entries: nil}}}, answers(r), "nobody reads what is not durable")
	r.Advance(time.Millisecond)
	require.Equal(t, []Response{{ID: 0, Result: LSN(1)}}, answers(r))
	r.Advance(time.Millisecond)
	require.Equal(t, []Response{{ID: 1, Result: LSN(3)}, {ID: 2, Result: LSN(5)}}, answers(r))
	require.EqualValues(t, 2, r.World.Count(sim.KindSync))

	r.Receive(2, &Request{ID: 4, Do: batch})
	r.World.Crash(1)
	r.World.Restart(1)
	r.Advance(10 * time.Millisecond)
	require.Empty(t, answers(r), "what is done again is not answered again")
	r.Receive(2, &Request{ID: 5, Do: batch})
	r.Advance(time.Millisecond)
	require.Equal(t, []Response{{ID: 5, Result: LSN(7)}}, answers(r), "what was not synced is lost, and nothing else")
}

func TestBrokerRefuses(t *testing.T) {
	r := newBroker(t, BrokerConfig{Partition: PartitionConfig{MaxRecord: 3}})
	for _, c := range []struct {
		part int
		do   any
		want Refusal
	}{
		{2, Read{From: 1}, Refusal{Why: UnknownPartition}},
		{Coordinator, Read{From: 1}, Refusal{Why: UnknownPartition}},
		{0, Read{From: 0}, Refusal{Trimmed, 1}},
		{0, Read{From: 2}, Refusal{BeyondEnd, 1}},
		{0, &Append{Records: []Record{put("a", "long")}}, Refusal{TooLarge, 3}},
		{Coordinator, Join{Member: 7}, Refusal{Why: Malformed}},
		{Coordinator, Heartbeat{"g", 7, 1}, Refusal{Why: UnknownMember}},
	} {
		r.Receive(2, &Request{ID: 9, Part: c.part, Do: c.do})
		require.Equal(t, []Response{{ID: 9, No: c.want}}, answers(r), "at once, without a command: %+v", c)
	}
	require.Zero(t, r.World.Count(sim.KindSync))
}

func TestBrokerTakesOutSilentMembers(t *testing.T) {
	r := newBroker(t, BrokerConfig{Session: time.Second})
	groups := func() *Groups { return r.World.Node(1).(*Broker).Groups() }
	r.Receive(2, &Request{Part: Coordinator, Do: Join{"g", 7}})
	r.Receive(3, &Request{Part: Coordinator, Do: Join{"g", 8}})
	for range 20 {
		r.Advance(100 * time.Millisecond)
		r.Receive(2, &Request{Part: Coordinator, Do: Heartbeat{"g", 7, 2}})
	}
	require.Equal(t, []Leave{{"g", 7}}, groups().Members())
	r.World.Crash(1) // a coordinator that boots has heard of nobody, and gives them their time
	r.World.Restart(1)
	r.Advance(900 * time.Millisecond)
	require.Equal(t, []Leave{{"g", 7}}, groups().Members())
	r.Advance(time.Second)
	require.Empty(t, groups().Members())
}

func TestBrokerTrimsAndCompactsByItself(t *testing.T) {
	r := newBroker(t, BrokerConfig{Partition: PartitionConfig{Retain: time.Second, Compact: 2}})
	p := func() *Partition { return r.World.Node(1).(*Broker).Partition(0) }
	r.Receive(2, &Request{Do: &Append{Records: []Record{put("a", "1"), put("a", "2")}}})
	r.Advance(200 * time.Millisecond)
	require.Equal(t, []LSN{2}, lsns(p().Entries()))
	r.Advance(time.Second)
	require.Equal(t, PartitionState{Low: 3, Next: 3}, p().State())
	r.World.Crash(1)
	r.World.Restart(1)
	require.Equal(t, PartitionState{Low: 3, Next: 3}, p().State(), "that is durable, too")
}

// script is a broker that does what a test says with the n-th request.
type script struct {
	n  int
	do func(env sim.Env, n int, req *Request) *Response
}

func (s *script) Start(sim.Env)              {}
func (s *script) Timeout(sim.Env, sim.Timer) {}
func (s *script) Receive(env sim.Env, from sim.NodeID, msg sim.Message) {
	s.n++
	if m := s.do(env, s.n, msg.(*Request)); m != nil {
		m.ID = msg.(*Request).ID
		env.Send(from, m)
	}
}

// play has a client meet a scripted broker.
func play(t *testing.T, do func(env sim.Env, n int, req *Request) *Response, client func(p *sim.Proc)) {
	w := sim.New(sim.Config{Seed: 1})
	t.Cleanup(w.Close)
	w.Add(func(sim.NodeID) sim.Node { return &script{do: do} })
	w.Add(func(sim.NodeID) sim.Node { return sim.Spawn(client) })
	w.RunUntil(0)
	w.RunUntil(w.Now().Add(time.Minute))
	require.Nil(t, w.Violation())
}

func TestProducerKeepsItsPlace(t *testing.T) {
	var asked []any
	done := false
	batch := []Record{put("a", "1"), put("a", "2")}
	play(t, func(_ sim.Env, n int, req *Request) *Response {
		asked = append(asked, req.Do)
		switch n {
		case 1: // somebody else has opened four epochs
			return &Response{No: Refusal{Fenced, 4}}
		case 2, 4:
			return &Response{Result: LSN(1)}
		case 6:
			return &Response{Result: LSN(3)}
		case 7:
			return &Response{No: Refusal{Fenced, 6}}
		case 8:
			return &Response{}
		case 9:
			return &Response{No: Refusal{TooLarge, 1}}
		default: // no answer: 3 and 5
			return nil
		}
	}, func(p *sim.Proc) {
		w := NewProducer(p, "p", ClientConfig{Cluster: one})
		for _, want := range []struct {
			lsn LSN
			err error
		}{{1, nil}, {3, nil}, {0, ErrUnsure}, {0, Refusal{TooLarge, 1}}} {
			lsn, err := w.Append(p, 0, batch)
			require.Equal(t, want.lsn, lsn)
			require.Equal(t, want.err, err)
		}
		done = true
	})
	require.True(t, done)
	by := asked[0].(Open).By
	first, second := &Append{"p", 5, 0, batch}, &Append{"p", 5, 2, batch}
	require.Equal(t, []any{
		Open{"p", 1, by}, Open{"p", 5, by}, first, first, second, second, &Append{"p", 5, 4, batch}, Open{"p", 6, by}, &Append{"p", 6, 0, batch},
	}, asked)
}

func TestProducerGivesUp(t *testing.T) {
	done := false
	play(t, func(sim.Env, int, *Request) *Response { return nil }, func(p *sim.Proc) {
		_, err := NewProducer(p, "p", ClientConfig{Cluster: one}).Append(p, 0, []Record{put("a", "1")})
		require.Equal(t, Refusal{Why: NotOpen}, err, "nothing of it was sent")
		_, err = NewProducer(p, "", ClientConfig{Cluster: one}).Append(p, 0, []Record{put("a", "1")})
		require.Equal(t, ErrUnsure, err)
		require.Equal(t, 2*3*time.Second, p.Elapsed().Round(time.Second))
		done = true
	})
	require.True(t, done)
}

func TestConsumerCommitsWhatItHasProcessed(t *testing.T) {
	var asked []any
	processed := 0
	entries := []Entry{{LSN: 5, Record: put("a", "1")}, {LSN: 7, Record: put("a", "2")}}
	w := sim.New(sim.Config{Seed: 1})
	t.Cleanup(w.Close)
	w.Watch(func(s *sim.Step) {
		if _, ok := s.Payload.(Delivered); ok {
			processed++
		}
	})
	w.Add(func(sim.NodeID) sim.Node {
		return &script{do: func(_ sim.Env, n int, req *Request) *Response {
			switch do := req.Do.(type) {
			case Join:
				return &Response{Result: &Assignment{Generation: 3, Partitions: []int{1}, Offsets: []LSN{2}}}
			case Read:
				asked = append(asked, do)
				switch do.From {
				case 2:
					return &Response{No: Refusal{Trimmed, 4}}
				case 4:
					return &Response{Result: Records{From: 4, Next: 8, Entries: entries}}
				default:
					return &Response{Result: Records{From: 8, Next: 8}}
				}
			case Commit:
				require.Equal(t, 1, processed)
				do.Member = 0
				asked = append(asked, do)
				return &Response{}
			default:
				return &Response{}
			}
		}}
	})
	w.Add(func(sim.NodeID) sim.Node {
		return sim.Spawn(func(p *sim.Proc) {
			Consume(p, ConsumerConfig{ClientConfig: ClientConfig{Cluster: one}, Group: "g", Work: time.Millisecond})
		})
	})
	w.RunUntil(0)
	w.RunUntil(w.Now().Add(30 * time.Millisecond))
	require.Nil(t, w.Violation())
	require.Equal(t, []any{
		Read{From: 2, Max: 64}, Read{From: 4, Max: 64}, Commit{Group: "g", Generation: 3, Partition: 1, Offset: 8}, Read{From: 8, Max: 64},
	}, asked)
}
