package scenarios

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/disksim"
	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/wal"
)

// What a journal promises.
const (
	recordsKept  = "acknowledged records are kept"
	recordsTrue  = "records are read as they were written"
	errorsHonest = "errors are reported of disks that fail"
)

// diskWAL is a journal on package wal, on a disk that does all that disks do. It may stop, and say why; it may not lose
// what it has acknowledged, or read what was not written, without a word.
var diskWAL = &Scenario{
	Name:  "disk/wal",
	Words: walWords,
	Doc:   "A journal on a write-ahead log loses nothing silently, whatever its disk does.",
	Space: journalSpace("disk/wal", nemesis.Range[int]{Min: 80, Max: 140}, []nemesis.OpKind{
		{Kind: "append", Weight: 8, Value: true, Arg: anySize},
		{Kind: "post", Weight: 10, Value: true, Arg: anySize},
		{Kind: "abort", Weight: 3, Value: true, Arg: anySize},
		{Kind: "trim", Weight: 5, Arg: aLateIndex},
		{Kind: "read", Weight: 3, Arg: anIndex},
		{Kind: "scan", Weight: 6},
	},
		often("crash", 4), often("lose_unsynced", 4), often("torn_write", 6), often("pause", 8),
		often("sync_error", 4), often("disk_full", 2), often("slow_disk", 2),
		seldom("bit_rot", 3), seldom("misdirected_write", 3), seldom("read_error", 2), seldom("wipe", 1),
	),
	Tail:   journalSettles + 6*time.Second,
	Fits:   journalFits,
	Facts:  []string{"JournalFailed"},
	Build:  buildWALJournal,
	Judge:  judgeJournal,
	Floors: []Floor{{"operations", 80}, {"ok", 30}, {"crashes", 3}},
}

// diskNaive are demonstrations: for each fault of a disk a journal that does what many do, and fails.
var diskNaive = []*Scenario{
	naiveScenario("lose_unsynced", recordsKept, naive{noSync: true}, anySize,
		"a journal that leaves syncing to the system loses what it has acknowledged"),
	naiveScenario("torn_write", recordsTrue, naive{noChecksum: true}, longSize,
		"a journal without checksums finds records in what a torn write has left"),
	naiveScenario("sync_error", recordsKept, naive{noErrors: true}, anySize,
		"a journal that does not look at errors acknowledges what no sync has written"),
	naiveScenario("disk_full", recordsKept, naive{noErrors: true}, aligned,
		"a journal that does not look at errors acknowledges what was never written"),
	naiveScenario("slow_disk", recordsKept, naive{}, anySize,
		"a journal that takes a sync for done after a while loses what it has acknowledged"),
	naiveScenario("bit_rot", recordsKept, naive{}, anySize,
		"a journal that takes all damage for a torn write cuts off what is behind it"),
	naiveScenario("misdirected_write", recordsTrue, naive{}, aligned,
		"a journal whose checksums do not tell where a record belongs reads others in its place"),
	naiveScenario("read_error", recordsKept, naive{anyEnd: true}, anySize,
		"a journal that takes any error for the end of its file cuts off what is behind it"),
	naiveScenario("wipe", recordsKept, naive{}, anySize,
		"a journal that takes an empty disk for its first day has forgotten everything"),
}

// naiveScenario is the demonstration for one fault, and what it shows. Crashes beside it have the journal read its disk.
func naiveScenario(fault, property string, n naive, size func(nemesis.Op, []nemesis.Op, func(int) int) string, doc string) *Scenario {
	name := "disk/naive-" + strings.ReplaceAll(fault, "_", "-")
	write := nemesis.OpKind{Kind: "append", Weight: 3, Value: true, Arg: size}
	j := journal{open: n.open}
	if fault == "slow_disk" {
		write.Kind, j.guess = "post", longestSync
	}
	faults := []nemesis.FaultKind{always(fault, 3)}
	if fault != "lose_unsynced" && fault != "torn_write" { // which crash themselves
		faults = append(faults, always("crash", 4))
	}
	space := journalSpace(name, nemesis.Range[int]{Min: 60, Max: 100}, []nemesis.OpKind{write, {Kind: "scan", Weight: 1}}, faults...)
	space.Facts = []string{"JournalOpened"}
	if j.guess > 0 {
		space.Facts = append(space.Facts, "JournalWaits")
	}
	return &Scenario{
		Name:    name,
		Words:   walWords,
		Doc:     "A demonstration: " + doc + ".",
		Anomaly: `always "` + property + `"`,
		Space:   space,
		Tail:    journalSettles + 6*time.Second,
		Fits:    journalFits,
		Build:   func(r *Run) { buildJournal(r, watchJournal(r), func() journal { return j }) },
		Judge:   judgeJournal,
		Form:    journalForm,
	}
}

