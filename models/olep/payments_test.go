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
	signed := m
	signed.By, signed.Signed = []string{"c", "d"}, 1
	for stage, m := range map[olep.Stage]olep.Payment{
		olep.Requested: m, olep.Outgoing: m, olep.Declined: m, olep.Incoming: m, olep.FeeTaken: m,
		olep.ToSign: signed, olep.Signed: signed, olep.Objected: signed, olep.Agreed: signed, olep.Rejected: signed,
	} {
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
		"":                                    `"" is no record of a payment`,
		"request x a b 5":                     `"request x a b 5" is no record of a payment`,
		"request x a b five 0":                `"request x a b five 0" has no amount that can be paid`,
		"request x a b 0 0":                   `"request x a b 0 0" has no amount that can be paid`,
		"request x a b 5 -1":                  `"request x a b 5 -1" has no amount that can be paid`,
		"refund x a b 5 0":                    `"refund" is no stage of a payment`,
		"incoming x a b 5 0":                  `"incoming x a b 5 0" is in the log of a`,
		"request x a b 9e99 0":                `"request x a b 9e99 0" has no amount that can be paid`,
		"request x a b 5 0 please":            `"request x a b 5 0 please" is no record of a payment`,
		"request x a b 5 0 c few":             `"request x a b 5 0 c few" has no number of signatures`,
		"request x a b 5 0 c 2":               `"request x a b 5 0 c 2" has no number of signatures`,
		"request x a b 5 0 c 1":               `"request x a b 5 0 c 1" is not how a payment is signed`,
		"held x a b 5 0 c 1":                  `"held x a b 5 0 c 1" is not how a payment is signed`,
		"held x a b 5 0":                      `"held x a b 5 0" is not how a payment is signed`,
		"sign x c b 5 0 a 1":                  `"sign x c b 5 0 a 1" is not how a payment is signed`,
		"agreed x a b 5 0":                    `"agreed x a b 5 0" is not how a payment is signed`,
		"request x a b 9223372036854775807 0": `"request x a b 9223372036854775807 0" has no amount that can be paid`,
	} {
		_, _, err := olep.ParsePayment(&olep.Record{Log: "a", Value: text})
		require.EqualError(t, err, want)
	}
}

func TestBankRefuses(t *testing.T) {
	bank := &olep.Bank{Accounts: map[string]olep.Account{"a": {}, "b": {}, "c": {}}, Fee: 1}
	fine := olep.Payment{ID: "x", From: "a", To: "b", Amount: 1, Fee: 1, By: []string{"b", "c"}}
	require.NoError(t, bank.Check(fine))
	for want, change := range map[string]func(m *olep.Payment){
		`"" is no id`:                                func(m *olep.Payment) { m.ID = "" },
		`"x a" is no id`:                             func(m *olep.Payment) { m.ID = "x a" },
		`there is no account "x"`:                    func(m *olep.Payment) { m.From = "x" },
		`there is no account "y"`:                    func(m *olep.Payment) { m.To = "y" },
		"a cannot pay itself":                        func(m *olep.Payment) { m.To = "a" },
		"0 cannot be paid; an amount is at least 1":  func(m *olep.Payment) { m.Amount = 0 },
		"-3 cannot be paid; an amount is at least 1": func(m *olep.Payment) { m.Amount = -3 },
		"1152921504606846977 cannot be paid; an amount is at most 1152921504606846976": func(m *olep.Payment) { m.Amount = olep.MaxAmount + 1 },
		"the fee is 1, not 0":                      func(m *olep.Payment) { m.Fee = 0 },
		`there is no account "z" to sign`:          func(m *olep.Payment) { m.By = []string{"b", "z"} },
		"a cannot sign: it pays, or has signed":    func(m *olep.Payment) { m.By = []string{"a"} },
		"b cannot sign: it pays, or has signed":    func(m *olep.Payment) { m.By = []string{"b", "b"} },
		"nobody has signed what is only asked for": func(m *olep.Payment) { m.Signed = 1 },
	} {
		m := fine
		change(&m)
		require.EqualError(t, bank.Check(m), want, fmt.Sprint(m))
	}
}
