package locks

import (
	lock "sync"
	"sync/atomic"
)

type shared struct {
	lock.Mutex                     // want sync "sync.Mutex"
	n          atomic.Int64        // want sync "atomic.Int64"
	p          atomic.Pointer[int] // want sync "atomic.Pointer"
}

type guard = lock.RWMutex // want sync "sync.RWMutex"

func bad(s *shared, g *guard, l lock.Locker) { // want sync "sync.Locker"
	s.Lock()                                    // want sync "sync.Mutex.Lock"
	g.RLock()                                   // want sync "sync.RWMutex.RLock"
	l.Lock()                                    // want sync "sync.Locker.Lock"
	s.n.Add(1)                                  // want sync "atomic.Int64.Add"
	_ = s.p.Load()                              // want sync "atomic.Pointer.Load"
	unlock := s.Unlock                          // want sync "sync.Mutex.Unlock"
	_ = lock.OnceFunc(unlock)                   // want sync "sync.OnceFunc"
	_ = lock.Pool{New: func() any { return 0 }} // want sync "sync.Pool"
}
