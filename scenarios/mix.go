package scenarios

import (
	"fmt"
	"strings"
)

// mixes are the other ways in which the plans of a scenario may choose among its kinds of faults and operations, where
// the Space swarms. They are there to be compared with.
var mixes = map[string]func(s Scenario) Scenario{
	// Any plan may have any kind, and plans have as many faults as those of a swarm, on average.
	"fixed": func(s Scenario) Scenario {
		s.Space = s.Space.Fixed()
		return s
	},
	// Each plan has as many faults of every kind as those plans of a swarm that have any.
	"all": func(s Scenario) Scenario {
		s.Space.Swarm = false
		return s
	},
}

// mix returns a scenario with another mix; none is the scenario itself.
func (s *Scenario) mix(name string) (*Scenario, error) {
	other := mixes[name]
	switch {
	case name == "":
		return s, nil
	case other == nil:
		return nil, fmt.Errorf("unknown mix %q of %s: there are fixed and all", name, s.Name)
	case !s.Space.Swarm:
		return nil, fmt.Errorf("the plans of %s are no swarm, so there is no other mix of it", s.Name)
	}
	mixed := other(*s)
	mixed.Name += "@" + name
	return &mixed, nil
}

// cutMix parts a name such as raft/kv@fixed.
func cutMix(name string) (scenario, mix string, err error) {
	scenario, mix, given := strings.Cut(name, "@")
	if given && mix == "" {
		return "", "", fmt.Errorf("%q names no mix: there are fixed and all, as in %sfixed", name, name)
	}
	return scenario, mix, nil
}
