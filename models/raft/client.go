package raft

import (
	"slices"
	"time"

	"github.com/seedbed-sim/seedbed/sim"
)

// Call is one operation that a Client is to carry out.
type Call struct {
	At time.Duration // not before this, on the client's monotonic clock
	Op Op
}

// ClientConfig is what a Client does, and how patiently.
type ClientConfig struct {
	Servers  []sim.NodeID
	Calls    []Call        // in order of At
	Retry    time.Duration // a server has this long to carry an operation out, then it is the next one's turn; default 200 ms
	Backoff  time.Duration // after a refusal, ask again after this; default 20 ms
	Deadline time.Duration // give an operation up after this; default 3 s
	Patient  time.Duration // on its monotonic clock: it gives up none that begins then or later; 0 means never
}

// Client carries out operations on a service, one after the other, and records them in the world's history. An
// operation that is retried keeps its sequence number, so that it takes effect at most once.
//
// It ends an operation as sim.OK with the service's result. One that it gives up ends as
//
//   - sim.Fail if it is read-only: it had no effect, and never will;
//   - sim.Info otherwise. No refusal proves that a write will not happen: an earlier attempt may be in some log, and
//     even of a single attempt the network may deliver two copies, the first to a leader, the second to its follower
//     self after it stepped down.
//
// A client that is booted again has a new session and goes on with the calls that are not due yet.
type Client struct {
	c       ClientConfig
	session Session
	seq     uint64
	next    int      // the call to start next
	op      *sim.Op  // that is running; nil between two
	req     *Request // of op
	server  int      // the one that is asked, by its place in c.Servers
	turn    int      // the last one that was asked without a hint
}

var (
	callTimer     = sim.Timer{Name: "call"}     // the next call is due
	retryTimer    = sim.Timer{Name: "retry"}    // no answer came
	againTimer    = sim.Timer{Name: "again"}    // a refusal's backoff is over
	deadlineTimer = sim.Timer{Name: "deadline"} // of the running operation
)

// NewClient returns a client.
func NewClient(c ClientConfig) *Client {
	if len(c.Servers) == 0 {
		panic("raft: a client needs servers")
	}
	if c.Retry == 0 {
		c.Retry = 200 * time.Millisecond
	}
	if c.Backoff == 0 {
		c.Backoff = 20 * time.Millisecond
	}
	if c.Deadline == 0 {
		c.Deadline = 3 * time.Second
	}
	return &Client{c: c}
}

// Done reports whether all calls have ended.
func (c *Client) Done() bool { return c.op == nil && c.next == len(c.c.Calls) }

// Start implements sim.Node.
func (c *Client) Start(env sim.Env) {
	c.session = NewSession(env)
	c.server = env.Rand().IntN(len(c.c.Servers))
	c.turn = c.server
	for c.next < len(c.c.Calls) && c.c.Calls[c.next].At < env.Elapsed() {
		c.next++
	}
	c.schedule(env)
}

// schedule starts the next call, or waits for its time.
func (c *Client) schedule(env sim.Env) {
	if c.next == len(c.c.Calls) {
		return
	}
	if wait := c.c.Calls[c.next].At - env.Elapsed(); wait > 0 {
		env.SetTimer(callTimer, wait)
		return
	}
	op := c.c.Calls[c.next].Op
	c.next++
	c.seq++
	c.req = &Request{Client: c.session, Seq: c.seq, Op: op}
	c.op = sim.Invoke(env, op)
	if c.c.Patient == 0 || env.Elapsed() < c.c.Patient {
		env.SetTimer(deadlineTimer, c.c.Deadline)
	}
	c.ask(env)
}

func (c *Client) ask(env sim.Env) {
	env.SetTimer(retryTimer, c.c.Retry)
	c.send(env)
}

func (c *Client) send(env sim.Env) { env.Send(c.c.Servers[c.server], c.req) }

// Receive implements sim.Node.
func (c *Client) Receive(env sim.Env, from sim.NodeID, msg sim.Message) {
	m, ok := msg.(*Response)
	if !ok || c.op == nil || m.Client != c.session || m.Seq != c.seq {
		return
	}
	if m.Status == Done {
		c.end(env, sim.OK, m.Result)
		return
	}
	if from != c.c.Servers[c.server] {
		return // it was given up before
	}
	// Not at once: two servers that take each other for the leader would keep a client busy for ever. One that cannot read
	// yet is asked again while its time lasts: a leader that is cut off never can.
	if m.Status == NotLeader {
		c.follow(m.Leader)
		env.SetTimer(retryTimer, c.c.Backoff+c.c.Retry)
	}
	env.SetTimer(againTimer, c.c.Backoff)
}

// follow moves to the server that is said to lead, or to the next in turn. A hint is no turn: else a client would go to and
// fro between a leader that is cut off, and silent, and its followers, and never come to the others.
func (c *Client) follow(hint sim.NodeID) {
	if i := slices.Index(c.c.Servers, hint); i >= 0 && i != c.server {
		c.server = i
		return
	}
	was := c.server
	for range 2 { // two, if this turn is that of the one that was just asked
		c.turn = (c.turn + 1) % len(c.c.Servers)
		if c.server = c.turn; c.server != was {
			return
		}
	}
}

// Timeout implements sim.Node.
func (c *Client) Timeout(env sim.Env, t sim.Timer) {
	switch t {
	case callTimer:
		c.schedule(env)
	case retryTimer:
		c.follow(sim.Nobody)
		env.StopTimer(againTimer)
		c.ask(env)
	case againTimer:
		c.send(env)
	case deadlineTimer:
		if c.req.Op.ReadOnly() {
			c.end(env, sim.Fail, nil)
		} else {
			c.end(env, sim.Info, nil)
		}
	}
}

func (c *Client) end(env sim.Env, outcome sim.Outcome, result any) {
	sim.Complete(env, c.op, outcome, result)
	c.op = nil
	env.StopTimer(retryTimer)
	env.StopTimer(againTimer)
	env.StopTimer(deadlineTimer)
	c.schedule(env)
}
