package histories

import (
	"bufio"
	"fmt"
	"io"
	"math/big"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"olympos.io/encoding/edn"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/internal/race"
	"github.com/seedbed-sim/seedbed/sim"
)

func check(t testing.TB, model, text string, o Options) (*History, checkers.Result, error) {
	m, err := FindModel(model)
	require.NoError(t, err)
	return Check(strings.NewReader(text), m, o)
}

// TestPorcupinesOwnData reads the histories of Porcupine's tests where the go command keeps them, and their labels out of
// those tests.
func TestPorcupinesOwnData(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/anishathalye/porcupine").Output()
	require.NoError(t, err)
	dir := strings.TrimSpace(string(out))
	tests, err := os.ReadFile(filepath.Join(dir, "porcupine_test.go"))
	require.NoError(t, err)
	agree := func(model, path, label string) {
		file, err := os.Open(filepath.Join(dir, "test_data", path))
		require.NoError(t, err)
		defer file.Close()
		m, err := FindModel(model)
		require.NoError(t, err)
		_, r, err := Check(file, m, Options{})
		if assert.NoError(t, err, path) {
			want := map[string]checkers.Verdict{"true": checkers.Valid, "false": checkers.Invalid}[label]
			assert.Equal(t, want, r.Verdict, "%s: %v", path, r)
		}
	}
	registers := regexp.MustCompile(`checkJepsen\(t, (\d+), (true|false)\)`).FindAllStringSubmatch(string(tests), -1)
	require.GreaterOrEqual(t, len(registers), 102)
	for _, m := range registers {
		n, err := strconv.Atoi(m[1])
		require.NoError(t, err)
		agree("cas-register", fmt.Sprintf("jepsen/etcd_%03d.log", n), m[2])
	}
	stores := regexp.MustCompile(`checkKv\(t, "([^"]+)", (true|false), true\)`).FindAllStringSubmatch(string(tests), -1)
	require.GreaterOrEqual(t, len(stores), 6)
	for _, m := range stores {
		agree("kv", "kv/"+m[1]+".txt", m[2])
	}
}

// row is an entry: type, process, f and value, in EDN.
func rows(list ...string) string {
	var b strings.Builder
	for _, r := range list {
		f := strings.SplitN(r, " ", 4)
		fmt.Fprintf(&b, "{:type :%s, :process %s, :f :%s, :value %s}\n", f[0], f[1], f[2], f[3])
	}
	return b.String()
}

