package environment

import (
	"net"
	. "os"
	"runtime"
	"runtime/debug"
	"time"
)

func bad(t time.Time, f *File) { // want environment "os.File"
	_ = runtime.NumGoroutine()   // want environment "runtime.NumGoroutine"
	_ = runtime.GOMAXPROCS(0)    // want environment "runtime.GOMAXPROCS"
	_ = runtime.NumCPU()         // want environment "runtime.NumCPU"
	_ = runtime.GOARCH           // want environment "runtime.GOARCH"
	runtime.SetFinalizer(f, nil) // want environment "runtime.SetFinalizer"
	_ = debug.Stack()            // want environment "debug.Stack"
	_ = Getpid()                 // want environment "os.Getpid"
	_ = Getenv("SEED")           // want environment "os.Getenv"
	_ = Args[0]                  // want environment "os.Args"
	_, _ = Hostname()            // want environment "os.Hostname"
	_, _ = ReadFile("seed")      // want environment "os.ReadFile"
	lookup := LookupEnv          // want environment "os.LookupEnv"
	f.Sync()                     // want environment "os.File.Sync"
	_, _ = net.Dial("tcp", "")   // want environment "net.Dial"
	_ = t.Local()                // want environment "time.Time.Local"
	_ = t.In(time.Local)         // want environment "time.Local"
	_, _ = time.LoadLocation("") // want environment "time.LoadLocation"
	_ = lookup
}
