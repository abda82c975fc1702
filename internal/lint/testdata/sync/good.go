package locks

type Mutex struct{ held bool }

func (m *Mutex) Lock() { m.held = true }

type single struct {
	Mutex
	n int64
}

type sync struct{ single }

func good(s *single, sync *sync) {
	s.Lock()
	s.n++
	sync.Mutex.Lock()
}