func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		name, model string
		options     Options
		verdict     checkers.Verdict
		anomaly     string
		rows        []string
	}{
		{"a register that works", "register", Options{}, checkers.Valid, "",
			[]string{"invoke 0 write 1", "ok 0 write 1", "invoke 1 read nil", "ok 1 read 1"}},
		{"registers of many keys", "register", Options{}, checkers.Invalid, "stale read",
			[]string{"invoke 0 write [x 1]", "ok 0 write [x 1]", "invoke 0 write [y 2]", "ok 0 write [y 2]", "invoke 1 read [y nil]", "ok 1 read [y nil]"}},
		{"an unknown write is seen, or not", "register", Options{}, checkers.Valid, "",
			[]string{"invoke 0 write 1", "info 0 write 1", "invoke 1 read nil", "ok 1 read nil", "invoke 1 read nil", "ok 1 read 1"}},
		{"and not both ways", "register", Options{}, checkers.Invalid, "new-old inversion",
			[]string{"invoke 0 write 1", "info 0 write 1", "invoke 1 read nil", "ok 1 read 1", "invoke 1 read nil", "ok 1 read nil"}},
		{"a failed write is not seen", "register", Options{}, checkers.Invalid, "phantom read",
			[]string{"invoke 0 write 1", "fail 0 write 1", "invoke 1 read nil", "ok 1 read 1"}},
		{"a pending read", "register", Options{}, checkers.Unknown, "", []string{"invoke 0 read nil"}},
		{"two swap at once", "cas-register", Options{}, checkers.Invalid, "not linearizable",
			[]string{"invoke 0 write 1", "ok 0 write 1", "invoke 0 cas [1 2]", "invoke 1 cas [1 3]", "ok 0 cas [1 2]", "ok 1 cas [1 3]"}},
		{"a key of a cas", "cas-register", Options{}, checkers.Valid, "",
			[]string{"invoke 0 write [k 1]", "ok 0 write [k 1]", "invoke 0 cas [k [1 2]]", "ok 0 cas [k [1 2]]", "invoke 1 read [k nil]", "ok 1 read [k 2]"}},
		{"a store", "kv", Options{}, checkers.Invalid, "not linearizable",
			[]string{`invoke 0 append [k "a;"]`, `ok 0 append [k "a;"]`, `invoke 0 delete [k nil]`, `ok 0 delete [k nil]`, `invoke 0 get [k nil]`, `ok 0 get [k "a;"]`}},
		{"read skew", "list-append", Options{Level: checkers.Serializable}, checkers.Invalid, "G-single",
			[]string{"invoke 0 txn [[:append x 1] [:append y 1]]", "invoke 1 txn [[:r x nil] [:r y nil]]", "ok 0 txn [[:append x 1] [:append y 1]]",
				"ok 1 txn [[:r x [1]] [:r y []]]", "invoke 2 txn [[:r y nil]]", "ok 2 txn [[:r y [1]]]"}},
		{"at a lower level", "list-append", Options{Level: checkers.ReadCommitted}, checkers.Valid, "",
			[]string{"invoke 0 txn [[:append x 1] [:append y 1]]", "invoke 1 txn [[:r x nil] [:r y nil]]", "ok 0 txn [[:append x 1] [:append y 1]]",
				"ok 1 txn [[:r x [1]] [:r y []]]", "invoke 2 txn [[:r y nil]]", "ok 2 txn [[:r y [1]]]"}},
		{"an aborted read", "list-append", Options{Level: checkers.ReadCommitted}, checkers.Invalid, "G1a",
			[]string{"invoke 0 txn [[:append x 1]]", "fail 0 txn [[:append x 1]]", "invoke 1 txn [[:r x nil]]", "ok 1 txn [[:r x [1]]]"}},
		{"a bank", "bank", Options{}, checkers.Invalid, "wrong total",
			[]string{"invoke 0 transfer {:from 0, :to 1, :amount 3}", "info 0 transfer {:from 0, :to 1, :amount 3}", "invoke 1 read nil", "ok 1 read {0 10, 1 0}",
				"invoke 1 read nil", "ok 1 read {0 7, 1 0}"}},
		{"accounts come and go", "bank", Options{}, checkers.Valid, "",
			[]string{"invoke 1 read nil", "ok 1 read {0 10}", "invoke 0 transfer {:from 0, :to 1, :amount 10}", "ok 0 transfer {:from 0, :to 1, :amount 10}",
				"invoke 1 read nil", "ok 1 read {1 10}"}},
		{"money of nobody", "bank", Options{}, checkers.Invalid, "unexpected key",
			[]string{"invoke 1 read nil", "ok 1 read {0 10}", "invoke 1 read nil", "ok 1 read {0 10, 1 0}"}},
		{"big numbers", "register", Options{}, checkers.Valid, "",
			[]string{"invoke 0 write 7N", "ok 0 write 7N", "invoke 0 read nil", "ok 0 read 7", "invoke 0 write 18446744073709551616", "ok 0 write 18446744073709551616N",
				"invoke 0 read nil", "ok 0 read 18446744073709551616N"}},
		{"a set that forgets", "set", Options{}, checkers.Invalid, "lost element",
			[]string{"invoke 0 add 1", "ok 0 add 1", "invoke 0 read nil", "ok 0 read #{}"}},
		{"a set that lags", "set", Options{}, checkers.Valid, "",
			[]string{"invoke 0 add 1", "ok 0 add 1", "invoke 0 read nil", "ok 0 read #{}", "invoke 0 read nil", "ok 0 read #{1}"}},
		{"and should not", "set", Options{Linearizable: true}, checkers.Invalid, "stale read",
			[]string{"invoke 0 add 1", "ok 0 add 1", "invoke 0 read nil", "ok 0 read #{}", "invoke 0 read nil", "ok 0 read #{1}"}},
		{"a counter", "counter", Options{}, checkers.Invalid, "lost add",
			[]string{"invoke 0 add 2", "ok 0 add 2", "invoke 1 add 1", "info 1 add 1", "invoke 0 read nil", "ok 0 read 1"}},
		{"a counter that may have more", "counter", Options{}, checkers.Valid, "",
			[]string{"invoke 0 add 2", "ok 0 add 2", "invoke 1 add 1", "info 1 add 1", "invoke 0 read nil", "ok 0 read 3"}},
		{"a queue", "queue", Options{}, checkers.Invalid, "lost element",
			[]string{"invoke 0 enqueue 1", "ok 0 enqueue 1", "invoke 0 enqueue 2", "ok 0 enqueue 2", "invoke 1 drain nil", "ok 1 drain [2]"}},
		{"a queue that is not drained", "queue", Options{}, checkers.Valid, "",
			[]string{"invoke 0 enqueue 1", "ok 0 enqueue 1", "invoke 0 enqueue 2", "ok 0 enqueue 2", "invoke 1 dequeue nil", "ok 1 dequeue 2"}},
		{"in order", "queue", Options{FIFO: true}, checkers.Invalid, "lost element",
			[]string{"invoke 0 enqueue 1", "ok 0 enqueue 1", "invoke 0 enqueue 2", "ok 0 enqueue 2", "invoke 1 dequeue nil", "ok 1 dequeue 2"}},
		{"an unknown drain may have all", "queue", Options{}, checkers.Valid, "",
			[]string{"invoke 0 enqueue 1", "ok 0 enqueue 1", "invoke 0 enqueue 2", "ok 0 enqueue 2", "invoke 1 drain nil", "info 1 drain nil", "invoke 2 dequeue nil", "ok 2 dequeue nil"}},
		{"an unknown dequeue has one", "queue", Options{}, checkers.Invalid, "lost element",
			[]string{"invoke 0 enqueue 1", "ok 0 enqueue 1", "invoke 0 enqueue 2", "ok 0 enqueue 2", "invoke 1 dequeue nil", "info 1 dequeue nil", "invoke 2 dequeue nil", "ok 2 dequeue nil"}},
		{"a lock", "lock", Options{}, checkers.Invalid, "mutual exclusion violated",
			[]string{"invoke 0 acquire l", "ok 0 acquire l", "invoke 1 acquire l", "ok 1 acquire l"}},
		{"fencing tokens", "lock", Options{}, checkers.Invalid, "nonmonotonic fencing token",
			[]string{"invoke 0 acquire nil", "ok 0 acquire 7", "invoke 0 release nil", "ok 0 release nil", "invoke 1 acquire nil", "ok 1 acquire 6"}},
		{"a log", "log", Options{}, checkers.Invalid, "not linearizable",
			[]string{"invoke 0 append a", "ok 0 append 0", "invoke 0 append b", "ok 0 append 1", "invoke 0 read [0 5]", "ok 0 read [a]"}},
		{"a named log", "log", Options{}, checkers.Valid, "",
			[]string{"invoke 0 append [l a]", "ok 0 append [l 0]", "invoke 0 read [l [0 5]]", "ok 0 read [l [a]]", "invoke 0 read [l nil]", "ok 0 read [l [a]]"}},
		{"a topic", "log", Options{}, checkers.Invalid, "lost write",
			[]string{"invoke 0 send [[:send k 1]]", "ok 0 send [[:send k [0 1]]]", "invoke 0 send [[:send k 2]]", "ok 0 send [[:send k [1 2]]]",
				"invoke 1 poll [[:poll]]", "ok 1 poll [[:poll {k [[1 2]]}]]"}},
		{"a topic that is not read to its end", "log", Options{}, checkers.Valid, "",
			[]string{"invoke 0 send [[:send k 1]]", "ok 0 send [[:send k [0 1]]]", "invoke 0 send [[:send k 2]]", "ok 0 send [[:send k [1 2]]]",
				"invoke 1 poll [[:poll]]", "ok 1 poll [[:poll {k [[0 1]]}]]"}},
		{"a record from nowhere", "log", Options{}, checkers.Invalid, "unexpected record",
			[]string{"invoke 1 poll [[:poll]]", "ok 1 poll [[:poll {k [[0 1]]}]]"}},
		{"a consumer goes back", "log", Options{}, checkers.Invalid, "nonmonotonic poll",
			[]string{"invoke 0 send [[:send k 1]]", "ok 0 send [[:send k [0 1]]]", "invoke 1 poll [[:poll]]", "ok 1 poll [[:poll {k [[0 1]]}]]",
				"invoke 1 poll [[:poll]]", "ok 1 poll [[:poll {k [[0 1]]}]]"}},
		{"or leaves something out", "log", Options{}, checkers.Invalid, "poll skip", []string{
			"invoke 0 send [[:send k 1] [:send k 2] [:send k 3]]", "ok 0 send [[:send k [0 1]] [:send k [1 2]] [:send k [2 3]]]",
			"invoke 1 poll [[:poll]]", "ok 1 poll [[:poll {k [[0 1]]}]]", "invoke 2 poll [[:poll]]", "ok 2 poll [[:poll {k [[1 2]]}]]",
			"invoke 1 poll [[:poll]]", "ok 1 poll [[:poll {k [[2 3]]}]]"}},
		{"which subscribers may, as others come and go", "log", Options{}, checkers.Valid, "", []string{
			"invoke 0 send [[:send k 1] [:send k 2] [:send k 3]]", "ok 0 send [[:send k [0 1]] [:send k [1 2]] [:send k [2 3]]]",
			"invoke 1 subscribe [k]", "ok 1 subscribe [k]", "invoke 1 poll [[:poll]]", "ok 1 poll [[:poll {k [[0 1]]}]]",
			"invoke 2 subscribe [k]", "ok 2 subscribe [k]", "invoke 2 poll [[:poll]]", "ok 2 poll [[:poll {k [[1 2]]}]]",
			"invoke 1 txn [[:poll] [:poll]]", "ok 1 txn [[:poll {k [[2 3]]}] [:poll {k [[1 2] [2 3]]}]]"}},
		{"but not within one poll", "log", Options{}, checkers.Invalid, "internal poll skip", []string{
			"invoke 0 send [[:send k 1] [:send k 2] [:send k 3]]", "ok 0 send [[:send k [0 1]] [:send k [1 2]] [:send k [2 3]]]",
			"invoke 1 subscribe [k]", "ok 1 subscribe [k]", "invoke 1 poll [[:poll]]", "ok 1 poll [[:poll {k [[0 1] [2 3]]}]]"}},
		{"what Jepsen asks for to find errors", "log", Options{}, checkers.Valid, "", []string{
			"invoke 0 send [[:send k 1]]", "ok 0 send [[:send k [0 1]]]", "invoke 0 debug-topic-partitions (k)", "info 0 debug-topic-partitions {k {:x 1}}",
			"invoke 0 poll [[:poll]]", "ok 0 poll [[:poll {k [[0 1]]}]]"}},
		{"and may, with a new assignment", "log", Options{}, checkers.Valid, "",
			[]string{"invoke 0 send [[:send k 1]]", "ok 0 send [[:send k [0 1]]]", "invoke 1 poll [[:poll]]", "ok 1 poll [[:poll {k [[0 1]]}]]",
				"invoke 1 assign [k]", "ok 1 assign [k]", "invoke 1 poll [[:poll]]", "ok 1 poll [[:poll {k [[0 1]]}]]"}},
	} {
		t.Run(c.model+"/"+c.name, func(t *testing.T) {
			_, r, err := check(t, c.model, rows(c.rows...), c.options)
			require.NoError(t, err)
			require.Equal(t, c.verdict, r.Verdict, r)
			require.Equal(t, c.anomaly, r.Anomaly, r)
		})
	}
}

