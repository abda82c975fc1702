package olep_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seedbed-sim/seedbed/disksim"
	"github.com/seedbed-sim/seedbed/disksim/disktest"
	"github.com/seedbed-sim/seedbed/models/olep"
)

// A transaction is there after a crash if it was committed, and then as a whole.
func TestStoreKeepsTransactions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := disktest.NewMachine(disksim.New(1, 1, disksim.Config{Crash: []disksim.Mode{disksim.LoseAll}}))
		s, err := olep.OpenStore(m.Boot(), "state")
		require.NoError(t, err)
		committed, open := map[string]string{}, map[string]string{}
		t.Repeat(map[string]func(*rapid.T){
			"set": func(t *rapid.T) {
				key, value := rapid.StringN(0, 3, 8).Draw(t, "key"), rapid.StringN(0, 3, 8).Draw(t, "value")
				s.Set(key, value)
				open[key] = value
			},
			"commit": func(t *rapid.T) {
				require.NoError(t, s.Commit())
				for key, value := range open {
					committed[key] = value
				}
				clear(open)
			},
			"crash": func(t *rapid.T) {
				m.Crash()
				s, err = olep.OpenStore(m.Boot(), "state")
				require.NoError(t, err)
				clear(open)
			},
			"": func(t *rapid.T) {
				for key, value := range committed {
					if _, changed := open[key]; !changed {
						require.Equal(t, value, s.Get(key))
					}
				}
				for key, value := range open {
					require.Equal(t, value, s.Get(key))
				}
			},
		})
	})
}

func TestPaymentsAreRecords(t *testing.T) {
	m := olep.Payment{ID: "x", From: "a", To: "b", Amount: 5, Fee: 1}
	for _, stage := range []olep.Stage{olep.Requested, olep.Outgoing, olep.Declined, olep.Incoming, olep.FeeTaken} {
		r := m.Record(stage)
		got, of, err := olep.ParsePayment(&r)
		require.NoError(t, err)
		require.Equal(t, stage, got)
		require.Equal(t, m, of)
		r.Log = "elsewhere"
		_, _, err = olep.ParsePayment(&r)
		require.Error(t, err)
	}
	for text, want := range map[string]string{
		"":                         `"" is no record of a payment`,
		"request x a b 5":          `"request x a b 5" is no record of a payment`,
		"request x a b five 0":     `"request x a b five 0" has no amount that can be paid`,
		"request x a b 0 0":        `"request x a b 0 0" has no amount that can be paid`,
		"request x a b 5 -1":       `"request x a b 5 -1" has no amount that can be paid`,
		"refund x a b 5 0":         `"refund" is no stage of a payment`,
		"incoming x a b 5 0":       `"incoming x a b 5 0" is in the log of a`,
		"request x a b 9e99 0":     `"request x a b 9e99 0" has no amount that can be paid`,
		"request x a b 5 0 please": `"request x a b 5 0 please" is no record of a payment`,
	} {
		_, _, err := olep.ParsePayment(&olep.Record{Log: "a", Value: text})
		require.EqualError(t, err, want)
	}
}

func TestBankRefuses(t *testing.T) {
	bank := &olep.Bank{Accounts: map[string]olep.Account{"a": {}, "b": {}}}
	require.NoError(t, bank.Check(olep.Payment{From: "a", To: "b", Amount: 1}))
	for want, m := range map[string]olep.Payment{
		`there is no account "x"`:                    {From: "x", To: "b", Amount: 1},
		`there is no account "y"`:                    {From: "a", To: "y", Amount: 1},
		"a cannot pay itself":                        {From: "a", To: "a", Amount: 1},
		"0 cannot be paid; an amount is at least 1":  {From: "a", To: "b"},
		"-3 cannot be paid; an amount is at least 1": {From: "a", To: "b", Amount: -3},
	} {
		require.EqualError(t, bank.Check(m), want, fmt.Sprint(m))
	}
}
