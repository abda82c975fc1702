package scenarios_test

import "testing"

func TestGossipSwim(t *testing.T) { run(t, "gossip/swim") }
