package scenarios

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/seedbed-sim/seedbed/nemesis"
)

// mixes are the other ways in which the plans of a scenario may choose among its kinds of faults and operations, where
// the Space swarms. They are there to be compared with.
var mixes = map[string]func(s nemesis.Space) nemesis.Space{
	// Any plan may have any kind, and plans have as many faults as those of a swarm, on average.
	"fixed": nemesis.Space.Fixed,
	// Each plan has as many faults of every kind as those plans of a swarm that have any.
	"all": func(s nemesis.Space) nemesis.Space {
		s.Swarm = false
		return s
	},
}

// variantHelp is what may follow a scenario's name, each behind an @: another mix of faults, or another size.
const variantHelp = "there are fixed, all, or a number of nodes, as in raft/kv@fixed or raft/kv@5"

// variant is a scenario with another mix or number of nodes. It has a name of its own, so that whatever repeats a run
// repeats this one.
func (s *Scenario) variant(name string) (*Scenario, error) {
	other := *s
	if mix := mixes[name]; mix != nil {
		if !s.Space.Swarm {
			return nil, fmt.Errorf("the plans of %s are no swarm, so there is no other mix of it", s.Name)
		}
		other.Space = mix(s.Space)
	} else {
		n, err := strconv.Atoi(name)
		if err != nil {
			return nil, fmt.Errorf("unknown variant %q of %s: %s", name, s.Name, variantHelp)
		}
		if n < 1 || n > nemesis.MaxNodes {
			return nil, fmt.Errorf("%s of %d nodes: a cluster has 1 to %d", s.Name, n, nemesis.MaxNodes)
		}
		other.Space.Nodes = nemesis.Range[int]{Min: n, Max: n}
	}
	other.Name += "@" + name
	return &other, nil
}

// variants applies all of a name's variants, in turn.
func (s *Scenario) variants(names []string) (*Scenario, error) {
	for _, name := range names {
		var err error
		if s, err = s.variant(name); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// cutVariants parts a name such as raft/kv@fixed@5.
func cutVariants(name string) (scenario string, names []string) {
	parts := strings.Split(name, "@")
	return parts[0], parts[1:]
}
