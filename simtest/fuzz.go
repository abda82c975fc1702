package simtest

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/scenarios"
)

// Fuzz has Go's fuzzer mutate plans of a scenario, guided by the code that they reach. Of each input, eight bytes are the
// root seed and all others the bits that the plan is drawn from; where an input ends all that follows is zero, so every
// input is a plan, and a short one is a plain one. Without -fuzz it runs the inputs in testdata/fuzz, and a few of
// its own. A failure is shown with its plan, which SEEDBED_REPLAY runs in a test of the scenario.
func Fuzz(f *testing.F, s *scenarios.Scenario) {
	f.Helper()
	space := s.Space
	space.Scenario = s.Name
	plans := space.Generator()
	f.Add([]byte{}) // the plainest plan
	random := rand.NewChaCha8([32]byte{1})
	for range 8 {
		input := make([]byte, richInput)
		random.Read(input) // which never fails
		f.Add(input)
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		var first [8]byte
		rest := input[copy(first[:], input):]
		var plan nemesis.Plan
		draw := rapid.Custom(func(t *rapid.T) bool { // rapid logs what is drawn: not the whole plan
			plan = plans.Draw(t, "")
			return true
		})
		rapid.MakeFuzz(func(t *rapid.T) { draw.Draw(t, "a plan") })(t, nemesis.FuzzInput(rest))
		plan.Seed = binary.LittleEndian.Uint64(first[:])
		fuzzed(t, s, plan)
	})
}

// richInput is enough for a plan of many faults. More would leave less of what is mutated to matter.
const richInput = 512

// fuzzed runs one plan.
func fuzzed(t *testing.T, s *scenarios.Scenario, plan nemesis.Plan) {
	t.Helper()
	r := s.Watched(plan, scenarios.Options{}, watchdog)
	if r.Expected {
		return
	}
	failure, err := s.Confirm(&r)
	if err != nil {
		t.Fatal(err)
	}
	data, err := planFile(plan)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := failure.Write(&b, "SEEDBED_REPLAY=FILE go test, with the plan in FILE"); err != nil {
		t.Fatal(err)
	}
	t.Fatalf("\n%s%s", b.String(), strings.TrimRight(string(data), "\n"))
}
