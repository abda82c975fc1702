package olep

import (
	"maps"
	"slices"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
)

// Groups are consumer groups, as a deterministic state machine. Each member that comes or goes begins a new generation,
// which assigns all partitions anew, at once; what members of an earlier one had not committed is processed again.
type Groups struct {
	partitions int
	groups     map[string]*group
}

type group struct {
	generation uint64
	members    []Session // in the order in which they came
	offsets    []LSN     // by partition: where to go on. They never go back
}

// owner is who reads a partition, where there are members.
func (g *group) owner(partition int) Session { return g.members[partition%len(g.members)] }

// NewGroups returns groups that read so many partitions.
func NewGroups(partitions int) *Groups {
	return &Groups{partitions: partitions, groups: make(map[string]*group)}
}

// Assignment is what a member has to read.
type Assignment struct {
	Generation uint64
	Partitions []int
	Offsets    []LSN // of each: the committed one, where to go on
}

// Apply carries out a command. A refusal changes nothing. The result of a Join is an *Assignment.
func (s *Groups) Apply(_ clock.Time, cmd Command) (result any, fact sim.Fact, no Refusal) {
	switch c := cmd.(type) {
	case Join:
		g := s.groups[c.Group]
		if g == nil {
			g = &group{offsets: slices.Repeat([]LSN{1}, s.partitions)}
			s.groups[c.Group] = g
		}
		if !slices.Contains(g.members, c.Member) {
			fact = g.rebalance(c.Group, append(slices.Clone(g.members), c.Member))
		}
		return g.assignment(c.Member), fact, Refusal{}
	case Leave:
		g := s.groups[c.Group]
		if g == nil || !slices.Contains(g.members, c.Member) {
			return nil, nil, Refusal{Why: UnknownMember}
		}
		rest := slices.DeleteFunc(slices.Clone(g.members), func(m Session) bool { return m == c.Member })
		return nil, g.rebalance(c.Group, rest), Refusal{}
	case Commit:
		fact, no := s.commit(c)
		return nil, fact, no
	default:
		return nil, nil, Refusal{Why: Malformed}
	}
}

// Check refuses what no state would accept.
func (s *Groups) Check(cmd Command) Refusal {
	switch c := cmd.(type) {
	case Join:
		if c.Group == "" || c.Member == 0 {
			return Refusal{Why: Malformed}
		}
	case Commit:
		if c.Partition < 0 || c.Partition >= s.partitions {
			return Refusal{Why: UnknownPartition}
		}
	}
	return Refusal{}
}

func (s *Groups) commit(c Commit) (sim.Fact, Refusal) {
	if no := s.Check(c); no.Why != Accepted {
		return nil, no
	}
	no := s.Heard(c.Group, c.Member, c.Generation)
	switch {
	case no.Why == OldGeneration:
		return CommitRefused{c.Group, c.Generation, c.Partition, c.Offset}, no
	case no.Why != Accepted:
		return nil, no
	}
	g := s.groups[c.Group]
	if g.owner(c.Partition) != c.Member {
		return nil, Refusal{Why: NotAssigned}
	}
	if c.Offset <= g.offsets[c.Partition] { // a request that comes late
		return nil, Refusal{}
	}
	g.offsets[c.Partition] = c.Offset
	return OffsetCommitted{c.Group, c.Generation, c.Partition, c.Offset}, Refusal{}
}

// Heard tells a member that gives a sign of life whether its assignment still stands.
func (s *Groups) Heard(name string, m Session, generation uint64) Refusal {
	g := s.groups[name]
	switch {
	case g == nil || !slices.Contains(g.members, m):
		return Refusal{Why: UnknownMember}
	case generation != g.generation:
		return Refusal{OldGeneration, g.generation}
	default:
		return Refusal{}
	}
}

// Members returns all members, as those who would say so were they to leave.
func (s *Groups) Members() []Leave {
	var all []Leave
	for _, name := range slices.Sorted(maps.Keys(s.groups)) {
		for _, m := range s.groups[name].members {
			all = append(all, Leave{name, m})
		}
	}
	return all
}

// Offset is what a group has committed of a partition: where to go on.
func (s *Groups) Offset(name string, partition int) LSN {
	if g := s.groups[name]; g != nil {
		return g.offsets[partition]
	}
	return 1
}

func (g *group) rebalance(name string, members []Session) sim.Fact {
	g.generation++
	g.members = members
	f := Rebalanced{Group: name, Generation: g.generation, Members: members, Owners: make([]Session, len(g.offsets))}
	for p := range g.offsets {
		if len(members) > 0 {
			f.Owners[p] = g.owner(p)
		}
	}
	return f
}

func (g *group) assignment(m Session) *Assignment {
	a := &Assignment{Generation: g.generation}
	for p, offset := range g.offsets {
		if g.owner(p) == m {
			a.Partitions = append(a.Partitions, p)
			a.Offsets = append(a.Offsets, offset)
		}
	}
	return a
}