// TestOneHistoryInAllForms reads the same in each.
func TestOneHistoryInAllForms(t *testing.T) {
	for name, text := range map[string]string{
		"edn lines": `; a comment
{:index 0, :type :invoke, :process 0, :f :write, :value 1}
{:index 1, :type :info, :process :nemesis, :f :kill, :value #{[n1 "x"] #object[java.Thing 0x1f "\u007d}"]}}
{:index 2, :type :ok, :process 0, :f :write, :value 1, :time 7}
{:index 5, :type :invoke, :process 3, :f :read, :value nil, :exception {:via [{:at [a.b$c "f.clj" 3]}] #_ignored}}
{:index 8, :type :fail, :process 3, :f :read, :value nil, :error [:timeout \}]}`,
		"edn list": `[{:index 0 :type :invoke :process 0 :f :write :value 1} {:index 2 :type :ok :process 0 :f :write :value 1}
			#jepsen.history.Op{:index 5 :type :invoke :process 3 :f :read :value nil} {:index 8 :type :fail :process 3 :f :read}]`,
		"json lines": `{"index":0,"type":"invoke","process":0,"f":"write","value":1}
{"index":2,"type":"ok","process":0,"f":"write","value":1}
{"index":5,"type":"invoke","process":3,"f":"read","value":null}
{"index":8,"type":"fail","process":3,"f":"read","error":["}","\"{"]}`,
		"json list": `[{"index":0,"type":"invoke","process":0,"f":"write","value":1},{"index":2,"type":"ok","process":0,"f":"write","value":1},
			{"index":5,"type":"invoke","process":3,"f":"read"},{"index":8,"type":"fail","process":3,"f":"read"}]`,
	} {
		t.Run(name, func(t *testing.T) {
			h, r, err := check(t, "register", text, Options{})
			require.NoError(t, err)
			require.Equal(t, checkers.Valid, r.Verdict, r)
			require.Len(t, h.Ops, 2)
			a, b := *h.Ops[0], *h.Ops[1]
			a.Ended = 0
			require.Equal(t, sim.Op{ID: 0, Input: checkers.Put{Text: "1"}, Outcome: sim.OK, Call: 0, Return: 2}, a)
			require.Equal(t, sim.Op{ID: 1, Client: 3, Input: checkers.Get{}, Outcome: sim.Fail, Call: 5, Return: 8}, b)
		})
	}
	h, r, err := check(t, "register", "INFO  jepsen.core - Worker 0 starting\nINFO  jepsen.util - 0\t:invoke\t:write\t1\n2024-01-01 INFO [worker] jepsen.util: 0\t:ok\t:write\t1\n", Options{})
	require.NoError(t, err)
	require.Equal(t, Register, h.Format)
	require.Equal(t, checkers.Valid, r.Verdict, r)
}

