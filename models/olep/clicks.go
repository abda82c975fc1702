package olep

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/seedbed-sim/seedbed/sim"
)

// Clicks of users, counted by the regions where the users were at the time:
//
//	client ─ click, move → user's partition ─ join → region's partition: visit ─ count → region's partition: count
//
// Moves are a table of users, which clicks are joined with: a click counts for the region that the last move before it in
// their partition says. Visits are clicks with another key, so that all of a region are in one partition.

// The logical logs of clicks.
const (
	ClickLog = "click" // inputs: "USER"
	MoveLog  = "move"  // inputs: "USER REGION", or "USER" who leaves
	VisitLog = "visit" // "USER REGION PARTITION LSN", the last two of the click
	CountLog = "count" // outputs: keys are regions, values 1, 2, 3…
)

// Nowhere is the region of users who are in none.
const Nowhere = "nowhere"

// Visit is a click with the region of its user.
type Visit struct {
	User, Region string
	Partition    int // of the click
	LSN          LSN
}

// Record returns the record of a visit.
func (v Visit) Record() Record {
	return Record{Log: VisitLog, Value: fmt.Sprintf("%s %s %d %d", v.User, v.Region, v.Partition, v.LSN)}
}

// ParseVisit reads what Record made. It panics on anything else.
func ParseVisit(r *Record) (v Visit) {
	if _, err := fmt.Sscanf(r.Value, "%s %s %d %d", &v.User, &v.Region, &v.Partition, &v.LSN); err != nil {
		panic(fmt.Sprintf("olep: %q is no visit: %v", r.Value, err))
	}
	return v
}

// VisitSuppressed tells that a visit came again, and was not counted.
type VisitSuppressed struct {
	Visit
	At LSN
}

// Clicks counts clicks by region. It is a StreamProcessor.
type Clicks struct {
	Partitions int
	Repeats    bool // visits that come again are counted again
}

// ClickInputs are the logical logs that Clicks takes in.
var ClickInputs = []string{ClickLog, MoveLog, VisitLog}

// Partition is where a user or region is.
func (c Clicks) Partition(name string) (n int) {
	for i := range len(name) {
		n += int(name[i])
	}
	return n % c.Partitions
}

// RegionKey and CountKey are keys of tables.
func RegionKey(user string) string  { return "region of " + user }
func CountKey(region string) string { return "clicks in " + region }

// Take implements StreamProcessor.
func (c Clicks) Take(env sim.Env, t *Table, partition int, e *Entry) []Output {
	switch e.Log {
	case MoveLog:
		user, region, _ := strings.Cut(e.Value, " ")
		t.Set(RegionKey(user), region)
	case ClickLog:
		region := t.Get(RegionKey(e.Value))
		if region == "" {
			region = Nowhere
		}
		v := Visit{e.Value, region, partition, e.LSN}
		return []Output{{c.Partition(region), v.Record()}}
	case VisitLog:
		return c.count(env, t, partition, e.LSN, ParseVisit(&e.Record))
	}
	return nil
}

// count counts a visit. Those of one partition first come in the order of their clicks, so one that is not behind all
// others has come before.
func (c Clicks) count(env sim.Env, t *Table, partition int, at LSN, v Visit) []Output {
	if !c.Repeats {
		last := fmt.Sprintf("last from %d", v.Partition)
		if int64(v.LSN) <= t.Int(last) {
			env.Emit(VisitSuppressed{v, at})
			return nil
		}
		t.SetInt(last, int64(v.LSN))
	}
	n := t.Int(CountKey(v.Region)) + 1
	t.SetInt(CountKey(v.Region), n)
	return []Output{{partition, Record{Log: CountLog, Key: v.Region, Value: strconv.FormatInt(n, 10)}}}
}
