package trace_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/trace"
)

var header = trace.Header{
	Seed: 1<<64 - 1, Scenario: "raft/kv", Plan: json.RawMessage(`{"seed":"4711"}`), Names: map[sim.NodeID]string{6: "c1"},
	Build: trace.ThisBuild(),
}

// ticks is count steps, one a millisecond, of three nodes in turn.
func ticks(count int) (steps []trace.Step) {
	for i := range count {
		steps = append(steps, trace.Step{Step: sim.Step{
			N: uint64(i + 1), At: clock.Time(i) * clock.Time(time.Millisecond), Kind: sim.KindTimer, Node: sim.NodeID(i%3 + 1), Incarnation: 1,
			Lamport: uint64(i),
		}, Text: "tick"})
	}
	return steps
}

func TestHeader(t *testing.T) {
	o := trace.Outcome{Hash: 1<<63 + 1, DeepHash: 5, Verdict: "invalid"}
	got := opened(t, written(t, header, o, ticks(10)...)).Header()
	want := header
	want.Outcome = o
	want.Steps, want.End, want.Virtual = 10, clock.Time(9*time.Millisecond), clock.Time(9*time.Millisecond)
	require.Equal(t, want, got)
	o.Virtual = clock.Time(12 * time.Millisecond) // a run may go on when nothing happens any more
	require.Equal(t, o.Virtual, opened(t, written(t, header, o, ticks(10)...)).Header().Virtual)
	require.Equal(t, "c1", got.Name(6))
	require.Equal(t, "n7", got.Name(7))
	require.Equal(t, "-", got.Name(sim.Nobody))

	text, err := json.Marshal(trace.Header{Seed: 1 << 63, Outcome: trace.Outcome{Hash: 1 << 62}})
	require.NoError(t, err)
	require.JSONEq(t, `{"seed":"9223372036854775808","hash":"4611686018427387904"}`, string(text))
}

// counting counts what is read of a file.
type counting struct {
	r    io.ReaderAt
	read int
}

func (c *counting) ReadAt(p []byte, off int64) (int, error) {
	c.read += len(p)
	return c.r.ReadAt(p, off)
}

func TestWindowsReadWhatTheyShow(t *testing.T) {
	steps := ticks(100_000)
	file := written(t, header, trace.Outcome{}, steps...)
	c := &counting{r: bytes.NewReader(file)}
	r, err := trace.Open(c, int64(len(file)))
	require.NoError(t, err)
	c.read = 0
	require.Equal(t, steps[50_000:50_003], read(t, r, 50_001, 50_003))
	require.Less(t, c.read, len(file)/8)
	c.read = 0
	var skimmed []uint64
	require.NoError(t, r.SkimWindow(50_001, 50_003, func(s *sim.Step) { skimmed = append(skimmed, s.N) }))
	require.Equal(t, []uint64{50_001, 50_002, 50_003}, skimmed)
	require.Less(t, c.read, len(file)/8)

	first, last := r.Steps()
	require.Equal(t, []uint64{1, 100_000}, []uint64{first, last})
	require.Empty(t, read(t, r, 100_001, 1<<60))
	require.Empty(t, read(t, r, 5, 4))
	require.Equal(t, steps[99_999:], read(t, r, 100_000, 1<<60))

	window := func(from, to clock.Time) (steps []trace.Step) {
		for s, err := range r.WindowTime(from, to) {
			require.NoError(t, err)
			steps = append(steps, s)
		}
		return steps
	}
	second := clock.Time(time.Second)
	require.Equal(t, steps[60_000:61_001], window(60*second, 61*second))
	require.Equal(t, steps[:1], window(-second, 0))
	require.Empty(t, window(100*second, 101*second))
	for s, err := range r.All() { // ends early
		require.NoError(t, err)
		require.Equal(t, uint64(1), s.N)
		break
	}

	s, ok, err := r.Find(40_000, func(s *trace.Step) bool { return s.Node == 2 && s.Lamport > 40_100 })
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, uint64(40_103), s.N)
	_, ok, err = r.Find(1, func(*trace.Step) bool { return false })
	require.NoError(t, err)
	require.False(t, ok)
}

