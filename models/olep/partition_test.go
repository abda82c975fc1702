package olep

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seedbed-sim/seedbed/clock"
)

// at is a time in milliseconds.
func at(ms int) clock.Time { return clock.Time(time.Duration(ms) * time.Millisecond) }

func put(key, value string) Record { return Record{Log: "x", Key: key, Value: value} }

func deleted(key string) Record { return Record{Log: "x", Key: key, Tombstone: true} }

// must applies a command that is not refused.
func must(t *testing.T, p *Partition, ms int, cmd Command) any {
	t.Helper()
	result, _, no := p.Apply(at(ms), cmd)
	require.Equal(t, Refusal{}, no)
	return result
}

// refuses applies a command that is refused, and has changed nothing.
func refuses(t *testing.T, p *Partition, cmd Command, want Refusal) {
	t.Helper()
	before, entries := p.State(), p.Entries()
	_, _, no := p.Apply(0, cmd)
	require.Equal(t, want, no)
	require.Equal(t, before, p.State())
	require.Equal(t, entries, p.Entries())
}

func lsns(entries []Entry) (list []LSN) {
	for _, e := range entries {
		list = append(list, e.LSN)
	}
	return list
}

func TestPartitionNumbersFromOne(t *testing.T) {
	p := NewPartition(0, PartitionConfig{})
	require.Equal(t, LSN(1), must(t, p, 1, &Append{Records: []Record{put("a", "1"), put("b", "2")}}))
	require.Equal(t, LSN(3), must(t, p, 2, &Append{Records: []Record{put("", "3")}}))
	r, no := p.Read(2, 10, "")
	require.Equal(t, Refusal{}, no)
	require.Equal(t, Records{From: 2, Next: 4, Entries: []Entry{
		{LSN: 2, At: at(1), Record: put("b", "2")}, {LSN: 3, At: at(2), Record: put("", "3")},
	}}, r)
	r, _ = p.Read(1, 2, "")
	require.Equal(t, LSN(3), r.Next)
	r, no = p.Read(4, 10, "")
	require.Equal(t, Refusal{}, no)
	require.Equal(t, Records{From: 4, Next: 4, Entries: []Entry{}}, r)
}

func TestPartitionClockNeverGoesBack(t *testing.T) {
	p := NewPartition(0, PartitionConfig{})
	must(t, p, 9, &Append{Records: []Record{put("a", "1")}})
	must(t, p, 3, &Append{Records: []Record{put("a", "2")}})
	require.Equal(t, at(9), p.Entries()[1].At)
}

func TestPartitionRefuses(t *testing.T) {
	p := NewPartition(0, PartitionConfig{MaxRecord: 10, MaxBatch: 2, Retain: time.Second})
	must(t, p, 0, &Append{Records: []Record{put("a", "1")}})
	must(t, p, 2000, Trim{})
	must(t, p, 2000, Open{"p", 1, 7})
	must(t, p, 2000, &Append{Producer: "p", Epoch: 1, Records: []Record{put("a", "2")}})
	must(t, p, 2000, &Append{Producer: "p", Epoch: 1, Seq: 1, Records: []Record{put("a", "3")}})
	one := []Record{put("a", "4")}
	refuses(t, p, &Append{Records: []Record{put("a", "123456789")}}, Refusal{TooLarge, 10})
	refuses(t, p, &Append{Records: []Record{one[0], one[0], one[0]}}, Refusal{TooLarge, 2})
	refuses(t, p, &Append{}, Refusal{Why: Malformed})
	refuses(t, p, &Append{Records: []Record{{Tombstone: true}}}, Refusal{Why: Malformed})
	refuses(t, p, &Append{Records: []Record{{Key: "a", Value: "5", Tombstone: true}}}, Refusal{Why: Malformed})
	refuses(t, p, &Append{Records: []Record{one[0], {Tombstone: true}}}, Refusal{Why: Malformed}) // all or none
	refuses(t, p, &Append{Producer: "p", Epoch: 1, Seq: 3, Records: one}, Refusal{SequenceGap, 2})
	refuses(t, p, &Append{Producer: "p", Epoch: 1, Seq: 0, Records: one}, Refusal{OutOfSequence, 2})
	refuses(t, p, &Append{Producer: "p", Epoch: 2, Seq: 0, Records: one}, Refusal{NotOpen, 1})
	refuses(t, p, &Append{Producer: "q", Epoch: 0, Seq: 0, Records: one}, Refusal{NotOpen, 0})
	refuses(t, p, Open{"p", 3, 7}, Refusal{Fenced, 1})
	refuses(t, p, Join{"g", 1}, Refusal{Why: Malformed})
	must(t, p, 2000, Open{"p", 2, 8})
	refuses(t, p, &Append{Producer: "p", Epoch: 1, Seq: 2, Records: one}, Refusal{Fenced, 2})
	_, no := p.Read(1, 1, "")
	require.Equal(t, Refusal{Trimmed, 2}, no)
	_, no = p.Read(5, 1, "")
	require.Equal(t, Refusal{BeyondEnd, 4}, no)
}

