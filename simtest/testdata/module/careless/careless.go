// Package careless does not.
package careless

// Tell lets the scheduler decide.
func Tell(who chan<- string) {
	go func() { who <- "you" }()
}
