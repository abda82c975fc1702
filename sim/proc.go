package sim

import (
	"iter"
	"runtime"
	"runtime/debug"
	"time"
)

// Spawn returns a node in blocking style: body runs from Start until it
// returns or the incarnation ends. It is an adapter over Node on a coroutine:
// body runs only while a handler of the node does, up to its next Sleep, Recv
// or Call.
//
// A crash ends body at the call it waits in, or, if it runs, at the next one,
// without its later effects; its deferred functions run, and a recover cannot
// keep it alive.
func Spawn(body func(p *Proc)) Node { return &spawned{body: body} }

// Proc is the Env of a body, with the calls that wait. Timers that body sets
// with SetTimer arrive at Recv as a message from the node itself.
type Proc struct {
	Env
	yield   func(struct{}) bool
	mailbox fifo[Mail]
	fired   bool // the timer of the waiting call
	dead    bool // the incarnation is over
}

// Mail is a message that Recv returns.
type Mail struct {
	From NodeID
	Msg  Message
}

// Forever is the timeout of a call that waits as long as it takes.
const Forever = time.Duration(-1)

var procTimer = Timer{Name: "proc"}

// Sleep waits for d of Elapsed. Packets queue meanwhile.
func (p *Proc) Sleep(d time.Duration) {
	p.fired = false
	p.SetTimer(procTimer, d)
	for !p.fired {
		p.wait()
	}
}

// Recv returns the next message, waiting for it up to timeout; false if none
// came.
func (p *Proc) Recv(timeout time.Duration) (Mail, bool) {
	if p.mailbox.empty() && !p.await(timeout, nil) {
		return Mail{}, false
	}
	return p.mailbox.pop(), true
}

// Call sends req and returns the first answer from to that match accepts,
// waiting up to timeout; false if none came. A nil match accepts any message
// from to. Other messages stay for Recv.
func (p *Proc) Call(to NodeID, req Message, timeout time.Duration, match func(Message) bool) (Message, bool) {
	p.Send(to, req)
	seen := 0
	var answer Message
	ok := p.await(timeout, func() bool {
		for ; seen < len(p.mailbox.all()); seen++ {
			if m := p.mailbox.all()[seen]; m.From == to && (match == nil || match(m.Msg)) {
				answer = m.Msg
				p.mailbox.remove(seen)
				return true
			}
		}
		return false
	})
	return answer, ok
}

// await waits until done, which is asked at once and after each input, or
// until timeout. A nil done is any mail.
func (p *Proc) await(timeout time.Duration, done func() bool) bool {
	if done != nil && done() {
		return true
	}
	if timeout == 0 {
		return false
	}
	if p.fired = false; timeout > 0 {
		p.SetTimer(procTimer, timeout)
	}
	for {
		p.wait()
		if done == nil && !p.mailbox.empty() || done != nil && done() {
			if timeout > 0 {
				p.StopTimer(procTimer)
			}
			return true
		}
		if p.fired {
			return false
		}
	}
}

// Op starts a client operation of the history; end it with OK, Fail or Info.
func (p *Proc) Op(input any) Operation { return Operation{p, Invoke(p.Env, input)} }

// Operation is a client operation in progress.
type Operation struct {
	p  *Proc
	op *Op
}

// OK ends the operation with its result.
func (o Operation) OK(output any) { Complete(o.p.Env, o.op, OK, output) }

// Fail ends an operation that certainly took no effect.
func (o Operation) Fail() { Complete(o.p.Env, o.op, Fail, nil) }

// Info ends an operation of which nobody knows.
func (o Operation) Info() { Complete(o.p.Env, o.op, Info, nil) }

// wait hands control back to the world until the next input.
func (p *Proc) wait() {
	if !p.yield(struct{}{}) {
		runtime.Goexit() //seedbed:ok environment ends this coroutine, and reads nothing
	}
}

// spawned drives a body.
type spawned struct {
	body    func(*Proc)
	proc    *Proc
	next    func() (struct{}, bool)
	stop    func()
	running bool // control is in body
}

// Start is part of Node.
func (s *spawned) Start(env Env) {
	s.proc = &Proc{Env: env}
	s.next, s.stop = iter.Pull(func(yield func(struct{}) bool) { //seedbed:ok coroutine one runs at a time, and only inside a handler
		s.proc.yield = yield
		defer keepStack()
		s.body(s.proc)
	})
	r := env.base().slow()
	r.ends = append(r.ends, s.end)
	s.resume()
}

// bodyPanic is a panic of a body with its stack, which the coroutine's end
// would lose.
type bodyPanic struct {
	value any
	stack string
}

func keepStack() {
	if r := recover(); r != nil {
		panic(bodyPanic{r, string(debug.Stack())}) //seedbed:ok environment for readers
	}
}

// Receive is part of Node.
func (s *spawned) Receive(_ Env, from NodeID, msg Message) {
	s.proc.mailbox.push(&Mail{from, msg})
	s.resume()
}

// Timeout is part of Node.
func (s *spawned) Timeout(env Env, t Timer) {
	if t == procTimer {
		s.proc.fired = true
	} else {
		s.proc.mailbox.push(&Mail{env.ID(), t})
	}
	s.resume()
}

func (s *spawned) resume() {
	s.running = true
	s.next()
	s.running = false
	if s.proc.dead { // the incarnation ended while body ran
		s.kill()
	}
}

// end is called when the incarnation ends.
func (s *spawned) end() {
	s.proc.dead = true
	if !s.running {
		s.kill()
	}
}

// kill ends a body that waits. Its Goexit, which no recover can stop, takes
// along the goroutine that calls stop, so that must be one made for it.
func (s *spawned) kill() {
	done := make(chan struct{}) //seedbed:ok channel closed once, for the one that waits below
	go func() {                 //seedbed:ok go the caller waits for it
		defer close(done)                //seedbed:ok channel as above
		defer func() { _ = recover() }() // a deferred function of body panicked: all of it is over anyhow
		s.stop()
	}()
	<-done //seedbed:ok channel as above
}
