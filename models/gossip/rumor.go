package gossip

import (
	"time"

	"github.com/seedbed-sim/seedbed/sim"
)

// RumorConfig is what the sites of one group have in common. It is read only.
type RumorConfig struct {
	Sites    int      // the nodes 1 to Sites
	Topology Topology // nil: Uniform
	// Push has a site with a hot rumor tell it to its partner, Pull has each site ask its partner for hot rumors; one or
	// both.
	Push, Pull bool
	// Blind sites lose interest in a rumor whatever their partners say; others when these knew it already (feedback).
	Blind bool
	// Coin has a site lose interest with probability 1/K at each such contact, rather than after K of them in a row (counter).
	Coin bool
	K    int // 0: interest is never lost
	// Limit is how many contacts a site takes in a cycle, 0 for all, and Hunt how many other partners a site tries in the
	// same cycle when it is refused.
	Limit, Hunt int
	// Cycle is the time from one contact of a site to its next.
	Cycle time.Duration
	// Aligned has all sites act at the same instants, by their own clocks, and judge contacts against the start of the
	// cycle, as synchronous simulations do: what came in this cycle counts as not yet known, and is not passed on. Others
	// begin at a random time of a cycle, and judge contacts as they come.
	Aligned bool
	// Mail has the site at which a rumor begins tell it to all others at once, and nobody pass it on: direct mail, the
	// baseline (Demers et al. 1987, section 1.2).
	Mail bool
	// Backup is how often a site asks a partner for all that it knows, hot or not: rumor mongering leaves some sites out, and
	// what a crash takes is not hot any more. 0: never.
	Backup time.Duration
}

// Update is a rumor. It is never changed, so all share it.
type Update struct {
	ID   uint64
	Text string
}

// RumorNews tells rumors. It is never changed once it is sent, so a site sends the same one while nothing changes.
type RumorNews struct {
	Updates []*Update
	Backup  bool // the answer to one who asked for everything: nothing hot, no feedback
	Refused int  // where it is a contact: partners that have refused it before
}

// RumorTell is a client's rumor, and RumorTold says that the site knows it.
type (
	RumorTell struct{ Update *Update }
	RumorTold struct{ ID uint64 }
)

// RumorQuery asks for hot rumors, or for everything.
type RumorQuery struct {
	All     bool
	Refused int // as in RumorNews
}

// RumorFeedback answers each of RumorNews.
type RumorFeedback struct {
	ID    uint64
	Known bool
}

// RumorRefused answers a contact beyond Limit.
type RumorRefused struct{}

// Facts of a site.
type (
	// RumorLearned tells that a site knows a rumor, the first time in this life. From is Nobody for a client's.
	RumorLearned struct {
		Update *Update
		From   sim.NodeID
		Hot    bool // it is passed on; what comes by mail or as a backup is not
	}
	// RumorCold tells that a site has lost interest in a rumor.
	RumorCold struct{ ID uint64 }
	// RumorAnswered tells that a partner has answered whether it knew a rumor that the site still tells.
	RumorAnswered struct {
		ID    uint64
		From  sim.NodeID
		Known bool
	}
	// RumorPassed tells that a blind site has told a rumor, and counts that whatever the partner knew.
	RumorPassed struct {
		ID uint64
		To sim.NodeID
	}
	// RumorHunted tells that a site has taken a contact of one that so many others have refused before.
	RumorHunted struct {
		By      sim.NodeID
		Refused int
	}
	// RumorTurnedAway tells that a site has refused a contact.
	RumorTurnedAway struct{}
)

// Rumor is one site. What it knows is memory: a crash takes it, and other sites give it back.
type Rumor struct {
	c     *RumorConfig
	known []heat
	cycle int64
	news  *RumorNews // of what is hot and settled; nil if that has changed
	hot   int32      // of known
	taken int32      // contacts in this cycle
	tries int32      // partners tried since the cycle's contact, each after a refusal
	fresh bool       // something was learned in this cycle
}

// heat is what a site knows of a rumor.
type heat struct {
	*Update
	since   int64 // cycle in which it was learned
	useless int32 // contacts, or cycles, in a row
	hot     bool
	// What the contacts of this cycle have shown: one that needed the rumor outweighs all that did not.
	needed, needless bool
}

