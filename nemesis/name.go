package nemesis

// KindName is the name of a fault's kind, as in JSON: "crash".
func KindName(f Fault) string { return kindOf(f).Kind }
