package sim

import (
	"math/rand/v2"
	"strings"
	"time"
)

// Scoped is a message or fact of a component inside a node, on its way through
// the node: the component's scope, and what it sent or claimed.
type Scoped struct {
	Scope string
	Inner any
}

// Sub gives a component inside a node a scoped Env: its timers, files, stream,
// messages and facts carry the scope, such as "raft/3". The node hands on what
// arrives for it:
//
//	func (h *Host) Receive(env sim.Env, from sim.NodeID, msg sim.Message) {
//		if m, ok := sim.InnerMessage(msg, "raft/3"); ok {
//			h.raft.Receive(sim.Sub(env, "raft/3"), from, m)
//		}
//	}
//
// Scopes nest. A Sub of one scope is made once per incarnation; asking again is
// cheap.
func Sub(env Env, scope string) Env {
	env = unwrap(env)
	path := scope
	outer, ok := env.(*sub)
	if ok {
		path = outer.path + "/" + scope
	}
	r := env.base().slow()
	key := subKey{outer, scope}
	if s, ok := r.subs[key]; ok {
		return s
	}
	if r.subs == nil {
		r.subs = make(map[subKey]*sub)
	}
	s := &sub{Env: env, scope: scope, path: path}
	r.subs[key] = s
	return s
}

// unwrap returns the Env that a Proc is made of.
func unwrap(env Env) Env {
	if p, ok := env.(*Proc); ok {
		return p.Env
	}
	return env
}

// Outer returns the Env that a scoped one was made from: a component hands its
// own to callbacks, and the node around it speaks for itself.
func Outer(env Env) Env {
	if s, ok := unwrap(env).(*sub); ok {
		return s.Env
	}
	return env
}

// InnerMessage returns what a component of this scope sent.
func InnerMessage(msg Message, scope string) (Message, bool) {
	s, ok := msg.(Scoped)
	if !ok || s.Scope != scope {
		return nil, false
	}
	return s.Inner, true
}

// InnerTimer returns the timer that a component of this scope set.
func InnerTimer(t Timer, scope string) (Timer, bool) {
	name, ok := strings.CutPrefix(t.Name, scope)
	if !ok || !strings.HasPrefix(name, ":") {
		return Timer{}, false
	}
	return Timer{Name: name[1:], Key: t.Key}, true
}

// subKey tells a sub from all others of its incarnation.
type subKey struct {
	outer *sub // nil: the node itself
	scope string
}

// sub is an Env whose names carry a scope, around the Env it was made from.
type sub struct {
	Env
	scope string // what it adds to the names of Env
	path  string // all scopes from the node on
	rand  *rand.Rand
	disk  *subDisk
	names map[string]string // timer names with their scope, made once
}

func (s *sub) Send(to NodeID, msg Message) { s.Env.Send(to, Scoped{s.scope, msg}) }
func (s *sub) Emit(fact Fact)              { s.Env.Emit(Scoped{s.scope, fact}) }

func (s *sub) SetTimer(t Timer, d time.Duration) { s.Env.SetTimer(s.timer(t), d) }
func (s *sub) StopTimer(t Timer)                 { s.Env.StopTimer(s.timer(t)) }

func (s *sub) Logf(format string, args ...any) {
	if s.base().w.config.Observer != nil {
		s.Env.Logf("%s: "+format, append([]any{s.scope}, args...)...)
	}
}

func (s *sub) Rand() *rand.Rand {
	if s.rand == nil {
		n := s.base()
		s.rand = NewStream(n.w.config.Seed, "node/"+s.path, uint64(n.id), uint64(n.number)).Rand()
	}
	return s.rand
}

func (s *sub) Disk() Disk {
	if s.disk == nil {
		s.disk = &subDisk{s, s.Env.Disk()}
	}
	return s.disk
}

func (s *sub) timer(t Timer) Timer {
	name, ok := s.names[t.Name]
	if !ok {
		if s.names == nil {
			s.names = make(map[string]string)
		}
		name = s.scope + ":" + t.Name
		s.names[t.Name] = name
	}
	return Timer{Name: name, Key: t.Key}
}

// subDisk is the part of a disk below a scope; a sync is the whole disk's.
type subDisk struct {
	s    *sub
	disk Disk
}

func (d *subDisk) prefix() string { return d.s.scope + "/" }

func (d *subDisk) Open(name string) File { return subFile{d.disk.Open(d.prefix() + name), name} }

func (d *subDisk) List(prefix string) []string {
	names := d.disk.List(d.prefix() + prefix)
	inner := make([]string, len(names))
	for i, name := range names {
		inner[i] = strings.TrimPrefix(name, d.prefix())
	}
	return inner
}

func (d *subDisk) Rename(from, to string) error {
	return d.disk.Rename(d.prefix()+from, d.prefix()+to)
}
func (d *subDisk) Remove(name string) error    { return d.disk.Remove(d.prefix() + name) }
func (d *subDisk) Sync() error                 { return d.disk.Sync() }
func (d *subDisk) StartSync(done Timer)        { d.disk.StartSync(d.s.timer(done)) }
func (d *subDisk) SyncResult(done Timer) error { return d.disk.SyncResult(d.s.timer(done)) }

type subFile struct {
	File
	name string
}

func (f subFile) Name() string { return f.name }