var (
	rumorCycle  = sim.Timer{Name: "cycle"}
	rumorBackup = sim.Timer{Name: "backup"}

	hotQuery, allQuery = &RumorQuery{}, &RumorQuery{All: true}
	refused            = &RumorRefused{}
)

// NewRumor returns a site.
func NewRumor(c *RumorConfig) *Rumor { return &Rumor{c: c} }

// Start begins the site's cycles. Sites that only push have none while nothing is hot.
func (s *Rumor) Start(env sim.Env) {
	if s.c.Pull {
		s.schedule(env, true)
	}
	if s.c.Backup > 0 {
		env.SetTimer(rumorBackup, time.Duration(env.Rand().Int64N(int64(s.c.Backup))))
	}
}

// Tell makes a site learn a rumor from its client.
func (s *Rumor) Tell(env sim.Env, u *Update) {
	s.enter(env)
	s.learn(env, u, sim.Nobody, !s.c.Mail)
	if s.c.Mail {
		for id := sim.NodeID(1); int(id) <= s.c.Sites; id++ {
			if id != env.ID() {
				env.Send(id, &RumorNews{Updates: []*Update{u}})
			}
		}
	}
}

// Receive takes what other sites say; anything else is ignored.
func (s *Rumor) Receive(env sim.Env, from sim.NodeID, msg sim.Message) {
	s.enter(env)
	switch m := msg.(type) {
	case *RumorNews:
		s.onNews(env, from, m)
	case *RumorQuery:
		s.onQuery(env, from, m)
	case *RumorFeedback:
		if h := s.find(m.ID); h != nil && h.hot {
			h.needless = h.needless || m.Known
			h.needed = h.needed || !m.Known
			env.Emit(RumorAnswered{m.ID, from, m.Known})
		}
	case *RumorRefused:
		s.onRefused(env)
	case *RumorTell:
		if s.find(m.Update.ID) == nil {
			s.Tell(env, m.Update)
		}
		env.Send(from, &RumorTold{m.Update.ID})
	}
}

// Timeout begins a cycle, or a backup.
func (s *Rumor) Timeout(env sim.Env, t sim.Timer) {
	switch t {
	case rumorCycle:
		s.enter(env)
		s.review(env)
		if s.c.Pull || s.hot > 0 {
			s.schedule(env, false)
			s.tries = 0
			s.contact(env)
		}
	case rumorBackup:
		env.SetTimer(rumorBackup, s.c.Backup)
		if s.c.Sites > 1 {
			env.Send(s.partner(env), allQuery)
		}
	}
}

// schedule sets the timer of the next cycle.
func (s *Rumor) schedule(env sim.Env, first bool) {
	wait := s.c.Cycle
	switch {
	case s.c.Aligned:
		wait -= env.Elapsed() % s.c.Cycle
	case first:
		wait = time.Duration(env.Rand().Int64N(int64(s.c.Cycle)))
	}
	env.SetTimer(rumorCycle, wait)
}

// enter notes which cycle it is.
func (s *Rumor) enter(env sim.Env) {
	if now := int64(env.Elapsed() / s.c.Cycle); now != s.cycle {
		s.cycle, s.taken = now, 0
		if s.fresh {
			s.fresh, s.news = false, nil
		}
	}
}

// review decides what the contacts of the last cycle mean for each hot rumor.
func (s *Rumor) review(env sim.Env) {
	for i := range s.known {
		h := &s.known[i]
		if !h.hot || !h.needed && !h.needless {
			continue
		}
		useless := s.c.Blind || !h.needed
		h.needed, h.needless = false, false
		switch {
		case s.c.K == 0:
		case !useless:
			h.useless = 0
		case s.c.Coin:
			if env.Rand().Int64N(int64(s.c.K)) == 0 {
				s.cool(env, h)
			}
		default:
			if h.useless++; int(h.useless) >= s.c.K {
				s.cool(env, h)
			}
		}
	}
}

// cool ends the interest in a rumor.
func (s *Rumor) cool(env sim.Env, h *heat) {
	h.hot = false
	s.hot--
	s.news = nil
	env.Emit(RumorCold{h.ID})
}

// contact is the one contact of a cycle.
func (s *Rumor) contact(env sim.Env) {
	if s.c.Sites < 2 {
		return
	}
	to := s.partner(env)
	if s.c.Push {
		s.tell(env, to, int(s.tries))
	}
	switch {
	case !s.c.Pull:
	case s.tries == 0:
		env.Send(to, hotQuery)
	default:
		env.Send(to, &RumorQuery{Refused: int(s.tries)})
	}
}

