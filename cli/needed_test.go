package cli

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNeededFaultsInWords(t *testing.T) {
	for _, c := range []struct {
		needed, of int
		text       string
	}{
		{0, 1, "the violation does not need the fault: it is there without it"},
		{0, 9, "the violation needs none of the 9 faults: it is there without any one of them"},
		{1, 1, "the violation needs the fault: without it it is not there"},
		{1, 9, "the violation needs one of the 9 faults: without it it is not there"},
		{2, 9, "the violation needs 2 of the 9 faults: without any one of these it is not there"},
		{9, 9, "the violation needs all of the 9 faults: without any one of them it is not there"},
	} {
		require.Equal(t, c.text, neededText(c.needed, c.of))
	}
}