func TestCausalOfTrace(t *testing.T) {
	file := recordRing(t, clock.Time(50*time.Millisecond))
	r := opened(t, file)
	c, err := r.Causal()
	require.NoError(t, err)
	_, last := r.Steps()
	require.Equal(t, "{1:34 2:37 3:33}", c.Vector(last).String())
	require.True(t, c.Before(1, last))
	file[len(file)/2] ^= 1
	_, err = opened(t, file).Causal()
	require.ErrorAs(t, err, new(*trace.CorruptError))
}

// openBytes opens and reads everything.
func openBytes(file []byte) error {
	r, err := trace.Open(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return err
	}
	for _, err := range r.All() {
		if err != nil {
			return err
		}
	}
	return nil
}

func TestForeignFiles(t *testing.T) {
	file := written(t, header, trace.Outcome{}, ticks(10)...)
	for name, foreign := range map[string][]byte{
		"text": []byte("step 1\n"), "zeros": make([]byte, 1000), "one byte": {'{'}, "shifted": file[1:],
	} {
		require.ErrorIs(t, openBytes(foreign), trace.ErrNotTrace, name)
	}
	require.Equal(t, "not a seedbed trace", trace.ErrNotTrace.Error())
}

func TestOtherFormats(t *testing.T) {
	file := written(t, header, trace.Outcome{}, ticks(10)...)
	binary.LittleEndian.PutUint16(file[8:], trace.Format+6)
	err := openBytes(file)
	require.ErrorIs(t, err, trace.ErrVersion)
	require.EqualError(t, err, "trace has format 8, this build reads format 2")
}

func TestTruncatedFiles(t *testing.T) {
	file := written(t, header, trace.Outcome{}, ticks(10)...)
	for n := range file {
		require.ErrorIs(t, openBytes(file[:n]), trace.ErrTruncated, "%d of %d bytes", n, len(file))
	}
	require.NoError(t, openBytes(file))
}

func TestDamagedFiles(t *testing.T) {
	file := written(t, header, trace.Outcome{Verdict: "valid"}, ticks(10_000)...)
	rapid.Check(t, func(t *rapid.T) {
		bad := bytes.Clone(file)
		i := rapid.IntRange(0, len(bad)-1).Draw(t, "byte")
		bad[i] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		err := openBytes(bad)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "\n")
		var corrupt *trace.CorruptError
		known := errors.Is(err, trace.ErrNotTrace) || errors.Is(err, trace.ErrVersion) || errors.Is(err, trace.ErrTruncated)
		require.True(t, known || errors.As(err, &corrupt), "%v", err)
	})
	draw := sim.NewStream(1, "noise")
	noise := ticks(1000)
	for i := range noise {
		noise[i].Packet = draw.Next()
	}
	bad := written(t, header, trace.Outcome{}, noise...)
	bad[len(bad)/2] ^= 1
	err := openBytes(bad)
	require.Regexp(t, `^trace is corrupt in frame \d at byte \d+: checksum mismatch$`, err.Error())
}

func TestReadErrorsAreNotDamage(t *testing.T) {
	file := written(t, header, trace.Outcome{}, ticks(10)...)
	_, err := trace.Open(failing{}, int64(len(file)))
	require.ErrorIs(t, err, sim.ErrIO)
	require.EqualError(t, err, "reading trace: input/output error")
}

type failing struct{}

func (failing) ReadAt([]byte, int64) (int, error) { return 0, sim.ErrIO }
func (failing) Write([]byte) (int, error)         { return 0, sim.ErrIO }

