package scenarios_test

import "testing"

func TestOlepStream(t *testing.T)            { run(t, "olep/stream") }
func TestOlepStreamAtLeastOnce(t *testing.T) { run(t, "olep/stream-at-least-once") }
