// Package docs keeps the documents true, by tests: their code compiles and passes, their excerpts are in the files they
// name, the tests they name exist, and their commands print what they say. It holds no code.
package docs
