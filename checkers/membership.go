package checkers

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seedbed-sim/seedbed/sim"
)

// Standing is what an observer takes a member for.
type Standing uint8

const (
	Unheard Standing = iota // the observer knows nothing of it
	Alive
	Suspect
	Dead
)

func (s Standing) String() string { return [...]string{"unheard of", "alive", "suspect", "dead"}[s] }

// Membership checks what members of a group say of each other while a run happens, and whether they are right in the end.
// It is for protocols whose members have incarnations of their own and may refute that they are dead: a higher incarnation
// prevails, and in one incarnation dead prevails over suspect, and suspect over alive (Das, Gupta, Motivala, SWIM, DSN
// 2002, section 4.2). It knows nothing of how members probe or spread what they know.
//
// Of the properties of failure detectors, completeness is Right's: it can only be judged once faults are over. Accuracy
// cannot be had beside it over a network that loses packets (Chandra and Toueg, Unreliable Failure Detectors for Reliable
// Distributed Systems, 1996); what is checked in its place is that nobody is given up without its time to refute.
type Membership struct {
	raised *Property
	order  *Property
	own    *Property
	fair   *Property
	told   *Property
	set    *Set

	members []groupMember
}

type groupMember struct {
	incarnation uint64           // the highest that it has said itself
	views       []view           // of others, by id
	confirmed   map[uint64]bool  // incarnations in which somebody has confirmed it dead
	suspected   map[accusal]bool // own suspicions of it
}

// accusal is somebody's own suspicion of a member in an incarnation.
type accusal struct {
	by          sim.NodeID
	incarnation uint64
}

// view is what an observer takes a member for.
type view struct {
	incarnation uint64
	standing    Standing
	began       time.Duration // of a suspicion, on the observer's clock
	by          []sim.NodeID  // who suspects it, as the observer knows; each once
	needs       func(confirmations int) time.Duration
}

// NewMembership registers the properties with the run's set.
func NewMembership(s *Set) *Membership {
	return &Membership{
		raised: s.Always("only a member raises its incarnation"),
		order:  s.Always("views of a member change by the override order"),
		own:    s.Always("a suspicion is that of whom it names"),
		fair:   s.Always("nobody is confirmed dead before its time to refute is over"),
		told:   s.Always("nobody is taken for dead whom nobody confirmed dead"),
		set:    s,
	}
}

// Reset forgets everything, for the next run. The set is reset by its owner.
func (m *Membership) Reset() { m.members = m.members[:0] }

// Incarnation tells that a member lives in an incarnation from now on, before anybody else can hear of it.
func (m *Membership) Incarnation(id sim.NodeID, incarnation uint64) {
	g := m.member(id)
	if incarnation <= g.incarnation {
		m.raised.Violatef("%v lives in its incarnation %d, after %d", id, incarnation, g.incarnation)
		return
	}
	g.incarnation = incarnation
	m.raised.Hold()
}

// Restart tells that an observer has lost its memory.
func (m *Membership) Restart(observer sim.NodeID) { clear(m.member(observer).views) }

// Alive tells that an observer takes a member for alive.
func (m *Membership) Alive(observer, id sim.NodeID, incarnation uint64) {
	m.see(observer, id, incarnation, Alive)
}

// Suspect tells that an observer begins to suspect a member, at this time of its own monotonic clock, since a probe of by
// has failed, which may be itself. needs is how long the suspect has to refute, by the number of others that have
// confirmed the suspicion.
func (m *Membership) Suspect(observer, id sim.NodeID, incarnation uint64, by sim.NodeID, at time.Duration, needs func(confirmations int) time.Duration) {
	if !m.see(observer, id, incarnation, Suspect) {
		return
	}
	v := m.view(observer, id)
	v.began, v.by, v.needs = at, []sim.NodeID{by}, needs
	m.accuse(observer, id, incarnation, by)
}

// Second tells that an observer that suspects a member has heard of a further one who does.
func (m *Membership) Second(observer, id sim.NodeID, incarnation uint64, by sim.NodeID) {
	v := m.view(observer, id)
	if v.standing != Suspect || v.incarnation != incarnation {
		m.order.Violatef("%v takes %v's suspicion of %v in incarnation %d for a second one, but takes it for %v in %d",
			observer, by, id, incarnation, v.standing, v.incarnation)
		return
	}
	if !slices.Contains(v.by, by) {
		v.by = append(v.by, by)
	}
	m.accuse(observer, id, incarnation, by)
}

