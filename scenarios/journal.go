package scenarios

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
	"time"

	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/wal"
)

// journal is a service that keeps records on its own disk: clients append some and read them back. It acknowledges what is
// on disk, and hands out nothing else. A log that fails is not tried again: each later operation is told so.
type journal struct {
	open    func(disk sim.Disk) (journalLog, error)
	guess   time.Duration // if positive, a sync is taken for done after this time, whatever it says
	log     journalLog
	failed  error // of opening it
	syncs   uint64
	waiting []waiting // for syncs in the background, in the order of their records
}

// journalLog is what a journal keeps its records in. Indexes count from 1; those from First up to Next are there.
type journalLog interface {
	Append(rec []byte) (index uint64, err error)
	Sync() error
	Read(index uint64) ([]byte, error)
	First() uint64
	Next() uint64
}

// waiting is an append that is to be acknowledged.
type waiting struct {
	from  sim.NodeID
	id    int
	index uint64
}

// JournalOp is an operation of a journal's client.
type JournalOp struct {
	Kind   string // append, post, abort, trim, read or scan
	Record string // to append; abort appends more of the kind
	Count  int    // how many records abort appends
	Synced bool   // abort syncs them before it drops them
	Index  uint64 // to read; or below which to trim
}

func (o JournalOp) String() string {
	switch o.Kind {
	case "append", "post":
		return fmt.Sprintf("%s %s", o.Kind, brief(o.Record))
	case "abort":
		return fmt.Sprintf("abort %d times %s", o.Count, brief(o.Record))
	case "trim", "read":
		return fmt.Sprintf("%s %d", o.Kind, o.Index)
	}
	return o.Kind
}

// brief is a record's value, without what makes it as long as it is.
func brief(record string) string {
	return fmt.Sprintf("%.20q (%d bytes)", valueOf(record), len(record))
}

func valueOf(record string) string {
	value, _, _ := strings.Cut(record, " ")
	return value
}

// JournalRequest asks for an operation, JournalAnswer ends it.
type (
	JournalRequest struct {
		ID int
		Op JournalOp
	}
	JournalAnswer struct {
		ID      int
		Error   string   // why it failed, of a log that has
		Index   uint64   // of the record that was appended, or of the first in Records
		Records []string // read
	}
)

// Facts of a journal and its clients.
type (
	// JournalSaw tells how an operation ended for a client.
	JournalSaw struct {
		Op      JournalOp
		Call    uint64 // the step of its invocation
		Outcome sim.Outcome
		Answer  JournalAnswer // of one that is ok
	}
	// JournalOpened tells what it has after a boot.
	JournalOpened struct {
		First, Last uint64 // of its records; if there are none, Last is less
		TornBytes   int64
	}
	// JournalWrote tells that a record was written and synced.
	JournalWrote struct {
		Index  uint64
		Record string // its value
	}
	// JournalSynced tells that a journal takes its records up to Index for durable, after a sync in the background.
	JournalSynced struct{ Index uint64 }
	// JournalWaits tells that a record was written, and waits for such a sync.
	JournalWaits struct {
		Index  uint64
		Record string // its value
	}
	// JournalTrimmed tells that a log was trimmed, though not yet durably.
	JournalTrimmed struct{ First uint64 }
	// JournalFailed tells that an operation, or a boot, could not be done, and by what sort of error.
	JournalFailed struct {
		Sort errorSort
		Why  string
	}
)

type errorSort string

const (
	errorOther   errorSort = "other"
	errorIO      errorSort = "input or output"
	errorFull    errorSort = "disk full"
	errorCorrupt errorSort = "corrupt"
	errorMissing errorSort = "missing"
)

func sortOf(err error) errorSort {
	var corrupt *wal.CorruptError
	switch {
	case errors.Is(err, sim.ErrIO):
		return errorIO
	case errors.Is(err, sim.ErrDiskFull):
		return errorFull
	case errors.Is(err, wal.ErrMissing):
		return errorMissing
	case errors.As(err, &corrupt):
		return errorCorrupt
	}
	return errorOther
}

func (j *journal) Start(env sim.Env) {
	if j.log, j.failed = j.open(env.Disk()); j.failed != nil {
		j.fail(env, j.failed)
		return
	}
	opened := JournalOpened{First: j.log.First(), Last: j.log.Next() - 1}
	if log, ok := j.log.(*wal.Log); ok {
		opened.TornBytes = log.Recovery().TornBytes
	}
	env.Emit(opened)
}

