package selects

func good(kind int) int {
	switch {
	case kind > 0:
		return 1
	default:
		return 0
	}
}
