package channel

type queue []int

func good(q queue) (n int) {
	q = append(q, len(q))
	for range q {
		n++
	}
	for range 3 {
		n = -n
	}
	make := func(q queue) queue { return q }
	return n + len(make(q))
}

// Passing a channel on is no operation on it.
func pass(c chan int) chan int { return c }