// journalForm makes a log of a journal that is appended to and scanned. One that is trimmed, or drops what was aborted, is
// none of the objects that package checkers knows; so disk/wal has no form.
func journalForm(input, output any) (any, any) {
	op := input.(JournalOp)
	answer, ended := output.(JournalAnswer)
	if op.Kind == "scan" {
		if ended {
			output = checkers.Records(answer.Records)
		}
		return checkers.LogRead{Max: math.MaxInt64}, output
	}
	if ended {
		output = checkers.Offset(answer.Index - 1)
	}
	return checkers.LogAppend{Record: op.Record}, output
}

// journalFits refuses records without contents, and sizes and indexes that are none.
func journalFits(p nemesis.Plan) error {
	for i, op := range p.Ops {
		if op.Value == "" && (op.Kind == "append" || op.Kind == "post" || op.Kind == "abort") {
			return fmt.Errorf("ops[%d].value: missing; it is what the record says", i)
		}
	}
	return argsAre(p, fmt.Sprintf("a number from 0 to %d", longestRecord), func(op nemesis.Op) bool {
		n, err := strconv.Atoi(op.Arg)
		return op.Arg == "" || err == nil && 0 <= n && n <= longestRecord
	})
}

// longestRecord is longer than any that is drawn; an index has no more either.
const longestRecord = 1 << 16

// journalSpace has one server. Its crashes are short, so that much happens between them.
func journalSpace(name string, ops nemesis.Range[int], kinds []nemesis.OpKind, faults ...nemesis.FaultKind) nemesis.Space {
	return nemesis.Space{
		Scenario: name,
		Nodes:    nemesis.Range[int]{Min: 1, Max: 1},
		Clients:  nemesis.Range[int]{Min: 2, Max: 6},
		Duration: nemesis.Range[time.Duration]{Min: 4 * time.Second, Max: 8 * time.Second},
		Disks: []nemesis.Range[disksim.Config]{{
			Min: disksim.Config{SyncMin: 100 * time.Microsecond, SyncMax: time.Millisecond},
			Max: disksim.Config{SyncMin: 5 * time.Millisecond, SyncMax: longestSync},
		}},
		Faults:  faults,
		Facts:   []string{"JournalOpened", "JournalWaits", "JournalTrimmed"},
		Swarm:   true,
		Storms:  nemesis.Range[int]{Max: 4},
		Ops:     ops,
		OpKinds: kinds,
	}
}

// longestSync is how long a sync takes at most, of a disk that is not slow.
const longestSync = 20 * time.Millisecond

// Some of the plans have up to so many faults of a kind.
func always(kind string, n int) nemesis.FaultKind { return upTo(kind, n, sim.Million) }
func often(kind string, n int) nemesis.FaultKind  { return upTo(kind, n, sim.Million/2) }
func seldom(kind string, n int) nemesis.FaultKind { return upTo(kind, n, sim.Million/5) }

func upTo(kind string, n int, share sim.PPM) nemesis.FaultKind {
	k := nemesis.FaultKind{Kind: kind, Count: nemesis.Range[int]{Min: 1, Max: n}, Share: share}
	switch kind {
	case "crash", "lose_unsynced", "torn_write", "wipe":
		k.Window = nemesis.Range[time.Duration]{Min: 20 * time.Millisecond, Max: 800 * time.Millisecond}
	case "pause":
		k.Window = nemesis.Range[time.Duration]{Min: 5 * time.Millisecond, Max: 300 * time.Millisecond}
	case "sync_error", "disk_full", "slow_disk":
		k.Window = nemesis.Range[time.Duration]{Min: 200 * time.Millisecond, Max: 3 * time.Second}
		k.Rate = nemesis.Range[sim.PPM]{Min: sim.Million / 20, Max: sim.Million / 2}
	}
	return k
}

// Sizes of records in bytes: any; longer than sectors; and one that makes eight records, with their heads, fill a sector.
func anySize(_ nemesis.Op, _ []nemesis.Op, below func(int) int) string {
	return strconv.Itoa(below(8 << below(7)))
}
func longSize(_ nemesis.Op, _ []nemesis.Op, below func(int) int) string {
	return strconv.Itoa(600 + below(600))
}
func aligned(nemesis.Op, []nemesis.Op, func(int) int) string {
	return strconv.Itoa(disksim.SectorSize/8 - naiveHead)
}