// TestBadFiles get an error that names the line and says what would be right.
func TestBadFiles(t *testing.T) {
	const w = "{:type :invoke, :process 0, :f :write, :value 1}\n"
	for _, c := range []struct{ name, model, text, want string }{
		{"empty", "register", "", "it is empty; a history has at least one entry"},
		{"blank", "register", " \n\n", "it is empty; a history has at least one entry"},
		{"an empty list", "register", "[]", "there is no entry in it; a history has at least one"},
		{"text", "register", "Hello", `it begins with 'H', and is neither EDN nor JSON nor a log of Jepsen; --format says which it should be`},
		{"cut in an entry", "register", w + "{:type :ok, :proc", "line 2: the file ends inside the entry that begins on line 2; it is cut off, or a bracket or quote is missing"},
		{"cut in a text", "register", w + `{:type "o`, "line 2: the file ends inside the entry that begins on line 2; it is cut off, or a bracket or quote is missing"},
		{"cut in a list", "register", "[" + w, "line 2: the file ends inside the list that begins on line 1; it is cut off, or a ']' is missing"},
		{"cut in JSON", "register", `[{"type":"invoke","process":0,"f":"read"},` + "\n", "line 2: the file ends inside the list that begins on line 1; it is cut off, or a ']' is missing"},
		{"more than a list", "register", "[" + w + "]\n" + w, `line 3: '{' follows the end of the list; there should be nothing`},
		{"brackets", "register", w + "{:type (:ok]}", `line 2: not EDN: there is a ']' where a value should be`},
		{"no entry", "register", w + "\n7", `line 3: '7' is no entry; one begins with "{"`},
		{"a key without a value", "register", w + "{:type}", "line 2: not EDN: a map has a key without a value"},
		{"not JSON", "register", "{\"type\":\"invoke\",\n\"process\":zero}", `line 2: not JSON: invalid character 'z' at start of value at /process`},
		{"twice in JSON", "register", `{"type":"invoke","type":"ok","process":0}`, `line 1: not JSON: duplicate object member name at /type`},
		{"no process", "register", "{:type :invoke, :f :read}", "line 1: there is no process; it should be a number from 0 on, or nemesis"},
		{"a strange process", "register", "{:type :invoke, :f :read, :process 1.5}", "line 1: the process is 1.5; it should be a number from 0 on, or nemesis"},
		{"no type", "register", "{:process 0, :f :read}", "line 1: the type is missing; it should be invoke, ok, fail or info"},
		{"a strange type", "register", w + "{:type :done, :process 0, :f :write}", `line 2: the type is "done"; it should be invoke, ok, fail or info`},
		{"an unknown operation", "register", "{:type :invoke, :process 0, :f :cas, :value [1 2]}", `line 1: f is "cas"; this model has read, write`},
		{"an end without a beginning", "register", "\n{:type :ok, :process 4, :f :read}", "line 2: ok of read by process 4, which has nothing open; an invoke should come before it"},
		{"two at once", "register", w + w, "line 2: process 0 invokes write, and its write of line 1 has not ended; a process does one thing at a time"},
		{"another end", "register", w + "{:type :ok, :process 0, :f :read}", "line 2: ok of read by process 0, whose write of line 1 is open; the two should be the same"},
		{"indices go back", "register", "{:index 3, :type :invoke, :process 0, :f :read}\n{:index 3, :type :ok, :process 0, :f :read}", "line 2: the index is 3 after 3; indices should grow"},
		{"some indices", "register", "{:index 3, :type :invoke, :process 0, :f :read}\n{:type :ok, :process 0, :f :read}", "line 2: only some entries have an index; all should, or none"},
		{"strange index", "register", "{:index :a, :type :invoke, :process 0, :f :read}", "line 1: the index is :a; it should be a number from 0 on"},
		{"a write of a map", "register", "{:type :invoke, :process 0, :f :write, :value {1 2}}", "line 1: write of a map; it should be a number or a text, or [key value]"},
		{"a swap of one", "cas-register", "{:type :invoke, :process 0, :f :cas, :value [1]}", "line 1: cas of a list; it should be [from to], or [key [from to]]"},
		{"another key", "register", "{:type :invoke, :process 0, :f :read, :value [x nil]}\n{:type :ok, :process 0, :f :read, :value [y 1]}", "line 2: the value is a list; it should be [x value], as in the invocation"},
		{"no transaction", "list-append", "{:type :invoke, :process 0, :f :txn, :value 7}", "line 1: a transaction is 7; it should be a list of [append key element] or [r key list]"},
		{"no operation of a transaction", "list-append", "{:type :invoke, :process 0, :f :txn, :value [[:w x 1]]}", "line 1: an operation of a transaction is [:w :x 1]; it should be [append key element] or [r key list]"},
		{"an element twice", "list-append", "{:type :invoke, :process 0, :value [[:append x 1] [:append x 1]]}", "line 1: 1 is appended to x, as in line 1; each element of a list should be appended once"},
		{"an element of text", "list-append", "{:type :invoke, :process 0, :value [[:append x \"a\"]]}", `line 1: "a" is appended to x; elements should be whole numbers`},
		{"another transaction", "list-append", "{:type :invoke, :process 0, :value [[:r x nil]]}\n{:type :ok, :process 0, :value [[:r y []]]}", "line 2: the transaction ends with [:r :y a list] where it began with read x"},
		{"half a transaction", "list-append", "{:type :invoke, :process 0, :value [[:r x nil]]}\n{:type :ok, :process 0, :value []}", "line 2: the transaction ends with 0 of the 1 operations that it began with"},
		{"a bank of texts", "bank", "{:type :invoke, :process 0, :f :read}\n{:type :ok, :process 0, :f :read, :value {0 \"x\"}}", `line 2: account 0 has "x"; it should be a whole number`},
		{"a transfer of nothing", "bank", "{:type :invoke, :process 0, :f :transfer, :value {:from 0}}", "line 1: transfer of a map; it should be a map of from, to and amount, which is a whole number"},
		{"an element enqueued twice", "queue", "{:type :invoke, :process 0, :f :enqueue, :value 1}\n{:type :invoke, :process 1, :f :enqueue, :value 1}", "line 2: 1 is enqueued, as in line 1; each element should be enqueued once"},
		{"a counter of texts", "counter", "{:type :invoke, :process 0, :f :add, :value \"1\"}", `line 1: add of "1"; it should be a whole number, or [key number]`},
		{"two kinds of log", "log", "{:type :invoke, :process 0, :f :append, :value a}\n{:type :invoke, :process 1, :f :poll, :value [[:poll]]}", `line 2: f is "poll"; this model has append and read, or send, poll, txn, assign, subscribe and crash, not both in one file`},
		{"nested", "register", "{:value " + strings.Repeat("[", 300) + strings.Repeat("]", 300) + "}", "line 1: not EDN: values are nested more than 100 deep"},
		{"a log that is cut off", "register", "INFO  jepsen.util - 0\t:invoke\t:write\t[", "line 1: an operation is cut off or not EDN: a ']' is missing; it should be: process, :type, :f and value"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := check(t, c.model, c.text, Options{})
			require.EqualError(t, err, c.want)
		})
	}
}

