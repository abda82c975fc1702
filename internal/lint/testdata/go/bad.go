package goroutine

import "context"

func bad(ctx context.Context, work func()) {
	go work()                    // want go "go statement"
	go func() {}()               // want go "go statement"
	context.AfterFunc(ctx, work) // want go "context.AfterFunc"
	later := context.AfterFunc   // want go "context.AfterFunc"
	defer func() { go work() }() // want go "go statement"
	_ = later
}