// anIndex is one that may be there.
func anIndex(_ nemesis.Op, earlier []nemesis.Op, below func(int) int) string {
	return strconv.Itoa(1 + below(len(earlier)/2+1))
}

// aLateIndex is one that may be in the later half.
func aLateIndex(_ nemesis.Op, earlier []nemesis.Op, below func(int) int) string {
	n := 0
	for _, op := range earlier {
		if op.Kind == "append" || op.Kind == "post" {
			n++
		}
	}
	return strconv.Itoa(1 + n/2 + below(n/2+1))
}

// buildWALJournal opens a log with segments so small that much depends on their order. Who boots it knows whether anything
// has been acknowledged, so that a log must be there.
func buildWALJournal(r *Run) {
	d := sim.NewStream(r.Plan.Seed, "journal")
	options := wal.Options{SegmentSize: []int64{150, 400, 1000, 4000}[d.Below(4)]}
	check := watchJournal(r)
	buildJournal(r, check, func() journal {
		return journal{open: func(disk sim.Disk) (journalLog, error) {
			o := options
			o.Existing = check.acknowledged()
			return wal.Open(disk, "journal", o)
		}}
	})
	if cost := []time.Duration{0, time.Millisecond, 5 * time.Millisecond, 20 * time.Millisecond}[d.Below(4)]; cost > 0 {
		r.World.Cost(r.Servers()[0], func(sim.Kind, any) time.Duration { return cost }) // a busy node: inputs queue
	}
	torn := r.Checks.Sometimes("a torn tail was dropped")
	sorts := map[errorSort]*checkers.Property{
		errorIO:      r.Checks.Sometimes("an input or output error was reported"),
		errorFull:    r.Checks.Sometimes("a full disk was reported"),
		errorCorrupt: r.Checks.Sometimes("damage was reported"),
		errorMissing: r.Checks.Sometimes("a log was reported missing"),
	}
	r.World.Watch(func(s *sim.Step) {
		switch f := s.Payload.(type) {
		case JournalOpened:
			if f.TornBytes > 0 {
				torn.Hold()
			}
		case JournalFailed:
			if p := sorts[f.Sort]; p != nil {
				p.Hold()
			}
		}
	})
}

// buildJournal adds a journal and its clients, who also write and read when all has settled.
func buildJournal(r *Run, check *journalCheck, make func() journal) {
	r.State = check
	r.AddServers(func(sim.NodeID) sim.Node {
		j := make()
		return &j
	})
	r.AddClients(func(client int, ops []nemesis.Op) sim.Node {
		for i := range 4 {
			op := nemesis.Op{At: r.Plan.Duration + journalSettles + time.Duration(i)*time.Second, Client: client, Kind: "scan"}
			if i%2 == 0 {
				op.Kind, op.Value, op.Arg = "append", "v"+strconv.Itoa(1000*client+i), "50"
			}
			ops = append(ops, op)
		}
		return journalClient(r.Servers()[0], ops)
	})
}

// journalSettles is how long what a slow disk has begun may take to end, once the disk is healed.
const journalSettles = 60 * time.Second

// journalCheck compares what clients see with what they have been told.
type journalCheck struct {
	kept, isTrue, honest *checkers.Property

	world   *sim.World
	disk    func() disksim.Stats
	asked   int                // operations of the history that are known
	records []knownRecord      // by index: those that must be there, from some step on
	written map[string]written // by record
	trimmed uint64             // below this index records may be gone
	down    bool               // the journal has reported an error since it was last opened
}

type knownRecord struct {
	record string
	since  uint64 // the step; 0: nothing is known
}

type written struct {
	index   uint64 // where it is; 0: nobody knows
	aborted uint64 // the step from which on it must not be there; 0: it may
}

func watchJournal(r *Run) *journalCheck {
	c := &journalCheck{
		kept: r.Checks.Always(recordsKept), isTrue: r.Checks.Always(recordsTrue), honest: r.Checks.Always(errorsHonest),
		world: r.World, disk: func() disksim.Stats { return r.Disks[0].Stats() },
		records: make([]knownRecord, 1), written: map[string]written{},
	}
	r.World.Watch(func(s *sim.Step) {
		switch f := s.Payload.(type) {
		case JournalOpened:
			c.down = false
		case JournalFailed:
			c.down = true
			c.failed(f)
			r.Contents.Add("errors reported", 1)
		case JournalSaw:
			c.saw(s.N, f)
		}
	})
	return c
}