func TestPartitionTakesABatchOnce(t *testing.T) {
	p := NewPartition(0, PartitionConfig{})
	must(t, p, 0, Open{"p", 1, 7})
	must(t, p, 0, Open{"p", 1, 7}) // asked again
	refuses(t, p, Open{"p", 1, 8}, Refusal{Fenced, 1})
	batch := &Append{Producer: "p", Epoch: 1, Records: []Record{put("a", "1"), put("a", "2")}}
	require.Equal(t, LSN(1), must(t, p, 0, batch))
	require.Equal(t, LSN(1), must(t, p, 0, batch))
	require.Equal(t, LSN(4), p.next+1)
	must(t, p, 0, Open{"p", 2, 8})
	batch = &Append{Producer: "p", Epoch: 2, Records: batch.Records} // a new epoch has numbers of its own
	require.Equal(t, LSN(3), must(t, p, 0, batch))
}

func TestPartitionRetains(t *testing.T) {
	p := NewPartition(0, PartitionConfig{Retain: time.Second, RetainSize: 9})
	for i := range 5 { // three bytes each
		must(t, p, 100*i, &Append{Records: []Record{put("a", fmt.Sprint(i))}})
	}
	require.True(t, p.Trimmable(at(400)))
	must(t, p, 400, Trim{})
	require.Equal(t, []LSN{3, 4, 5}, lsns(p.Entries()))
	require.False(t, p.Trimmable(at(1200)))
	must(t, p, 1201, Trim{})
	require.Equal(t, LSN(4), p.Low())
	must(t, p, 9999, Trim{})
	require.Equal(t, PartitionState{Low: 6, Next: 6}, p.State())
	require.Equal(t, LSN(6), must(t, p, 9999, &Append{Records: []Record{put("a", "5")}}))
}

func TestPartitionCompacts(t *testing.T) {
	p := NewPartition(0, PartitionConfig{Compact: 5, Tombstones: time.Second})
	must(t, p, 0, &Append{Records: []Record{put("a", "1"), put("b", "2"), put("", "3"), put("a", "4")}})
	require.False(t, p.Compactable())
	must(t, p, 0, &Append{Records: []Record{{Log: "y", Key: "a", Value: "5"}, deleted("b")}})
	require.True(t, p.Compactable())
	before, _ := p.Read(1, 10, "")
	must(t, p, 5000, Compact{})
	require.False(t, p.Compactable())
	require.Equal(t, []LSN{3, 4, 5, 6}, lsns(p.Entries()))
	require.Equal(t, []LSN{1, 2, 3, 4, 5, 6}, lsns(before.Entries), "readers keep what they have read")
	must(t, p, 6000, Compact{})
	require.Equal(t, []LSN{3, 4, 5, 6}, lsns(p.Entries()), "the tombstone is young: its horizon is set by the first compaction")
	must(t, p, 6001, Compact{})
	require.Equal(t, []LSN{3, 4, 5}, lsns(p.Entries()))
	require.Equal(t, LSN(7), must(t, p, 6001, &Append{Records: []Record{put("c", "6")}}), "no number is given twice")
	r, _ := p.Read(1, 2, "")
	require.Equal(t, []LSN{3, 4}, lsns(r.Entries))
	require.Equal(t, LSN(5), r.Next)
	r, _ = p.Read(1, 10, "y")
	require.Equal(t, []LSN{5}, lsns(r.Entries))
	require.Equal(t, LSN(8), r.Next)
}

// A partition and a dumb one, that keeps all records and looks through them each time, agree after any commands.
func TestPartitionAgainstADumbOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := PartitionConfig{Retain: 300 * time.Millisecond, RetainSize: 60, Compact: 1, Tombstones: 50 * time.Millisecond}
		p := NewPartition(0, c)
		var all []dumb
		low, now := LSN(1), clock.Time(0)
		for range rapid.IntRange(1, 60).Draw(t, "commands") {
			now = now.Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "ms")) * time.Millisecond)
			switch rapid.IntRange(0, 5).Draw(t, "kind") {
			case 0:
				p.Apply(now, Trim{})
				for i := range all {
					size := 0
					for _, e := range all[i:] {
						if !e.gone {
							size += e.size()
						}
					}
					if e := &all[i]; !e.gone && (now.Sub(e.At) > c.Retain || size > c.RetainSize) {
						e.gone, low = true, e.LSN+1
					} else if !e.gone {
						break
					}
				}
			case 1:
				p.Apply(now, Compact{})
				for i := range all {
					e, later := &all[i], false
					for _, o := range all[i+1:] {
						later = later || e.Key != "" && o.Key == e.Key && !o.gone
					}
					switch {
					case e.gone:
					case later, e.Tombstone && e.kept && now > e.Horizon:
						e.gone = true
					case e.Tombstone && !e.kept:
						e.kept, e.Horizon = true, now.Add(c.Tombstones)
					}
				}
			default:
				key := rapid.SampledFrom([]string{"", "a", "b", "c"}).Draw(t, "key")
				rec := put(key, "v")
				if key != "" && rapid.Bool().Draw(t, "delete") {
					rec = deleted(key)
				}
				all = append(all, dumb{Entry: Entry{LSN: LSN(len(all) + 1), At: now, Record: rec}})
				first, _, no := p.Apply(now, &Append{Records: []Record{rec}})
				require.Equal(t, Refusal{}, no)
				require.Equal(t, LSN(len(all)), first)
			}
			want, size := []Entry{}, 0
			for _, e := range all {
				if !e.gone {
					want = append(want, e.Entry)
					size += e.size()
				}
			}
			require.Equal(t, want, append([]Entry{}, p.Entries()...))
			require.Equal(t, low, p.Low())
			require.Equal(t, size, p.State().Bytes)
		}
	})
}

