package scenarios_test

import "testing"

func TestGossipAntiEntropy(t *testing.T) { run(t, "gossip/antientropy") }
func TestGossipScuttlebutt(t *testing.T) { run(t, "gossip/scuttlebutt") }