// TestEveryCut cuts a history at each byte: what is left is judged, or gets an error.
func TestEveryCut(t *testing.T) {
	for _, text := range []string{load("edn", 8), "[" + load("json-list", 8) + "]", load("log", 8)} {
		for i := range text {
			_, r, err := check(t, "register", text[:i], Options{})
			require.True(t, err != nil || r.Verdict != checkers.Invalid, "%d: %v", i, r)
		}
	}
}

// load is a history of a register that works, of n operations by five processes, each value written once.
func load(form string, n int) string {
	var b strings.Builder
	writeLoad(&b, form, n)
	return strings.TrimSuffix(b.String(), ",\n")
}

func writeLoad(w io.Writer, form string, n int) {
	type running struct {
		f     string
		value int // 0: nil
		state int // 0: none, 1: invoked, 2: done
	}
	r := rand.New(rand.NewPCG(1, 2))
	var current [5]running
	value, index, begun, ended := 0, 0, 0, 0
	line := func(kind string, p int, c *running) {
		v := "nil"
		if c.value > 0 {
			v = strconv.Itoa(c.value)
		}
		switch form {
		case "edn":
			fmt.Fprintf(w, "{:type :%s, :f :%s, :value %s, :process %d, :time %d, :index %d}\n", kind, c.f, v, p, index*1000, index)
		case "log":
			fmt.Fprintf(w, "INFO  jepsen.util - %d\t:%s\t:%s\t%s\n", p, kind, c.f, v)
		default:
			end := map[string]string{"json": "\n", "json-list": ",\n"}[form]
			fmt.Fprintf(w, `{"type":"%s","f":"%s","value":%s,"process":%d,"time":%d,"index":%d}%s`, kind, c.f,
				strings.Replace(v, "nil", "null", 1), p, index*1000, index, end)
		}
		index++
	}
	for ended < n {
		p := r.IntN(len(current))
		switch c := &current[p]; c.state {
		case 0:
			if begun == n {
				continue
			}
			if begun++; r.IntN(2) == 0 {
				*c = running{"write", begun, 1}
			} else {
				*c = running{"read", 0, 1}
			}
			line("invoke", p, c)
		case 1:
			if c.state = 2; c.f == "write" {
				value = c.value
			} else {
				c.value = value
			}
		default:
			line("ok", p, c)
			c.state = 0
			ended++
		}
	}
}

