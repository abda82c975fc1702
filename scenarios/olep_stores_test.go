package scenarios_test

import "testing"

func TestOlepDualWrites(t *testing.T) { run(t, "olep/dual-writes") }
func TestOlepTwoPhase(t *testing.T)   { run(t, "olep/two-phase") }
func TestOlepOneLog(t *testing.T)     { run(t, "olep/one-log") }
func TestOlepAssets(t *testing.T)     { run(t, "olep/assets") }
