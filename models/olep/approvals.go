package olep

import (
	"fmt"

	"github.com/seedbed-sim/seedbed/sim"
)

// Payments that others must sign before they are made, one after the other, wherever their accounts are. No two partitions
// decide anything together: each stage is a record, which is decided once, by the one executor whose log it is in, from what
// that has itself.
//
//	payer's log: request ─ executor ─ held ─ forwarder ─┐
//	              first signer's log: sign ─ executor ─ signed ─ forwarder ─┐
//	                              next signer's log: sign ─ executor ─ signed ─ forwarder ─┐
//	payer's log: agreed ─ executor ─ outgoing, as other payments
//
// What it costs is put aside while it is under way: nobody can pay with it, and if a signer refuses it is there again.

// The facts of payments that others must sign.
type (
	// PaymentHeld tells that what a payment costs is put aside.
	PaymentHeld struct {
		ID     string
		LSN    LSN // of the request
		Amount int64
	}
	// PaymentSigned tells whether an account has signed, and how much it has signed for before.
	PaymentSigned struct {
		ID     string
		By     string
		LSN    LSN // of the record that asked for it
		Yes    bool
		Before int64
	}
)

// Keys of an executor's store.
const (
	heldKey   = "held "   // of an account: what is put aside
	signedKey = "signed " // of an account: how much it has signed for
)

// OnHold is what is put aside of an account, by an executor's store.
func (x Executor) OnHold(s *Store, account string) int64 { return s.Int(heldKey + account) }

// hold puts aside what a payment costs.
func (x Executor) hold(env sim.Env, s *Store, e Entry, m Payment) {
	s.SetInt(heldKey+m.From, s.Int(heldKey+m.From)+m.cost())
	env.Emit(PaymentHeld{m.ID, e.LSN, m.cost()})
}

// sign decides for a signer, by how much it has signed for.
func (x Executor) sign(env sim.Env, s *Store, e Entry, m Payment) []Output {
	signer := m.By[m.Signed]
	stage, again := x.once(env, s, fmt.Sprintf("signature %d of %s", m.Signed, m.ID), e, m, func() Stage {
		before := s.Int(signedKey + signer)
		if before+m.Amount > x.Bank.Accounts[signer].Signs {
			env.Emit(PaymentSigned{m.ID, signer, e.LSN, false, before})
			return Objected
		}
		s.SetInt(signedKey+signer, before+m.Amount)
		env.Emit(PaymentSigned{m.ID, signer, e.LSN, true, before})
		return Signed
	})
	if again {
		return nil
	}
	return x.own(signer, m.Record(stage))
}

// settle ends a payment that was held.
func (x Executor) settle(env sim.Env, s *Store, e Entry, m Payment, agreed bool) []Output {
	stage, again := x.once(env, s, "settled "+m.ID, e, m, func() Stage {
		before := x.Balance(s, m.From)
		s.SetInt(heldKey+m.From, s.Int(heldKey+m.From)-m.cost())
		env.Emit(PaymentDecided{m.ID, e.LSN, agreed, before})
		if !agreed {
			return Declined
		}
		x.pay(env, s, e, m)
		return Outgoing
	})
	if again {
		return nil
	}
	return x.own(m.From, m.Record(stage))
}

// signature is where a payment goes next that is under way.
func (f Forwarder) signature(stage Stage, m Payment) []Output {
	next := ToSign
	switch {
	case stage == Objected:
		next = Rejected
	case stage == Signed:
		if m.Signed++; m.Signed == len(m.By) {
			next = Agreed
		}
	}
	account := m.log(next)
	return []Output{{f.Bank.Accounts[account].Partition, m.Record(next)}}
}