// TestAMillionOperations reads them in little memory.
func TestAMillionOperations(t *testing.T) {
	if testing.Short() || race.On {
		t.Skip("long")
	}
	const n = 1_000_000
	for _, form := range []string{"edn", "json", "log"} {
		t.Run(form, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "history")
			file, err := os.Create(path)
			require.NoError(t, err)
			defer file.Close()
			out := &tally{w: file}
			buffer := bufio.NewWriterSize(out, 1<<16)
			writeLoad(buffer, form, n)
			require.NoError(t, buffer.Flush())
			_, err = file.Seek(0, io.SeekStart)
			require.NoError(t, err)
			m, err := FindModel("register")
			require.NoError(t, err)
			read := int64(0)
			h, r, err := Check(file, m, Options{Progress: func(n int64) { read = n }})
			require.NoError(t, err)
			require.Equal(t, checkers.Valid, r.Verdict, r)
			require.Equal(t, n, h.Count(sim.OK))
			require.Equal(t, out.n, read)
			var mem runtime.MemStats
			runtime.ReadMemStats(&mem)
			require.Less(t, mem.HeapSys, uint64(1<<30))
		})
	}
}

// tally counts what is written.
type tally struct {
	w io.Writer
	n int64
}

func (s *tally) Write(p []byte) (int, error) {
	s.n += int64(len(p))
	return s.w.Write(p)
}