func TestWriterRefuses(t *testing.T) {
	long := string(make([]byte, trace.MaxText+1))
	for want, steps := range map[string][]trace.Step{
		"trace: step 0 where step 1 is due": {{}},
		"trace: step 9 where step 8 is due": {{Step: sim.Step{N: 7}}, {Step: sim.Step{N: 9}}},
		"trace: step 2 at 0.000000004s is before its predecessor at 0.000000005s": {
			{Step: sim.Step{N: 1, At: 5}}, {Step: sim.Step{N: 2, At: 4}}},
		"trace: step 1 has a text of 1025 bytes, more than 1024": {{Step: sim.Step{N: 1}, Text: long}},
		"trace: step 1 has more than 1024 changes or log lines":  {{Step: sim.Step{N: 1}, Changes: make([]trace.Change, 1025)}},
		"trace: step 1 has 262400 bytes of text, more than 262144": {
			{Step: sim.Step{N: 1}, Text: long[:256], Logs: repeated(256, trace.Log{Text: long[:1024]})}},
	} {
		w, err := trace.NewWriter(io.Discard, trace.Header{})
		require.NoError(t, err)
		for i := range steps {
			err = w.Write(&steps[i])
		}
		require.EqualError(t, err, want)
		require.EqualError(t, w.Write(&ticks(1)[0]), want, "the first error sticks")
		require.EqualError(t, w.Close(trace.Outcome{}), want)
	}

	_, err := trace.NewWriter(failing{}, trace.Header{})
	require.ErrorIs(t, err, sim.ErrIO)
	_, err = trace.NewWriter(io.Discard, trace.Header{Plan: json.RawMessage("{")})
	require.ErrorContains(t, err, "trace header: ")
	w, err := trace.NewWriter(io.Discard, trace.Header{})
	require.NoError(t, err)
	require.NoError(t, w.Close(trace.Outcome{}))
	require.Error(t, w.Write(&ticks(1)[0]))
}

func repeated[T any](n int, v T) (list []T) {
	for range n {
		list = append(list, v)
	}
	return list
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "run.trace")
	names := func() (names []string) {
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return names
	}
	write := func(steps int, fail error) error {
		return trace.WriteFile(path, func(w io.Writer) error {
			_, err := w.Write(written(t, header, trace.Outcome{}, ticks(steps)...))
			require.NoError(t, err)
			return fail
		})
	}

	require.ErrorIs(t, write(10, sim.ErrIO), sim.ErrIO)
	require.Empty(t, names(), "nothing is left of a failure")
	require.NoError(t, write(20, nil))
	require.ErrorIs(t, write(30, sim.ErrIO), sim.ErrIO)
	require.Equal(t, []string{"run.trace"}, names())
	func() {
		defer func() { require.Equal(t, "stop", recover()) }()
		trace.WriteFile(path, func(w io.Writer) error { panic("stop") })
	}()
	require.Equal(t, []string{"run.trace"}, names(), "nor of a panic")

	f, err := trace.OpenFile(path)
	require.NoError(t, err)
	_, last := f.Steps()
	require.Equal(t, uint64(20), last, "the failure did not touch the file")
	require.NoError(t, f.Close())

	require.Error(t, trace.WriteFile(filepath.Join(dir, "no", "run.trace"), func(io.Writer) error { return nil }))
	t.Chdir(dir)
	require.NoError(t, trace.WriteFile("here.trace", func(io.Writer) error { return nil }))
	require.Equal(t, []string{"here.trace", "run.trace"}, names())
}

func TestOpenFileNamesTheFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "notes.txt")
	require.NoError(t, os.WriteFile(path, []byte("notes"), 0o644))
	_, err := trace.OpenFile(path)
	require.EqualError(t, err, path+": not a seedbed trace")
	_, err = trace.OpenFile(dir)
	require.EqualError(t, err, dir+": not a seedbed trace")
	_, err = trace.OpenFile(filepath.Join(dir, "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
}