func (j *journal) Receive(env sim.Env, from sim.NodeID, msg sim.Message) {
	req := msg.(JournalRequest)
	if j.failed != nil {
		env.Send(from, JournalAnswer{ID: req.ID, Error: j.failed.Error()})
		return
	}
	answer, err := j.do(env, from, req)
	switch {
	case err != nil:
		j.fail(env, err)
		env.Send(from, JournalAnswer{ID: req.ID, Error: err.Error()})
	case answer != nil:
		answer.ID = req.ID
		env.Send(from, *answer)
	}
}

// do carries out an operation; no answer means that it comes later.
func (j *journal) do(env sim.Env, from sim.NodeID, req JournalRequest) (*JournalAnswer, error) {
	switch op := req.Op; op.Kind {
	case "append":
		index, err := j.log.Append([]byte(op.Record))
		if err == nil {
			err = j.log.Sync()
		}
		if err != nil {
			return nil, err
		}
		env.Emit(JournalWrote{index, valueOf(op.Record)})
		return &JournalAnswer{Index: index}, nil
	case "post":
		index, err := j.log.Append([]byte(op.Record))
		if err != nil {
			return nil, err
		}
		j.waiting = append(j.waiting, waiting{from, req.ID, index})
		err = j.startSync(env)
		env.Emit(JournalWaits{index, valueOf(op.Record)})
		return nil, err
	case "abort":
		return &JournalAnswer{}, j.abort(op)
	case "trim":
		log := j.log.(*wal.Log)
		err := log.TruncatePrefix(min(op.Index, log.Next()))
		env.Emit(JournalTrimmed{log.First()})
		return &JournalAnswer{}, err
	case "read":
		return j.read(op.Index, op.Index+1)
	case "scan":
		return j.read(0, j.log.Next())
	default:
		panic("a journal has no operation " + op.Kind)
	}
}

// abort is a transaction that does not commit: it appends records, and drops them.
func (j *journal) abort(op JournalOp) error {
	log := j.log.(*wal.Log)
	from := log.Next()
	for i := range op.Count {
		if _, err := log.Append([]byte(op.part(i))); err != nil {
			return err
		}
	}
	if op.Synced {
		if err := log.Sync(); err != nil {
			return err
		}
	}
	if err := log.TruncateSuffix(from); err != nil {
		return err
	}
	return log.Sync()
}

// part is the i-th record of an abort.
func (o JournalOp) part(i int) string { return strconv.Itoa(i) + o.Record }

// read returns the records from first up to end, those that are there.
func (j *journal) read(first, end uint64) (*JournalAnswer, error) {
	first, end = max(first, j.log.First()), min(end, j.durable()+1)
	a := &JournalAnswer{Index: first}
	for ; first < end; first++ {
		rec, err := j.log.Read(first)
		if err != nil {
			return nil, err
		}
		a.Records = append(a.Records, string(rec))
	}
	return a, nil
}

// durable is the last record that may be handed out.
func (j *journal) durable() uint64 {
	if log, ok := j.log.(*wal.Log); ok {
		return log.Durable()
	}
	if len(j.waiting) > 0 {
		return j.waiting[0].index - 1
	}
	return j.log.Next() - 1
}

// synced is the name of the timers of syncs in the background.
const synced = "synced"

func (j *journal) startSync(env sim.Env) error {
	j.syncs++
	done := sim.Timer{Name: synced, Key: j.syncs}
	if j.guess > 0 {
		env.Disk().StartSync(sim.Timer{Name: "nobody looks", Key: j.syncs})
		env.SetTimer(done, j.guess)
		return nil
	}
	return j.log.(*wal.Log).StartSync(done)
}

// Timeout is the end of a sync in the background: it acknowledges what is durable.
func (j *journal) Timeout(env sim.Env, t sim.Timer) {
	if t.Name != synced {
		return
	}
	durable := uint64(0)
	if log, ok := j.log.(*wal.Log); ok {
		if err := log.Synced(t); err != nil {
			j.fail(env, err)
			for _, w := range j.waiting {
				env.Send(w.from, JournalAnswer{ID: w.id, Error: err.Error()})
			}
			j.waiting = nil
			return
		}
		durable = log.Durable()
	} else {
		durable = j.waiting[0].index
	}
	env.Emit(JournalSynced{durable})
	for len(j.waiting) > 0 && j.waiting[0].index <= durable {
		env.Send(j.waiting[0].from, JournalAnswer{ID: j.waiting[0].id, Index: j.waiting[0].index})
		j.waiting = j.waiting[1:]
	}
}

