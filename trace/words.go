package trace

import (
	"fmt"
	"regexp"
)

// Words are how readers say what happens in a run, in the words of its protocol. A trace has texts and no types, so they
// go by what texts look like: a Match is a regular expression (in what RE2 and JavaScript share) for the text of a step. In
// what is said of it $1, $2, … are its groups; in sayings $node is the name of its node. Of several rules the first that
// matches counts.
type Words struct {
	Says  []Saying `json:"says,omitempty"`
	Roles []Role   `json:"roles,omitempty"`
	Logs  []LogOp  `json:"logs,omitempty"`
}

// Saying is what a step means: the rest of a sentence that begins with its node, or with who sent it, if it is a message.
// Fact BecameLeader{Term:3} may be said as "becomes leader of term $1".
type Saying struct {
	Match string `json:"match"`
	Say   string `json:"say"`
	// About is what the step is about, by a word for its kind and what it is called: "term $1", "entry $2/$3". A story tells
	// the steps about what its violation is about.
	About []string `json:"about,omitempty"`
	// Leads is what has to be told, too, where the step is: where an entry is told of, who led its term.
	Leads []string `json:"leads,omitempty"`
}

// Role is the role that a fact's node has from then on, until its next crash; "" is none.
type Role struct {
	Match string `json:"match"`
	Role  string `json:"role"`
}

// LogOp is what a fact does to a log. All that match a fact are done, in their order.
type LogOp struct {
	Match string `json:"match"`
	// Log names the log, if a node has several: "p$1".
	Log string `json:"log,omitempty"`
	// Do is one of
	//
	//	append    there is a record at Index; what was there and behind it is gone
	//	commit    all up to Index is committed
	//	sync      all up to Index is durable
	//	truncate  all behind Index is gone
	//	trim      all below Index is gone
	//	forget    all is gone: the log begins anew
	//	read      Reader has read logs of this name, of whatever node, up to below Index
	Do     string `json:"do"`
	Index  string `json:"index,omitempty"`  // a number
	To     string `json:"to,omitempty"`     // the last, where there are several; those of an append are alike but for Index
	Reader string `json:"reader,omitempty"` // such as a group of consumers; empty for the node
	Epoch  string `json:"epoch,omitempty"`  // of the record: a term, or what else tells who wrote it
	Text   string `json:"text,omitempty"`   // of the record
}

// Check says what is wrong with words; nil if nothing is.
func (w *Words) Check() error {
	var all []string
	for _, s := range w.Says {
		all = append(all, s.Match)
	}
	for _, r := range w.Roles {
		all = append(all, r.Match)
	}
	for _, l := range w.Logs {
		switch l.Do {
		case "append", "commit", "sync", "truncate", "trim", "forget", "read":
		default:
			return fmt.Errorf("%q is nothing that can be done to a log", l.Do)
		}
		all = append(all, l.Match)
	}
	for _, match := range all {
		if _, err := regexp.Compile(match); err != nil {
			return err
		}
	}
	return nil
}
