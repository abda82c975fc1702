package scenarios_test

import "testing"

func TestOlepLog(t *testing.T)     { run(t, "olep/log") }
func TestOlepLogRaft(t *testing.T) { run(t, "olep/log-raft") }
