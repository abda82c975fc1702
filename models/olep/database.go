package olep

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seedbed-sim/seedbed/sim"
)

// What the article warns of: an application that keeps several stores alike without a log.

// Database is a node whose store others write to: at once, with a *Write, or in two phases, with a *Prepare and then a
// *Decide. Whatever it has answered is on its disk.
type Database struct {
	lookup Lookup
	store  *Store
	doubts []*doubt // in the order in which they were prepared
}

// doubt is a transaction that is prepared. Its key is locked, and it is not this node's to end that: whoever coordinates it
// may have decided either way.
type doubt struct {
	tx          string
	coordinator sim.NodeID
	record      Record
}

// The messages of databases, as pointers. A write or transaction has a name of its own.
type (
	// Write asks to write a record, once.
	Write struct {
		Name   string
		Record Record
	}
	// Wrote answers a Write.
	Wrote struct{ Name string }
	// Prepare asks for a promise: to commit if told to, and to keep the key locked until then.
	Prepare struct {
		Tx     string
		Record Record
	}
	// Vote answers a Prepare.
	Vote struct {
		Tx  string
		Yes bool
	}
	// Decide tells what has become of a transaction.
	Decide struct {
		Tx     string
		Commit bool
	}
	// Inquire asks a coordinator what has become of a transaction.
	Inquire struct{ Tx string }
)

// The facts of databases.
type (
	// Stored tells that a record is in a store.
	Stored struct{ Record Record }
	// Promised tells that a transaction is prepared.
	Promised struct{ Tx, Key string }
	// Refused tells that a transaction was not, since another has locked the key.
	Refused struct{ Tx, By string }
	// Resolved tells that a transaction is not in doubt any more.
	Resolved struct {
		Tx     string
		Commit bool
	}
)

var inquireTimer = sim.Timer{Name: "inquire"}

const inquireEvery = 100 * time.Millisecond

// NewDatabase returns a database.
func NewDatabase(l Lookup) *Database { return &Database{lookup: l} }

// Contents are the documents of the store.
func (d *Database) Contents() string {
	if d.store == nil {
		return ""
	}
	return d.lookup.Contents(d.store)
}

// InDoubt lists the transactions that are prepared, with who is to decide them.
func (d *Database) InDoubt() []string {
	var list []string
	for _, q := range d.doubts {
		list = append(list, fmt.Sprintf("%s of %s, which locks %s", q.tx, q.coordinator, q.record.Key))
	}
	return list
}

// Start implements sim.Node.
func (d *Database) Start(env sim.Env) {
	s, err := OpenStore(env.Disk(), "state")
	if err != nil {
		env.Emit(Halted{"database", err.Error()})
		return
	}
	d.store = s
	for _, tx := range s.keys("tx ") {
		if promise, ok := strings.CutPrefix(s.Get("tx "+tx), "promised "); ok {
			e := decode(promise)
			d.doubts = append(d.doubts, &doubt{tx, e.from, e.cmd.(*Append).Records[0]})
		}
	}
	env.SetTimer(inquireTimer, inquireEvery)
}

// Receive implements sim.Node.
func (d *Database) Receive(env sim.Env, from sim.NodeID, msg sim.Message) {
	if d.store == nil {
		return
	}
	switch m := msg.(type) {
	case *Write:
		if d.store.Get("wrote "+m.Name) == "" {
			d.store.Set("wrote "+m.Name, "once")
			if !d.write(env, m.Record) {
				return
			}
		}
		env.Send(from, &Wrote{m.Name})
	case *Prepare:
		if yes := d.prepare(env, from, m); d.commit(env) {
			env.Send(from, &Vote{m.Tx, yes})
		}
	case *Decide:
		d.decide(env, m)
	}
}

// Timeout implements sim.Node: it asks what has become of transactions.
func (d *Database) Timeout(env sim.Env, _ sim.Timer) {
	for _, q := range d.doubts {
		env.Send(q.coordinator, &Inquire{q.tx})
	}
	env.SetTimer(inquireTimer, inquireEvery)
}

// write ends a transaction of the store that has a record.
func (d *Database) write(env sim.Env, r Record) bool {
	d.lookup.Process(env, d.store, Entry{LSN: Through(d.store) + 1, Record: r})
	if !d.commit(env) {
		return false
	}
	env.Emit(Stored{r})
	return true
}

func (d *Database) prepare(env sim.Env, from sim.NodeID, m *Prepare) (yes bool) {
	if was := d.store.Get("tx " + m.Tx); was != "" { // it comes a second time
		return strings.HasPrefix(was, "promised")
	}
	for _, q := range d.doubts {
		if q.record.Key == m.Record.Key {
			env.Emit(Refused{m.Tx, q.tx})
			return false
		}
	}
	e := envelope{from: from, cmd: &Append{Records: []Record{m.Record}}}
	d.store.Set("tx "+m.Tx, "promised "+string(e.encode(nil)))
	d.doubts = append(d.doubts, &doubt{m.Tx, from, m.Record})
	env.Emit(Promised{m.Tx, m.Record.Key})
	return true
}