// acknowledged reports whether a client knows of any record.
func (c *journalCheck) acknowledged() bool { return len(c.records) > 1 }

// catchUp takes down what clients have asked for.
func (c *journalCheck) catchUp() {
	history := c.world.History()
	for _, o := range history[c.asked:] {
		switch op := o.Input.(JournalOp); op.Kind {
		case "append", "post":
			c.written[op.Record] = written{}
		case "abort":
			for i := range op.Count {
				c.written[op.part(i)] = written{}
			}
		case "trim":
			c.trimmed = max(c.trimmed, op.Index)
		}
	}
	c.asked = len(history)
}

// saw takes what a client knows from this step on.
func (c *journalCheck) saw(now uint64, f JournalSaw) {
	c.catchUp()
	switch {
	case f.Outcome == sim.Fail && f.Op.Kind == "abort":
		for i := range f.Op.Count {
			c.written[f.Op.part(i)] = written{aborted: now}
		}
	case f.Outcome != sim.OK:
	case f.Op.Kind == "append", f.Op.Kind == "post":
		c.keep(now, f.Answer.Index, f.Op.Record)
	case f.Op.Kind == "read":
		c.read(now, f, f.Op.Index, f.Op.Index)
	case f.Op.Kind == "scan":
		c.read(now, f, 1, uint64(len(c.records)-1))
	}
}

// read checks an answer of all that is there between two indexes.
func (c *journalCheck) read(now uint64, f JournalSaw, lo, hi uint64) {
	first, next := f.Answer.Index, f.Answer.Index+uint64(len(f.Answer.Records))
	for i, rec := range f.Answer.Records {
		index := first + uint64(i)
		switch w, ok := c.written[rec]; {
		case !ok:
			c.isTrue.Violatef("nobody wrote record %d, %s", index, brief(rec))
		case w.index != 0 && w.index != index:
			c.isTrue.Violatef("record %d is %s, which is record %d", index, brief(rec), w.index)
		case w.aborted != 0 && w.aborted < f.Call:
			c.isTrue.Violatef("record %d is %s, which was aborted", index, brief(rec))
		default:
			c.isTrue.Hold()
		}
	}
	for index := lo; index <= hi && index < uint64(len(c.records)); index++ {
		k := &c.records[index]
		gone := index >= next || index < first && index >= c.trimmed
		if gone && k.since != 0 && k.since < f.Call {
			c.kept.Violatef("record %d, %s, is gone: there are those from %d up to %d", index, brief(k.record), first, next)
			return
		}
	}
	for i, rec := range f.Answer.Records {
		c.keep(now, first+uint64(i), rec)
	}
}

// keep says that a record must be at this index from now on, as must the one that is known to be there already.
func (c *journalCheck) keep(now, index uint64, rec string) {
	for uint64(len(c.records)) <= index {
		c.records = append(c.records, knownRecord{})
	}
	switch k := &c.records[index]; {
	case k.since == 0:
		*k = knownRecord{rec, now}
		c.written[rec] = written{index: index}
	case k.record != rec:
		c.kept.Violatef("record %d, %s, is gone: there is %s", index, brief(k.record), brief(rec))
		return
	}
	c.kept.Hold()
}

// failed checks that an error has a cause.
func (c *journalCheck) failed(f JournalFailed) {
	ok, d := false, c.disk()
	switch f.Sort {
	case errorIO:
		ok = d.SyncErrors+d.ReadErrors > 0
	case errorFull:
		ok = d.Refused > 0
	case errorCorrupt:
		ok = d.Rotten+d.Misdirected > 0
	case errorMissing:
		ok = d.Wiped > 0
	}
	c.honest.Check(ok, func() string { return "nothing happened to the disk that explains: " + f.Why })
}

// judgeJournal asks a journal that has not stopped to work again.
func judgeJournal(r *Run) {
	c := r.State.(*journalCheck)
	if c.down {
		return
	}
	works := r.Checks.Always("a journal that has not stopped works once quiet")
	for _, op := range r.World.History() {
		if op.Invoked >= r.QuietFrom().Add(journalSettles) {
			works.Check(op.Outcome == sim.OK, func() string {
				return op.Input.(JournalOp).String() + " of " + r.Name(op.Client) + " ended as " + op.Outcome.String()
			})
		}
	}
}
