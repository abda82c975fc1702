package marks

func reasonless(m map[string]int) {
	// want +1 mark "mark without a reason: say why map-order is harmless here"
	//seedbed:ok map-order
	for range m { // want map-order "range over"
	}
	// want +1 mark "mark without a reason"
	//seedbed:ok map-order --- !!
	for range m { // want map-order "range over"
	}
	// want +1 mark "mark without a rule"
	//seedbed:ok
}

func unknown(m map[string]int) {
	// want +1 mark "mark for unknown rule \"maporder\""
	//seedbed:ok maporder a slip of the pen
	for range m { // want map-order "range over"
	}
	// want +1 mark "mark for unknown rule \"mark\""
	//seedbed:ok mark the lint itself is not negotiable
}

func idle(m map[string]int) {
	// want +1 mark "mark lets nothing through: no map-order here"
	//seedbed:ok map-order nothing to let through
	_ = len(m)

	// The rule is another one.
	// want +1 mark "mark lets nothing through: no float here"
	//seedbed:ok float the wrong rule
	for range m { // want map-order "range over"
	}

	// A line between the mark and what it means.
	// want +1 mark "mark lets nothing through: no map-order here"
	//seedbed:ok map-order too far away

	for range m { // want map-order "range over"
	}

	// A mark behind code is for its own line.
	// want +1 mark "mark lets nothing through: no map-order here"
	_ = len(m)    //seedbed:ok map-order meant for the next line
	for range m { // want map-order "range over"
	}

	// One of two is enough.
	// want +2 mark "mark lets nothing through: no map-order here"
	//seedbed:ok map-order above
	for range m { //seedbed:ok map-order beside
	}
}

func misspelt(m map[string]int) {
	// want +1 mark "a mark is written //seedbed:ok RULE REASON"
	// seedbed:ok map-order a blank too many
	for range m { // want map-order "range over"
	}
	// want +1 mark "a mark is written"
	//seedbed:okay map-order a letter too many
	for range m { // want map-order "range over"
	}
	// want +1 mark "a mark is written"
	/* seedbed:ok map-order the wrong comment */
	for range m { // want map-order "range over"
	}
}
