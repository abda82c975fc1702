// Package report makes one run a page: a single HTML file, which needs nothing but a browser. The page reads the trace
// itself, from the file that it is in or from where it is served, frame by frame; so what it shows of a long run is bounded
// by what is looked at.
//
// Its scripts are plain ES modules below page, which Write joins to one. They import each other, and what others made from
// page/vendor, by relative paths; each exports functions, classes and constants at their declaration, and nothing by
// default. A Content-Security-Policy allows just these scripts and styles, by their hashes, so that nothing a trace contains
// can run.
package report
