package olep

import (
	"encoding/binary"
	"fmt"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
)

// Session names one life of a client: the node, and a draw of its incarnation.
type Session uint64

// NewSession returns the session of this incarnation. It draws from env.Rand.
func NewSession(env sim.Env) Session {
	return Session(uint64(env.ID())<<32 | uint64(env.Rand().Uint32()))
}

func (s Session) String() string { return fmt.Sprintf("%s:%08x", sim.NodeID(s>>32), uint32(s)) }

// The commands of a Partition.
type (
	// Append appends records, all or none.
	Append struct {
		Producer string // empty: not idempotent, and the other two are zero
		Epoch    uint64
		Seq      uint64 // of the first record, from 0 in each epoch
		Records  []Record
	}
	// Open begins an epoch of a producer, and fences all before it. Epoch is one more than the last: who does not know it is
	// told. So a request that comes late opens nothing.
	Open struct {
		Producer string
		Epoch    uint64
		By       Session // for whom the same epoch may be opened again
	}
	// Trim drops what retention does not keep.
	Trim struct{}
	// Compact drops what later records of the same key have replaced.
	Compact struct{}
)

// The commands of Groups.
type (
	// Join makes a member of a group, or tells one that is its assignment.
	Join struct {
		Group  string
		Member Session
	}
	// Leave ends a membership. Brokers say it of members that are silent.
	Leave struct {
		Group  string
		Member Session
	}
	// Commit says that a group has processed all records of a partition below Offset.
	Commit struct {
		Group      string
		Member     Session
		Generation uint64
		Partition  int
		Offset     LSN
	}
)

// Command is one of the above.
type Command any

// envelope is a command with what a log keeps beside it: whom to answer, and the time.
type envelope struct {
	from sim.NodeID // Nobody: a broker's own
	id   uint64     // of the request
	at   clock.Time // by the clock of the broker that proposed it
	cmd  Command
}

func (e *envelope) encode(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(e.from))
	b = binary.AppendUvarint(b, e.id)
	b = binary.AppendVarint(b, int64(e.at))
	switch c := e.cmd.(type) {
	case *Append:
		b = appendString(append(b, 'A'), c.Producer)
		b = binary.AppendUvarint(b, c.Epoch)
		b = binary.AppendUvarint(b, c.Seq)
		b = binary.AppendUvarint(b, uint64(len(c.Records)))
		for i := range c.Records {
			r := &c.Records[i]
			tombstone := byte(0)
			if r.Tombstone {
				tombstone = 1
			}
			b = appendString(append(b, tombstone), r.Log)
			b = appendString(b, r.Key)
			b = appendString(b, r.Value)
		}
	case Open:
		b = appendString(append(b, 'O'), c.Producer)
		b = binary.AppendUvarint(b, c.Epoch)
		b = binary.AppendUvarint(b, uint64(c.By))
	case Trim:
		b = append(b, 'T')
	case Compact:
		b = append(b, 'C')
	case Join:
		b = appendString(append(b, 'J'), c.Group)
		b = binary.AppendUvarint(b, uint64(c.Member))
	case Leave:
		b = appendString(append(b, 'L'), c.Group)
		b = binary.AppendUvarint(b, uint64(c.Member))
	case Commit:
		b = appendString(append(b, 'M'), c.Group)
		b = binary.AppendUvarint(b, uint64(c.Member))
		b = binary.AppendUvarint(b, c.Generation)
		b = binary.AppendUvarint(b, uint64(c.Partition))
		b = binary.AppendUvarint(b, uint64(c.Offset))
	default:
		panic(fmt.Sprintf("olep: %T is no command", e.cmd))
	}
	return b
}

// decode reads what encode wrote. It panics on anything else: logs give back what they were given.
func decode(s string) envelope {
	f := fields{s}
	e := envelope{from: sim.NodeID(f.uint()), id: f.uint(), at: clock.Time(f.int())}
	switch kind := f.byte(); kind {
	case 'A':
		c := &Append{Producer: f.string(), Epoch: f.uint(), Seq: f.uint()}
		c.Records = make([]Record, f.uint())
		for i := range c.Records {
			c.Records[i] = Record{Tombstone: f.byte() == 1, Log: f.string(), Key: f.string(), Value: f.string()}
		}
		e.cmd = c
	case 'O':
		e.cmd = Open{Producer: f.string(), Epoch: f.uint(), By: Session(f.uint())}
	case 'T':
		e.cmd = Trim{}
	case 'C':
		e.cmd = Compact{}
	case 'J':
		e.cmd = Join{Group: f.string(), Member: Session(f.uint())}
	case 'L':
		e.cmd = Leave{Group: f.string(), Member: Session(f.uint())}
	case 'M':
		c := Commit{Group: f.string(), Member: Session(f.uint()), Generation: f.uint()}
		c.Partition, c.Offset = int(f.uint()), LSN(f.uint())
		e.cmd = c
	default:
		panic(fmt.Sprintf("olep: kind %q is no command", kind))
	}
	if f.s != "" {
		panic(fmt.Sprintf("olep: %d bytes after a command", len(f.s)))
	}
	return e
}

// fields reads a command's fields, one after the other. It panics where there is none.
type fields struct{ s string }

func (f *fields) byte() byte {
	c := f.s[0]
	f.s = f.s[1:]
	return c
}

func (f *fields) uint() uint64 {
	v := uint64(0)
	for i := 0; ; i++ {
		c := f.s[i]
		v |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			f.s = f.s[i+1:]
			return v
		}
	}
}

func (f *fields) int() int64 {
	v := f.uint()
	return int64(v>>1) ^ -int64(v&1)
}

func (f *fields) string() string {
	n := f.uint()
	s := f.s[:n]
	f.s = f.s[n:]
	return s
}

func appendString(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

func (c *Append) String() string {
	if c.Producer == "" {
		return fmt.Sprintf("Append{%d records from %s}", len(c.Records), c.first())
	}
	return fmt.Sprintf("Append{%s/%d #%d, %d records from %s}", c.Producer, c.Epoch, c.Seq, len(c.Records), c.first())
}

func (c *Append) first() string {
	if len(c.Records) == 0 {
		return "none"
	}
	return c.Records[0].String()
}
