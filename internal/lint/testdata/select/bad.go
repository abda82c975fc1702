package selects

func bad(in, out chan int) int {
	select { // want select "select statement"
	case v := <-in:
		return v
	case v, ok := (<-in):
		_ = ok
		return v
	case (out) <- 1:
	case <-in:
	default:
	}
	select { // want select "select statement"
	case v := <-pick(<-in): // want channel "receive"
		return v
	case out <- <-in: // want channel "receive"
		out <- 2 // want channel "send"
	}
	return 0
}

func pick(int) chan int { return nil }
