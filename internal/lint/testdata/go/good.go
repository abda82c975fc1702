package goroutine

import "context"

type machine struct{}

func (machine) AfterFunc(context.Context, func()) {}

func good(ctx context.Context, work func()) {
	work()
	defer work()
	var context machine
	context.AfterFunc(ctx, work)
}