func BenchmarkMillion(b *testing.B) {
	for _, form := range []string{"edn", "json", "log"} {
		b.Run(form, func(b *testing.B) {
			text := load(form, 1_000_000)
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				_, r, err := check(b, "register", text, Options{})
				if err != nil || r.Verdict != checkers.Valid {
					b.Fatal(err, r)
				}
			}
		})
	}
}

// plainValue is a value as the library has it.
func plainValue(v value) any {
	switch v.kind() {
	case null:
		return nil
	case boolean:
		return v.node().num != 0
	case integer:
		return v.node().num
	case word:
		return edn.Keyword(v.node().text)
	case text:
		return string(v.node().text)
	case list:
		all := []any{}
		for item := range v.items() {
			all = append(all, plainValue(item))
		}
		return all
	}
	return nil
}

// FuzzEDN holds this reader and the library together: what both read is the same, and nothing crashes.
func FuzzEDN(f *testing.F) {
	for _, text := range []string{"nil", "[1 -2 +3 007 9223372036854775807 -9223372036854775808]", `["a\nb" "" "ü" :a :b/c]`, "(true false nil)", "[[[]]]",
		"#_ 1 2", "[1 ;x\n 2]", "[1N 1M 1.5 99999999999999999999]", `\a`, "#inst \"2020\"", "^x y", "[\\] 1]", "##NaN", "#{1 2}", "{:a 1}"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		tr := new(tree)
		tr.reset()
		p := ednParser{tree: tr, data: []byte(text)}
		at, err := p.value(0)
		if err != nil || !utf8.ValidString(text) || // the library replaces what is not valid
			!plainOnly(value{tr, at}) || strings.ContainsAny(text, "#^\\") {
			return
		}
		var want any
		if edn.Unmarshal([]byte(text), &want) == nil && p.at == len(text) {
			require.Equal(t, smaller(want), plainValue(value{tr, at}))
		}
	})
}

