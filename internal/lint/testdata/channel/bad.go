package channel

import "reflect"

type feed chan int

func bad(in <-chan int, f feed) {
	out := make(chan int, 1) // want channel "make of a channel"
	out <- 1                 // want channel "send on a channel"
	x := <-in                // want channel "receive from a channel"
	y, ok := <-f             // want channel "receive from a channel"
	for range in {           // want channel "range over a channel"
	}
	for v := range f { // want channel "range over a channel"
		_ = v
	}
	close(f)       // want channel "close of a channel"
	_ = len(f)     // want channel "len of a channel"
	_ = make(feed) // want channel "make of a channel"
	_, _, _ = x, y, ok
}

func generic[C ~chan E, E any](c C) {
	for range c { // want channel "range over a channel"
	}
	_ = make(C) // want channel "make of a channel"
}

func reflected(v reflect.Value) {
	v.Recv()                          // want channel "reflect.Value.Recv"
	v.TryRecv()                       // want channel "reflect.Value.TryRecv"
	v.Send(v)                         // want channel "reflect.Value.Send"
	v.TrySend(v)                      // want channel "reflect.Value.TrySend"
	v.Close()                         // want channel "reflect.Value.Close"
	reflect.Select(nil)               // want channel "reflect.Select"
	_ = reflect.SelectCase{}          // want channel "reflect.SelectCase"
	_ = reflect.MakeChan(v.Type(), 1) // want channel "reflect.MakeChan"
}
