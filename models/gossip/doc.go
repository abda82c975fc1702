// Package gossip is how updates and membership spread where nobody leads. Its parts can be read one by one, and used
// alone:
//
//   - rumor mongering: a site that has heard something new tells others until it is old (Demers et al., "Epidemic Algorithms
//     for Replicated Database Maintenance", PODC 1987), over one of several topologies: [Rumor], [Topology];
//   - anti-entropy: sites compare what they have, by several means, with death certificates for what is deleted (the same
//     paper);
//   - Scuttlebutt reconciliation and its flow control (van Renesse et al., "Efficient Reconciliation and Flow Control for
//     Anti-Entropy Protocols", LADIS 2008);
//   - SWIM membership (Das, Gupta and Motivala, DSN 2002) with Lifeguard's local health (Dadgar, Phillips and Currey, 2017),
//     and a phi-accrual detector (Hayashibara et al., SRDS 2004) in place of its timeouts.
//
// It is not for production: there is no wire format, and what a site sends is what it has in memory. Nothing here computes
// with floating-point numbers; logarithms and distributions are tables.
package gossip