// smaller has 7N for 7, as this reader does: what fits 64 bits is a number like others. The library has a pointer for a
// number that stands alone, but none in a list.
func smaller(v any) any {
	switch v := v.(type) {
	case *big.Int:
		if v.IsInt64() {
			return v.Int64()
		}
	case big.Int:
		return smaller(&v)
	case []any:
		for i := range v {
			v[i] = smaller(v[i])
		}
	}
	return v
}

// plainOnly is whether a value is made of what plainValue knows.
func plainOnly(v value) bool {
	switch v.kind() {
	case list:
		for item := range v.items() {
			if !plainOnly(item) {
				return false
			}
		}
		return true
	case word, set, dict, other:
		return false
	}
	return true
}

// TestTheLibraryReadsTheSame is the same on entries.
func TestTheLibraryReadsTheSame(t *testing.T) {
	for _, text := range []string{`[1 -2 +3 0 9223372036854775807 -9223372036854775808 nil true false]`, `["a\nb\"" "" "ü" "\u00fc"]`, `[[:append 5 1] [:r :x [1 2 3]]]`, "(1 (2) [3])", "[+0 -0]"} {
		tr := new(tree)
		tr.reset()
		p := ednParser{tree: tr, data: []byte(text)}
		at, err := p.value(0)
		require.NoError(t, err)
		var want any
		require.NoError(t, edn.UnmarshalString(text, &want))
		require.Equal(t, want, plainValue(value{tr, at}))
	}
}

// FuzzCheck judges any file by any model: nothing panics, and what is wrong has an error.
func FuzzCheck(f *testing.F) {
	for i, form := range []string{"edn", "json", "log"} {
		f.Add(load(form, 6), uint8(i))
	}
	f.Add(rows("invoke 0 txn [[:append x 1] [:r y nil]]", "ok 0 txn [[:append x 1] [:r y [1]]]"), uint8(6))
	f.Add(rows("invoke 0 send [[:send k 1] [:poll]]", "ok 0 send [[:send k [0 1]] [:poll {k [[0 1]]}]]"), uint8(7))
	f.Add(rows("invoke 0 add 1", "ok 0 add 1", "invoke 0 read nil", "ok 0 read #{1}"), uint8(9))
	f.Add(rows("invoke 0 read nil", "ok 0 read {0 1}", "invoke 0 transfer {:from 0 :to 1 :amount 3}"), uint8(0))
	f.Add(rows("invoke 0 acquire nil", "ok 0 acquire 3", "invoke 0 release nil", "info 0 release nil"), uint8(5))
	f.Fuzz(func(t *testing.T, text string, model uint8) {
		all := Models()
		m := all[int(model)%len(all)]
		_, r, err := Check(strings.NewReader(text), m, Options{Budget: 1000, FIFO: true, Linearizable: true})
		if err == nil && r.Verdict != checkers.Valid && r.Detail == "" {
			t.Fatalf("%v has no reason", r)
		}
		if err == nil && r.Verdict == checkers.Invalid && r.Anomaly == "" {
			t.Fatalf("%v has no name", r)
		}
	})
}
