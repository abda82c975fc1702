package gossip

import (
	"slices"

	"github.com/seedbed-sim/seedbed/sim"
)

// Deleting a value leaves a death certificate, which spreads like a value and overrules older ones: with nothing in its
// place the value would come back from any site that still has it (Demers et al. 1987, section 2). A certificate is active
// for Retain. Then all sites but its keepers drop it, and these keep it dormant: they do not tell it any more. One that
// meets an older value is woken: it has a new activation timestamp, and spreads for Retain again (sections 2.1 and 2.2).
//
// So a deleted value does not come back to a site that has its certificate, active or dormant. To one that has dropped it a
// value may come back, from a site that has heard nothing for Retain; it does not stay for long, as there is a keeper. The
// paper draws all keepers at random. Here the site that takes the delete is one of them: else all of them may miss the
// certificate while it spreads. All this is by the clocks of sites, and holds where they differ by less than Retain.

// keepers are the sites that will keep a certificate of this one: itself, and others at random.
func (s *EntropySite) keepers(env sim.Env) []sim.NodeID {
	list := []sim.NodeID{env.ID()}
	for _, i := range env.Rand().Perm(len(s.c.Sites)) {
		if id := s.c.Sites[i]; id != env.ID() && len(list) < s.c.Keepers {
			list = append(list, id)
		}
	}
	return list
}

func (e *EntropyEntry) keptBy(id sim.NodeID) bool { return slices.Contains(e.Keepers, id) }

// expired reports whether a certificate's time of being active is over, by this site's clock.
func (s *EntropySite) expired(env sim.Env, e *EntropyEntry) bool {
	return env.Now().Sub(e.since()) >= s.c.Retain
}

// age puts certificates to sleep, and drops those whose time is over.
func (s *EntropySite) age(env sim.Env) {
	for _, key := range slices.Clone(s.keys) {
		e := s.db[key]
		switch {
		case !e.Dead || !s.expired(env, &e.EntropyEntry):
		case !e.keptBy(env.ID()) || s.over(env, e):
			s.forget(env, e)
		case !e.dormant:
			s.sleep(env, e)
		}
	}
}

// over reports whether even a dormant certificate has had its time.
func (s *EntropySite) over(env sim.Env, e *entropyHeld) bool {
	return env.Now().Sub(e.since())-s.c.Retain >= s.c.Dormant
}

// sleep makes a certificate dormant. A reboot finds it active, and does so again.
func (s *EntropySite) sleep(env sim.Env, e *entropyHeld) {
	s.put(&entropyHeld{EntropyEntry: e.EntropyEntry, dormant: true})
	s.facts = append(s.facts, EntropyDormant{e.Key, e.Stamp})
}

// wake makes a dormant certificate active: an older value is about.
func (s *EntropySite) wake(env sim.Env, e *entropyHeld) {
	if !e.dormant {
		return
	}
	s.hlc = s.hlc.Tick(env.Now())
	woken := e.EntropyEntry
	woken.Woken = s.hlc.Wall
	s.facts = append(s.facts, EntropyWoken{e.Key, e.Stamp})
	s.store(env, woken)
}

// forget drops a certificate. From now on an older value is taken, as if it were new. That is told before it is on the
// disk: who has told it may still find the certificate there.
func (s *EntropySite) forget(env sim.Env, e *entropyHeld) {
	env.Emit(EntropyDropped{e.Key, e.Stamp})
	s.drop(e.Key)
	s.log(env, entropyRecord{Dropped: e.Key, Stamp: &e.Stamp})
}

// met tells that a certificate and an older value have met here.
func (s *EntropySite) met(old, dead EntropyStamp, key string) {
	s.facts = append(s.facts, EntropyMet{Key: key, Old: old, Dead: dead})
}