func (j *journal) fail(env sim.Env, err error) { env.Emit(JournalFailed{sortOf(err), err.Error()}) }

// naive is a journal's log as it is written first: a file of lengths, checksums and records, that is read at the start and
// appended to. Each of its fields is a mistake that many have made; without any it is right about crashes, and knows
// nothing of disks that fail.
type naive struct {
	noSync     bool // acknowledges what it has written: the system will see to the rest
	noChecksum bool // believes every length that it reads
	noErrors   bool // does not look at what writes and syncs return
	anyEnd     bool // takes any error for the end of the file

	disk    sim.Disk
	file    sim.File
	records []string
}

const naiveHead = 8 // bytes: length and checksum

func (n naive) open(disk sim.Disk) (journalLog, error) {
	n.disk, n.file = disk, disk.Open("journal")
	data := make([]byte, n.file.Size())
	read, err := n.file.ReadAt(data, 0)
	if err != nil && err != sim.ErrNotExist {
		if !n.anyEnd {
			return nil, err
		}
		data = data[:read]
	}
	end := 0
	for end+naiveHead <= len(data) {
		size, sum := binary.LittleEndian.Uint32(data[end:]), binary.LittleEndian.Uint32(data[end+4:])
		if int64(end+naiveHead)+int64(size) > int64(len(data)) {
			break
		}
		rec := data[end+naiveHead:][:size]
		if !n.noChecksum && sum != naiveSum(rec) {
			break
		}
		n.records = append(n.records, string(rec))
		end += naiveHead + int(size)
	}
	if int64(end) == n.file.Size() {
		return &n, nil
	}
	if err := n.file.Truncate(int64(end)); err != nil { // a torn tail
		return nil, err
	}
	return &n, n.disk.Sync()
}

// naiveSum makes zeros no record.
func naiveSum(rec []byte) uint32 { return crc32.ChecksumIEEE(rec) ^ 1 }

func (n *naive) Append(rec []byte) (uint64, error) {
	buf := binary.LittleEndian.AppendUint32(nil, uint32(len(rec)))
	buf = binary.LittleEndian.AppendUint32(buf, naiveSum(rec))
	if err := n.file.Append(append(buf, rec...)); err != nil && !n.noErrors {
		return 0, err
	}
	n.records = append(n.records, string(rec))
	return uint64(len(n.records)), nil
}

func (n *naive) Sync() error {
	if n.noSync {
		return nil
	}
	if err := n.disk.Sync(); !n.noErrors {
		return err
	}
	return nil
}

func (n *naive) Read(index uint64) ([]byte, error) { return []byte(n.records[index-1]), nil }

func (n *naive) First() uint64 { return 1 }

func (n *naive) Next() uint64 { return uint64(len(n.records)) + 1 }

// journalClient does operations one after the other, each once.
func journalClient(server sim.NodeID, ops []nemesis.Op) sim.Node {
	return sim.Spawn(func(p *sim.Proc) {
		for i, o := range ops {
			p.Sleep(o.At - p.Elapsed())
			op := journalOp(o)
			call := sim.Invoke(p.Env, op)
			msg, ok := p.Call(server, JournalRequest{i + 1, op}, journalPatience, func(m sim.Message) bool {
				a, ok := m.(JournalAnswer)
				return ok && a.ID == i+1
			})
			saw := JournalSaw{op, call.Call, sim.OK, JournalAnswer{}}
			if ok {
				saw.Answer = msg.(JournalAnswer)
			}
			switch failed := !ok || saw.Answer.Error != ""; {
			case failed && op.Kind != "read" && op.Kind != "scan":
				saw.Outcome = sim.Info
			case failed, op.Kind == "abort":
				saw.Outcome = sim.Fail
			}
			sim.Complete(p.Env, call, saw.Outcome, saw.Answer)
			p.Emit(saw)
		}
	})
}

// journalPatience is how long a client waits for an answer.
const journalPatience = time.Second

func journalOp(o nemesis.Op) JournalOp {
	n, err := strconv.Atoi(o.Arg)
	if err != nil && o.Arg != "" {
		panic("the argument of " + o.String() + " is no number")
	}
	op := JournalOp{Kind: o.Kind}
	switch o.Kind {
	case "append", "post", "abort":
		op.Record = o.Value + " " + strings.Repeat(o.Value+".", n/len(o.Value))
		op.Record = op.Record[:max(n, len(o.Value)+1)]
		if o.Kind == "abort" {
			op.Count, op.Synced = 1+n%4, n%3 != 0
		}
	default:
		op.Index = uint64(n)
	}
	return op
}
