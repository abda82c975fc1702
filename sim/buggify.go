package sim

// Oddities is how often what a model marks with Buggify happens in a world. The
// zero Oddities is never.
type Oddities struct {
	Sites  PPM // the share of sites that are switched on, for the whole run
	Visits PPM // the share of visits at which one that is on fires
}

// Buggify reports whether something odd but legal is to happen here, now: a
// batch of one, a retry that comes early, a buffer that is flushed for no
// reason. Model authors put it where a rare choice of their own code may hide a
// mistake (FoundationDB's BUGGIFY: Zhou et al., FoundationDB: A Distributed
// Unbundled Transactional Key Value Store, SIGMOD 2021, section 4). It must
// never make a correct model wrong.
//
// A site is a name, such as "raft: heartbeat at once". Config.Buggify switches
// some of the sites on for a run, and has those fire at some visits. The draws
// are the site's own, by node and incarnation. It is false at all sites of
// worlds that do not set Config.Buggify.
func Buggify(env Env, site string) bool {
	n := env.base()
	o := n.w.config.Buggify
	if o.Sites == 0 || n.guard&guardVoid != 0 {
		return false
	}
	r := n.slow()
	s := r.odd[site]
	if s == nil {
		s = &oddity{on: Chance(NewStream(n.w.config.Seed, "buggify/"+site).At(0), o.Sites)}
		s.visits = NewStream(n.w.config.Seed, "buggify/"+site, uint64(n.id), uint64(n.number))
		if r.odd == nil {
			r.odd = make(map[string]*oddity)
		}
		r.odd[site] = s
	}
	return s.on && s.visits.Chance(o.Visits)
}

// oddity is a site at one incarnation.
type oddity struct {
	on     bool // in this run
	visits Stream
}
