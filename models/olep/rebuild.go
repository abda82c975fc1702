package olep

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/seedbed-sim/seedbed/sim"
)

// A view can be made anew, since the log has all that it was made from: by a new version of its processor, which finds a state
// that another version has made, or because somebody asks for it. It is made in its place: in one transaction the old state
// goes, and the new one begins with the first record. From there on it is a subscriber that is behind. What it answers is
// right as of the record that it has come to, and whoever needs a later one waits; the old state is not served any more, as
// it may be the mistake that is to go.

// ErrStuck is in the error of a Processor that cannot get past a record. It is tried again and again, until there is another
// version of the processor.
var ErrStuck = errors.New("cannot go on")

// Rebuild asks a subscriber to make its state anew, as a pointer. A request has a name of its own, and is carried out once.
type Rebuild struct{ Name string }

// Begun answers a Rebuild, as a pointer: the old state is gone for good.
type Begun struct{ Name string }

// The facts of subscribers that begin anew.
type (
	// Rebuilding tells that the state is gone, which had come as far as Had, and was made by the version Was.
	Rebuilding struct {
		Name         string
		Partition    int
		Was, Version int
		Had          LSN
	}
	// Rebuilt tells that the new state has come as far as the old one had.
	Rebuilt struct {
		Name      string
		Partition int
		Version   int
		Through   LSN
	}
)

// What a subscriber keeps in its store for itself.
const (
	versionKey = ownKeys + "version" // of what has made the state
	goalKey    = ownKeys + "goal"    // the record that a rebuild has to come to; 0: there is none
	askedKey   = ownKeys + "asked"   // the name of the last Rebuild that was carried out
	skippedKey = ownKeys + "skipped "
)

// Version is what has made a state.
func Version(s *Store) int { return int(s.Int(versionKey)) }

// IsRebuilt reports whether a state is made anew, and has not come to where the old one was.
func IsRebuilt(s *Store) bool { return s.Int(goalKey) != 0 }

// rebuild is a request that is not carried out yet.
type rebuild struct {
	from sim.NodeID
	name string
}

// asks takes a request in; one that comes again is answered again.
func (s *subscriber) asks(env sim.Env, from sim.NodeID, r *Rebuild) {
	switch {
	case s.store == nil: // it is not there yet, or will not be until the next boot
	case s.store.Get(askedKey) == r.Name:
		env.Send(from, &Begun{r.Name})
	default:
		s.asked = &rebuild{from, r.Name}
	}
}

// beginAnew takes the state away. A crash leaves all of it or nothing. A checkpoint of its own goes first: a crash between the
// two then has records processed again, and not left out.
func (s *subscriber) beginAnew(p *sim.Proc) error {
	was, goal := Version(s.store), LSN(s.store.Int(goalKey))
	had := max(s.next()-1, Through(s.store))
	asked := s.store.Get(askedKey)
	if s.asked != nil {
		asked = s.asked.name
	}
	if s.c.Checkpoint == Separate {
		s.checkpoint.Clear()
		if err := s.checkpoint.Commit(); err != nil {
			return err
		}
	}
	s.store.Clear()
	s.store.SetInt(versionKey, int64(s.c.Version))
	s.store.SetInt(goalKey, int64(max(had, goal)))
	s.store.Set(askedKey, asked)
	if err := s.store.Commit(); err != nil {
		return err
	}
	if had > 0 {
		p.Emit(Rebuilding{s.c.Name, s.c.Partition, was, s.c.Version, had})
	}
	if s.asked != nil {
		p.Send(s.asked.from, &Begun{s.asked.name})
	}
	s.asked, s.stuck = nil, 0
	return nil
}

// caughtUp ends a rebuild, in the transaction that is open, if it has come to where the old state was.
func (s *subscriber) caughtUp(next LSN) bool {
	if !IsRebuilt(s.store) || next <= LSN(s.store.Int(goalKey)) {
		return false
	}
	s.store.SetInt(goalKey, 0)
	s.store.SetInt(throughKey, int64(next-1)) // a checkpoint of its own comes later, and perhaps not
	return true
}

// getStuck tells of a record that a subscriber cannot get past.
func (s *subscriber) getStuck(p *sim.Proc, lsn LSN, err error) {
	if s.stuck != lsn {
		s.stuck = lsn
		p.Emit(Stuck{s.c.Name, s.c.Partition, lsn, err.Error()})
	}
}

// skip writes down that a record is poison; false if that is known.
func skip(s *Store, e Entry, why error) bool {
	key := fmt.Sprintf("%s%020d", skippedKey, e.LSN)
	if s.Get(key) != "" {
		return false
	}
	fresh(s, e)
	s.Set(key, why.Error())
	return true
}

// Poison lists the records that are in a state's log, and not in it, as poison.
func Poison(s *Store) []LSN {
	var list []LSN
	for _, key := range s.keys(skippedKey) {
		n, _ := strconv.ParseUint(key, 10, 64)
		list = append(list, LSN(n))
	}
	return list
}

// Replay is the state that a processor makes of records, on no disk: what a subscriber has that has processed them.
func Replay(env sim.Env, p Processor, entries []Entry) *Store {
	s := NewStore()
	for _, e := range entries {
		if _, err := p.Process(env, s, e); errors.Is(err, ErrStuck) {
			break
		} else if err != nil {
			skip(s, e, err)
		}
	}
	s.Commit() // it has no disk that could fail
	return s
}