// accuse checks that a suspicion is somebody's own.
func (m *Membership) accuse(observer, id sim.NodeID, incarnation uint64, by sim.NodeID) {
	g := m.member(id)
	if observer == by {
		if g.suspected == nil {
			g.suspected = make(map[accusal]bool)
		}
		g.suspected[accusal{by, incarnation}] = true
	}
	if !g.suspected[accusal{by, incarnation}] {
		m.own.Violatef("%v suspects %v in incarnation %d because of %v, which never did", observer, id, incarnation, by)
		return
	}
	m.own.Hold()
}

// Confirm tells that an observer's own suspicion of a member has lasted its time.
func (m *Membership) Confirm(observer, id sim.NodeID, incarnation uint64, at time.Duration) {
	v := *m.view(observer, id)
	switch {
	case v.standing != Suspect || v.incarnation != incarnation:
		m.fair.Violatef("%v confirms %v dead in incarnation %d, and has not suspected it: it took it for %v in %d",
			observer, id, incarnation, v.standing, v.incarnation)
		return
	case at-v.began < v.needs(len(v.by)-1):
		m.fair.Violatef("%v confirms %v dead in incarnation %d after %v of suspicion, not after %v, with %d confirmations",
			observer, id, incarnation, at-v.began, v.needs(len(v.by)-1), len(v.by)-1)
		return
	}
	m.fair.Hold()
	if m.see(observer, id, incarnation, Dead) {
		g := m.member(id)
		if g.confirmed == nil {
			g.confirmed = make(map[uint64]bool)
		}
		g.confirmed[incarnation] = true
	}
}

// Dead tells that an observer takes a member for dead, since it has heard so.
func (m *Membership) Dead(observer, id sim.NodeID, incarnation uint64) {
	if !m.see(observer, id, incarnation, Dead) {
		return
	}
	m.told.Check(m.member(id).confirmed[incarnation], func() string {
		return fmt.Sprintf("%v takes %v for dead in incarnation %d, in which nobody has confirmed it dead", observer, id, incarnation)
	})
}

// see changes a view.
func (m *Membership) see(observer, id sim.NodeID, incarnation uint64, standing Standing) bool {
	if known := m.member(id).incarnation; incarnation > known {
		m.raised.Violatef("%v takes %v for %v in incarnation %d, whose own is %d", observer, id, standing, incarnation, known)
		return false
	}
	m.raised.Hold()
	v := m.view(observer, id)
	if incarnation < v.incarnation || incarnation == v.incarnation && standing <= v.standing {
		m.order.Violatef("%v takes %v for %v in incarnation %d, after %v in %d",
			observer, id, standing, incarnation, v.standing, v.incarnation)
		return false
	}
	*v = view{incarnation: incarnation, standing: standing}
	m.order.Hold()
	return true
}

// Standing is what an observer takes a member for.
func (m *Membership) Standing(observer, id sim.NodeID) Standing { return m.view(observer, id).standing }

// Right counts how many of the views that live members have of others are right, and of how many. They know each other to
// be alive, and the silent to be dead; or not one of them has ever heard of a silent one. wrong says in words what some of
// the others have wrong.
func (m *Membership) Right(live, silent []sim.NodeID) (right, of int, wrong string) {
	var errors []string
	judge := func(id sim.NodeID, want Standing) {
		for _, observer := range live {
			if observer == id {
				continue
			}
			of++
			if s := m.Standing(observer, id); s == want {
				right++
			} else if len(errors) < 4 {
				errors = append(errors, fmt.Sprintf("%v takes %v for %v, which is %v", observer, id, s, want))
			}
		}
	}
	for _, id := range live {
		judge(id, Alive)
	}
	for _, id := range silent {
		heard := slices.ContainsFunc(live, func(o sim.NodeID) bool { return m.Standing(o, id) != Unheard })
		if heard {
			judge(id, Dead)
		} else {
			judge(id, Unheard)
		}
	}
	if more := of - right - len(errors); more > 0 {
		errors = append(errors, fmt.Sprintf("%d more", more))
	}
	return right, of, strings.Join(errors, "; ")
}

// Quiet tells that nothing is under way any more, and nothing has failed for long: all views must be right.
func (m *Membership) Quiet(live, silent []sim.NodeID) {
	right, of, wrong := m.Right(live, silent)
	m.set.Always("members know who is up once quiet").Check(right == of, func() string { return wrong })
}

func (m *Membership) member(id sim.NodeID) *groupMember {
	for int(id) >= len(m.members) {
		m.members = append(m.members, groupMember{})
	}
	return &m.members[id]
}

func (m *Membership) view(observer, id sim.NodeID) *view {
	g := m.member(observer)
	for int(id) >= len(g.views) {
		g.views = append(g.views, view{})
	}
	return &g.views[id]
}