func (d *Database) decide(env sim.Env, m *Decide) {
	i := slices.IndexFunc(d.doubts, func(q *doubt) bool { return q.tx == m.Tx })
	if i < 0 && d.store.Get("tx "+m.Tx) != "" {
		return
	}
	d.store.Set("tx "+m.Tx, "decided") // a Prepare that is still under way comes too late
	if i < 0 {
		d.commit(env)
		return
	}
	q := d.doubts[i]
	d.doubts = slices.Delete(d.doubts, i, i+1)
	if m.Commit && d.write(env, q.record) || !m.Commit && d.commit(env) {
		env.Emit(Resolved{m.Tx, m.Commit})
	}
}

// commit ends the transaction of the store. One that fails stops the node until its next boot.
func (d *Database) commit(env sim.Env) bool {
	if err := d.store.Commit(); err != nil {
		d.store = nil
		env.Emit(Halted{"database", err.Error()})
		return false
	}
	return true
}

// Save asks an application to write a document to all databases, as a pointer.
type Save struct {
	ID     uint64
	Record Record
}

// Saved answers a Save, as a pointer.
type Saved struct {
	ID uint64
	OK bool // false: nothing is written
}

// ApplicationConfig is how an application writes.
type ApplicationConfig struct {
	Databases []sim.NodeID
	Retry     time.Duration // a database has this long to answer, then it is asked again
	// TwoPhase coordinates a transaction for each document. Otherwise one database is written to after the other, each for as
	// long as it takes.
	TwoPhase bool
	// Last cannot prepare, as many databases cannot, or is Nobody: it is written to when all others have promised, and that
	// it has written is the decision (last resource commit).
	Last sim.NodeID
}

// Application is a node that saves documents, one after the other.
type Application struct {
	sim.Node
	c     ApplicationConfig
	store *Store // what it has decided to commit
	name  Session
	count int
	busy  bool
}

// Between tells that an application has written to some of the databases, and is about to write to the others.
type Between struct{ Record Record }

// NewApplication returns an application.
func NewApplication(c ApplicationConfig) *Application {
	a := &Application{c: c}
	a.Node = sim.Spawn(a.run)
	return a
}

// Busy reports whether there is something to save.
func (a *Application) Busy() bool { return a.busy }

func (a *Application) run(p *sim.Proc) {
	s, err := OpenStore(p.Disk(), "decisions")
	if err != nil {
		p.Emit(Halted{"application", err.Error()})
		return
	}
	a.store, a.name = s, NewSession(p.Env)
	for {
		a.busy = false
		mail, _ := p.Recv(sim.Forever)
		a.busy = true
		switch m := mail.Msg.(type) {
		case *Save:
			a.count++
			name := fmt.Sprintf("%s.%d", a.name, a.count)
			ok := true
			if a.c.TwoPhase {
				if ok, err = a.commit(p, name, m.Record); err != nil {
					p.Emit(Halted{"application", err.Error()})
					return
				}
			} else {
				a.write(p, name, m.Record)
			}
			p.Send(mail.From, &Saved{m.ID, ok})
		case *Inquire: // what is not known to be committed was given up, perhaps by a crash
			p.Send(mail.From, &Decide{m.Tx, s.Get(m.Tx) != ""})
		}
	}
}

// write writes to one database after the other.
func (a *Application) write(p *sim.Proc, name string, r Record) {
	for i, id := range a.c.Databases {
		if i > 0 {
			p.Emit(Between{r})
		}
		a.writeTo(p, id, name, r)
	}
}

// writeTo writes to a database, for as long as it takes.
func (a *Application) writeTo(p *sim.Proc, id sim.NodeID, name string, r Record) {
	for ok := false; !ok; {
		_, ok = p.Call(id, &Write{name, r}, a.c.Retry, func(m sim.Message) bool {
			w, ok := m.(*Wrote)
			return ok && w.Name == name
		})
	}
}

// commit coordinates a transaction: that all have promised and it is committed is one sync of the coordinator's own disk.
// Whoever does not hear of it asks. With a Last there are two decisions, its write and that sync: a crash between them has
// the others told that it was given up.
func (a *Application) commit(p *sim.Proc, tx string, r Record) (bool, error) {
	yes := true
	for _, id := range a.c.Databases {
		yes = yes && (id == a.c.Last || a.prepare(p, id, tx, r))
	}
	if yes && a.c.Last != sim.Nobody {
		a.writeTo(p, a.c.Last, tx, r)
		p.Emit(Between{r})
	}
	if yes {
		a.store.Set(tx, "commit")
		if err := a.store.Commit(); err != nil {
			return false, err
		}
	}
	for _, id := range a.c.Databases {
		if id != a.c.Last {
			p.Send(id, &Decide{tx, yes})
		}
	}
	return yes, nil
}

// prepare asks a database for its promise; one that does not answer has not given it.
func (a *Application) prepare(p *sim.Proc, id sim.NodeID, tx string, r Record) bool {
	for range 3 {
		m, ok := p.Call(id, &Prepare{tx, r}, a.c.Retry, func(m sim.Message) bool {
			v, ok := m.(*Vote)
			return ok && v.Tx == tx
		})
		if ok {
			return m.(*Vote).Yes
		}
	}
	return false
}