// tell sends a site's hot rumors, those of before this cycle where cycles are aligned, if there are any. So many partners have
// refused the contact before.
func (s *Rumor) tell(env sim.Env, to sim.NodeID, before int) {
	if s.hot == 0 {
		return
	}
	if s.news == nil {
		s.news = &RumorNews{}
		for i := range s.known {
			if h := &s.known[i]; h.hot && s.settled(h) {
				s.news.Updates = append(s.news.Updates, h.Update)
			}
		}
	}
	if len(s.news.Updates) == 0 {
		return
	}
	if before == 0 {
		env.Send(to, s.news)
	} else {
		env.Send(to, &RumorNews{Updates: s.news.Updates, Refused: before})
	}
	if !s.c.Blind {
		return
	}
	for i := range s.known {
		if h := &s.known[i]; h.hot && s.settled(h) {
			h.needless = true // whatever the partner knows
			env.Emit(RumorPassed{h.ID, to})
		}
	}
}

// settled reports whether a rumor counts as known in this cycle.
func (s *Rumor) settled(h *heat) bool { return !s.c.Aligned || h.since < s.cycle }

func (s *Rumor) partner(env sim.Env) sim.NodeID {
	if t := s.c.Topology; t != nil {
		return t.Partner(env.Rand(), env.ID())
	}
	return Uniform(s.c.Sites).Partner(env.Rand(), env.ID())
}

// accepts reports whether there is room for one more contact in this cycle, and refuses it if there is not, as so many
// others have before.
func (s *Rumor) accepts(env sim.Env, from sim.NodeID, before int) bool {
	if s.taken++; s.c.Limit == 0 || int(s.taken) <= s.c.Limit {
		if before > 0 {
			env.Emit(RumorHunted{from, before})
		}
		return true
	}
	env.Emit(RumorTurnedAway{})
	env.Send(from, refused)
	return false
}

// onRefused looks for another partner in the same cycle.
func (s *Rumor) onRefused(env sim.Env) {
	if int(s.tries) < s.c.Hunt {
		s.tries++
		s.contact(env)
	}
}

func (s *Rumor) onNews(env sim.Env, from sim.NodeID, m *RumorNews) {
	// Where sites pull, the question is the contact, and is counted.
	if !m.Backup && !s.c.Mail && !s.c.Pull && !s.accepts(env, from, m.Refused) {
		return
	}
	for _, u := range m.Updates {
		h := s.find(u.ID)
		if !m.Backup && !s.c.Mail && !s.c.Blind && s.c.K > 0 {
			env.Send(from, &RumorFeedback{u.ID, h != nil && s.settled(h)})
		}
		if h == nil {
			s.learn(env, u, from, !m.Backup && !s.c.Mail)
		}
	}
}

func (s *Rumor) onQuery(env sim.Env, from sim.NodeID, q *RumorQuery) {
	switch {
	case q.All:
		m := &RumorNews{Backup: true}
		for i := range s.known {
			m.Updates = append(m.Updates, s.known[i].Update)
		}
		env.Send(from, m)
	case s.accepts(env, from, q.Refused):
		s.tell(env, from, 0)
	}
}

// learn makes a rumor known; mail and backups do not make it hot.
func (s *Rumor) learn(env sim.Env, u *Update, from sim.NodeID, hot bool) {
	s.known = append(s.known, heat{Update: u, since: s.cycle, hot: hot})
	s.fresh = true
	if !s.c.Aligned {
		s.news = nil
	}
	env.Emit(RumorLearned{u, from, hot})
	if !hot {
		return
	}
	if s.hot++; s.hot == 1 && !s.c.Pull {
		s.schedule(env, false)
	}
}

func (s *Rumor) find(id uint64) *heat {
	for i := range s.known {
		if s.known[i].ID == id {
			return &s.known[i]
		}
	}
	return nil
}

// Knows reports whether a site knows a rumor.
func (s *Rumor) Knows(id uint64) bool { return s.find(id) != nil }

// Known is how many rumors a site knows, and Hot how many of these it still tells.
func (s *Rumor) Known() int { return len(s.known) }
func (s *Rumor) Hot() int   { return int(s.hot) }