type dumb struct {
	Entry
	gone, kept bool
}

func TestCommandsAreReadAsWritten(t *testing.T) {
	for _, cmd := range []Command{
		&Append{Records: []Record{put("", "")}},
		&Append{Producer: "p", Epoch: 1 << 40, Seq: 300, Records: []Record{put("a", "\x00\xff"), deleted("k"), {}}},
		Open{"p", 3, 1<<63 + 5}, Trim{}, Compact{}, Join{"g", 9}, Leave{"g", 1 << 60}, Commit{"g", 5, 6, 7, 1 << 33},
	} {
		for _, when := range []clock.Time{0, 1, -1, 1 << 62} {
			e := envelope{from: 12, id: 1 << 50, at: when, cmd: cmd}
			require.Equal(t, e, decode(string(e.encode(nil))))
		}
	}
	require.Panics(t, func() { decode(string((&envelope{cmd: Trim{}}).encode(nil)) + "x") })
}

func TestGroups(t *testing.T) {
	s := NewGroups(3)
	apply := func(cmd Command) (any, Refusal) {
		result, _, no := s.Apply(0, cmd)
		return result, no
	}
	assigned := func(cmd Join) Assignment {
		result, no := apply(cmd)
		require.Equal(t, Refusal{}, no)
		return *result.(*Assignment)
	}
	require.Equal(t, Assignment{1, []int{0, 1, 2}, []LSN{1, 1, 1}}, assigned(Join{"g", 7}))
	require.Equal(t, Assignment{1, []int{0, 1, 2}, []LSN{1, 1, 1}}, assigned(Join{"g", 7}), "asked again")
	_, no := apply(Commit{"g", 7, 1, 2, 5})
	require.Equal(t, Refusal{}, no)
	_, no = apply(Commit{"g", 7, 1, 2, 4}) // comes late
	require.Equal(t, Refusal{}, no)
	require.Equal(t, LSN(5), s.Offset("g", 2))

	require.Equal(t, Assignment{2, []int{1}, []LSN{1}}, assigned(Join{"g", 8}))
	require.Equal(t, Refusal{OldGeneration, 2}, s.Heard("g", 7, 1))
	for cmd, want := range map[Commit]Refusal{
		{"g", 7, 1, 2, 9}: {OldGeneration, 2},
		{"g", 7, 2, 1, 9}: {Why: NotAssigned},
		{"g", 9, 2, 1, 9}: {Why: UnknownMember},
		{"h", 7, 2, 1, 9}: {Why: UnknownMember},
		{"g", 7, 2, 3, 9}: {Why: UnknownPartition},
	} {
		_, no := apply(cmd)
		require.Equal(t, want, no, "%+v", cmd)
	}
	require.Equal(t, []LSN{1, 1, 5}, s.groups["g"].offsets)
	require.Equal(t, []Leave{{"g", 7}, {"g", 8}}, s.Members())

	require.Equal(t, Assignment{1, []int{0, 1, 2}, []LSN{1, 1, 1}}, assigned(Join{"h", 7}), "another group begins at the beginning")
	_, no = apply(Commit{"h", 7, 1, 0, 8})
	require.Equal(t, Refusal{}, no)
	require.Equal(t, []LSN{8, 1}, []LSN{s.Offset("h", 0), s.Offset("g", 0)}, "and goes on by itself")

	_, no = apply(Leave{"g", 7})
	require.Equal(t, Refusal{}, no)
	_, no = apply(Leave{"g", 7})
	require.Equal(t, UnknownMember, no.Why)
	require.Equal(t, Assignment{3, []int{0, 1, 2}, []LSN{1, 1, 5}}, assigned(Join{"g", 8}))
	_, no = apply(Leave{"g", 8})
	require.Equal(t, Refusal{}, no, "nobody is left")
	require.Equal(t, Assignment{5, []int{0, 1, 2}, []LSN{1, 1, 5}}, assigned(Join{"g", 8}))
}
