package olep

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/sim"
)

// signing is a bank in which a and b pay, and c and d sign for 10 and 100 in all.
var signing = &Bank{Accounts: map[string]Account{"a": {Opening: 50}, "b": {}, "c": {Signs: 10}, "d": {Signs: 100}, Fees: {}}, Fee: 1}

// through has one executor and one forwarder process records, and all that comes of them, each so many times. It returns
// the stages of all records, in their order and each once.
func through(t *testing.T, env sim.Env, s *Store, times int, log ...Record) string {
	t.Helper()
	var stages []string
	for i, lsn := 0, LSN(s.Int("test lsn")); i < len(log); i++ {
		stage, _, err := ParsePayment(&log[i])
		require.NoError(t, err)
		stages = append(stages, string(stage))
		for range times {
			lsn++
			out, err := Executor{signing}.Process(env, s, Entry{LSN: lsn, Record: log[i]})
			require.NoError(t, err)
			more, err := Forwarder{signing}.Process(env, nil, Entry{LSN: lsn, Record: log[i]})
			require.NoError(t, err)
			for _, o := range append(out, more...) {
				if !strings.Contains(fmt.Sprint(log), fmt.Sprint(o.Record)) {
					log = append(log, o.Record)
				}
			}
		}
		s.SetInt("test lsn", int64(lsn))
	}
	return strings.Join(stages, " ")
}

// Records may come any number of times: each stage is decided once, and what is put aside is nobody's to pay with.
func TestPaymentsAreSigned(t *testing.T) {
	for times := 1; times <= 3; times++ {
		within(t, func(env sim.Env, s *Store) {
			x := Executor{signing}
			m := Payment{ID: "x", From: "a", To: "b", Amount: 9, Fee: 1, By: []string{"d", "c"}}
			require.Equal(t, "request held sign signed sign signed agreed outgoing incoming fee",
				through(t, env, s, times, m.Record(Requested)))
			require.EqualValues(t, []int64{40, 9, 1, 0}, []int64{x.Balance(s, "a"), x.Balance(s, "b"), x.Balance(s, Fees), x.OnHold(s, "a")})

			m = Payment{ID: "y", From: "a", To: "b", Amount: 3, Fee: 1, By: []string{"d", "c"}}
			require.Equal(t, "request held sign signed sign objected rejected declined",
				through(t, env, s, times, m.Record(Requested)), "c has signed for 9 of 10")
			require.EqualValues(t, []int64{40, 9, 1, 0}, []int64{x.Balance(s, "a"), x.Balance(s, "b"), x.Balance(s, Fees), x.OnHold(s, "a")})
			require.EqualValues(t, []int64{12, 9}, []int64{s.Int(signedKey + "d"), s.Int(signedKey + "c")})

			held := Payment{ID: "z", From: "a", To: "b", Amount: 30, Fee: 1, By: []string{"d"}}
			_, err := x.Process(env, s, Entry{LSN: 100, Record: held.Record(Requested)})
			require.NoError(t, err)
			require.EqualValues(t, 31, x.OnHold(s, "a"))
			m = Payment{ID: "w", From: "a", To: "b", Amount: 9, Fee: 1}
			require.Equal(t, "request declined", through(t, env, s, times, m.Record(Requested)), "9 are left")
		})
	}
}

// No sum is so large that it comes out at the other end.
func TestSumsDoNotOverflow(t *testing.T) {
	within(t, func(env sim.Env, s *Store) {
		bank := &Bank{Accounts: map[string]Account{"a": {Opening: -50, Limit: -100}, "b": {}, "c": {Signs: 10}}}
		m := Payment{ID: "x", From: "a", To: "b", Amount: MaxAmount}
		out, err := Executor{bank}.Process(env, s, Entry{LSN: 1, Record: m.Record(Requested)})
		require.NoError(t, err)
		require.Equal(t, []Output{{0, m.Record(Declined)}}, out)
		s.SetInt(signedKey+"c", 5)
		m.By = []string{"c"}
		out, err = Executor{bank}.Process(env, s, Entry{LSN: 2, Record: m.Record(ToSign)})
		require.NoError(t, err)
		require.Equal(t, []Output{{0, m.Record(Objected)}}, out)
		m.Amount = math.MaxInt64
		_, err = Executor{bank}.Process(env, s, Entry{LSN: 3, Record: m.Record(Requested)})
		require.Error(t, err)
	})
}

// Whatever a record says, a processor takes it in, or finds that it is poison, and then sets nothing.
func TestPoisonChangesNothing(t *testing.T) {
	values := []string{""}
	for _, part := range [][]string{
		{"refund", "request", "outgoing", "declined", "incoming", "fee", "held", "sign", "signed", "objected", "agreed", "rejected"},
		{"x"}, {"a", "nobody"}, {"a", "b", "nobody"}, {"5", "-5", "many"}, {"1", "-1"},
		{"", "c 0", "c 1", "c 2", "c,d 1", "c,d 2", "c,c 0", "nobody 0", " 0", "c few", "c"},
	} {
		var longer []string
		for _, v := range values {
			for _, word := range part {
				longer = append(longer, strings.Trim(v+" "+word, " "))
			}
		}
		values = longer
	}
	within(t, func(env sim.Env, s *Store) {
		lsn, poison := LSN(0), 0
		for _, value := range values {
			for _, log := range []string{"a", "c", "d", "nobody", Fees} {
				lsn++
				for _, p := range []Processor{Executor{signing}, Forwarder{signing}, Statement{signing}} {
					_, err := p.Process(env, s, Entry{LSN: lsn, Record: Record{Log: log, Value: value}})
					if err != nil {
						poison++
						require.Empty(t, s.changed, "%s: %q", log, value)
					}
					require.NoError(t, s.Commit())
				}
			}
		}
		require.Less(t, poison, 3*int(lsn))
	})
}
