// Package house keeps the house rules by tests: who may import whom, and that the deterministic side is free of what
// differs between two runs of one seed. It holds no code; docs/architecture.md tells why the rules are what they are.
package house
