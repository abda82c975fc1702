package gossip

import "time"

// PhiConfig is an accrual failure detector (Hayashibara, Défago, Yared, Katayama, The φ Accrual Failure Detector, SRDS
// 2004), on the round trips of probes: a direct ping is late once φ has reached the threshold. The paper watches the arrivals
// of heartbeats, which SWIM has none of; what is learned is the same, how long an answer takes that comes.
type PhiConfig struct {
	// Threshold is the φ at which an answer is late, in thousandths: at 3000 one of a thousand that would still come is
	// given up, if round trips are normally distributed. 0: there is no such detector.
	Threshold int64
	Window    int           // round trips that count, the last ones
	Least     time.Duration // deviation that is assumed at least: a network that was quiet need not stay so
}

// phiDetector learns how long answers take.
type phiDetector struct {
	config  PhiConfig
	samples []time.Duration // a ring, once it is full
	next    int
}

// phiEnough is how many samples it takes to say anything.
const phiEnough = 8

func newPhiDetector(c PhiConfig) phiDetector { return phiDetector{config: c} }

// add learns of an answer.
func (p *phiDetector) add(took time.Duration) {
	switch {
	case p.config.Threshold == 0:
	case len(p.samples) < p.config.Window:
		p.samples = append(p.samples, took)
	default:
		p.samples[p.next] = took
		p.next = (p.next + 1) % len(p.samples)
	}
}

// normal is the mean and the deviation of the samples, of the whole window.
func (p *phiDetector) normal() (mean, deviation time.Duration) {
	n := time.Duration(len(p.samples))
	for _, s := range p.samples {
		mean += s
	}
	mean /= n
	squares := int64(0)
	for _, s := range p.samples {
		d := int64((s - mean) / time.Microsecond)
		squares += d * d
	}
	deviation = time.Duration(fixRoot(squares/int64(n))) * time.Microsecond
	return mean, max(deviation, p.config.Least, time.Microsecond)
}

// after is how long it takes until φ, which is -log10 of the probability that an answer still comes, reaches the threshold.
// It is false before enough was learned.
func (p *phiDetector) after() (time.Duration, bool) {
	if p.config.Threshold == 0 || len(p.samples) < phiEnough {
		return 0, false
	}
	mean, deviation := p.normal()
	z := fixPhiInverse(p.config.Threshold * (fixOne / 8) / 125)
	return mean + time.Duration((z*int64(deviation)+phiOne-1)/phiOne), true
}
