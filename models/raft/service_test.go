package raft

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/disksim"
	"github.com/seedbed-sim/seedbed/sim"
)

// server is a group of one, whose client the test plays.
type server struct {
	*sim.Recorder
	t *testing.T
}

func newServer(t *testing.T, service func(Config) sim.Node) *server {
	r := sim.NewRecorder(sim.Config{Disk: func(id sim.NodeID) sim.Storage { return disksim.New(1, id, disksim.Config{}) }}, 1, 2,
		func(sim.NodeID) sim.Node { return service(Config{Peers: []sim.NodeID{1}}) })
	r.Advance(400 * ms)
	t.Cleanup(func() { require.Nil(t, r.World.Violation()) })
	return &server{r, t}
}

// ask sends a request of session 9 and returns the answer.
func (s *server) ask(seq uint64, op Op) *Response {
	s.t.Helper()
	s.Receive(2, &Request{Client: 9, Seq: seq, Op: op})
	sent := s.Take()
	require.Len(s.t, sent, 1)
	require.Equal(s.t, sim.NodeID(2), sent[0].To)
	return sent[0].Msg.(*Response)
}

func TestKV(t *testing.T) {
	s := newServer(t, func(c Config) sim.Node { return NewKV(c) })
	for i, c := range []struct {
		op   KVOp
		want KVResult
	}{
		{KVOp{Kind: KVGet, Key: "k"}, KVResult{}},
		{KVOp{Kind: KVCAS, Key: "k", Value: "x"}, KVResult{}},
		{KVOp{Kind: KVAppend, Key: "k", Value: "a"}, KVResult{OK: true}},
		{KVOp{Kind: KVAppend, Key: "k", Value: "b"}, KVResult{OK: true}},
		{KVOp{Kind: KVGet, Key: "k"}, KVResult{Value: "ab", OK: true}},
		{KVOp{Kind: KVGet, Key: "k", Via: ViaReadIndex}, KVResult{Value: "ab", OK: true}},
		{KVOp{Kind: KVCAS, Key: "k", Old: "a", Value: "x"}, KVResult{}},
		{KVOp{Kind: KVCAS, Key: "k", Old: "ab", Value: "x"}, KVResult{OK: true}},
		{KVOp{Kind: KVPut, Key: "k", Value: "y"}, KVResult{OK: true}},
		{KVOp{Kind: KVDelete, Key: "k"}, KVResult{OK: true}},
		{KVOp{Kind: KVDelete, Key: "k"}, KVResult{}},
		{KVOp{Kind: KVGet, Key: "k", Via: ViaReadIndex}, KVResult{}},
	} {
		m := s.ask(uint64(i+1), c.op)
		require.Equal(t, &Response{Client: 9, Seq: uint64(i + 1), Result: c.want}, m, "%v", c.op)
	}
}

func TestLogService(t *testing.T) {
	s := newServer(t, func(c Config) sim.Node { return NewLogService(c) })
	for i, c := range []struct {
		op   LogOp
		want LogResult
	}{
		{LogOp{Kind: LogRead, Count: 5}, LogResult{}},
		{LogOp{Record: "a"}, LogResult{Offset: 0}},
		{LogOp{Record: ""}, LogResult{Offset: 1}},
		{LogOp{Record: "c"}, LogResult{Offset: 2}},
		{LogOp{Kind: LogRead, Count: 2}, LogResult{Records: "a\n\n"}},
		{LogOp{Kind: LogRead, Offset: 1, Count: 5, Via: ViaReadIndex}, LogResult{Offset: 1, Records: "\nc\n"}},
		{LogOp{Kind: LogRead, Offset: 9, Count: 5}, LogResult{Offset: 9}},
	} {
		m := s.ask(uint64(i+1), c.op)
		require.Equal(t, &Response{Client: 9, Seq: uint64(i + 1), Result: c.want}, m, "%v", c.op)
	}
	require.Equal(t, []string{"", "c"}, Records("\nc\n").List())
	require.Empty(t, Records("").List())
}

func TestSessions(t *testing.T) {
	s := newServer(t, func(c Config) sim.Node { return NewLogService(c) })
	require.Equal(t, LogResult{Offset: 0}, s.ask(1, LogOp{Record: "a"}).Result)
	require.Equal(t, LogResult{Offset: 1}, s.ask(5, LogOp{Record: "b"}).Result, "numbers need not be dense")
	require.Equal(t, LogResult{Offset: 1}, s.ask(5, LogOp{Record: "b"}).Result, "a duplicate gets the first result")
	require.Contains(t, s.Facts, DuplicateSuppressed{Client: 9, Seq: 5})
	require.Equal(t, &Response{Client: 9, Seq: 2, Status: Stale}, s.ask(2, LogOp{Record: "c"}))
	require.Equal(t, Records("a\nb\n"), s.ask(6, LogOp{Kind: LogRead, Count: 9}).Result.(LogResult).Records)

	s.World.Crash(1)
	s.World.Restart(1)
	s.Advance(400 * ms)
	s.Take()
	require.Equal(t, Records("a\nb\n"), s.ask(6, LogOp{Record: "c"}).Result.(LogResult).Records, "sessions come back with the log")
}

// A leader that steps down sends those who wait to the next one.
func TestServiceDismisses(t *testing.T) {
	var kv *KV
	r := sim.NewRecorder(sim.Config{Disk: func(id sim.NodeID) sim.Storage { return disksim.New(1, id, disksim.Config{}) }}, 1, 4,
		func(sim.NodeID) sim.Node {
			kv = NewKV(Config{Peers: []sim.NodeID{1, 2, 3}})
			return kv
		})
	write, read := &Request{Client: 9, Seq: 1, Op: KVOp{Kind: KVPut}}, &Request{Client: 8, Seq: 1, Op: KVOp{Via: ViaReadIndex}}
	ask := func(req *Request) (answers []sim.Message) {
		r.Receive(4, req)
		for _, s := range r.Take() {
			if m, ok := s.Msg.(*Response); ok {
				answers = append(answers, m)
			}
		}
		return answers
	}
	r.Take()
	require.Equal(t, []sim.Message{&Response{Client: 9, Seq: 1, Status: NotLeader}}, ask(write))
	r.Do(func(env sim.Env) { kv.raft.campaign(env) })
	r.Receive(2, &VoteResponse{Term: 1, Granted: true})
	require.Equal(t, []sim.Message{&Response{Client: 8, Seq: 1, Status: Unready}}, ask(read))
	r.Receive(2, &AppendResponse{Term: 1, Index: 1})
	require.Empty(t, ask(write))
	require.Empty(t, ask(read))
	require.Equal(t, 2, kv.Inspect().(*ServiceState).Waiting)

	r.Receive(3, &AppendEntries{Term: 2})
	var answers []sim.Message
	for _, s := range r.Take() {
		if s.To == 4 {
			answers = append(answers, s.Msg)
		}
	}
	require.Equal(t, []sim.Message{
		&Response{Client: 9, Seq: 1, Status: NotLeader, Leader: 3},
		&Response{Client: 8, Seq: 1, Status: NotLeader, Leader: 3},
	}, answers)
	require.Equal(t, []sim.Message{&Response{Client: 9, Seq: 1, Status: NotLeader, Leader: 3}}, ask(write))
}
