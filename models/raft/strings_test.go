package raft

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
)

// What readers of a trace see.
func TestStrings(t *testing.T) {
	es := []Entry{{Index: 4, Term: 3}, {Index: 5, Term: 3}}
	for _, c := range []struct {
		value any
		want  string
	}{
		{&AppendEntries{Term: 3, PrevIndex: 3, PrevTerm: 2, Commit: 1}, "AppendEntries{Term:3 Prev:3/2 Commit:1}"},
		{&AppendEntries{Term: 3, PrevIndex: 3, PrevTerm: 2, Round: 7, Entries: es}, "AppendEntries{Term:3 Prev:3/2 Commit:0 Round:7 Entries:4-5}"},
		{&AppendResponse{Term: 3, Index: 5}, "AppendResponse{Term:3 Index:5}"},
		{&AppendResponse{Term: 3, Index: 5, Round: 7, Reject: true, ConflictIndex: 4, ConflictTerm: 2}, "AppendResponse{Term:3 Index:5 Round:7 Reject Conflict:4/2}"},
		{&VoteRequest{Term: 3, LastIndex: 5, LastTerm: 2}, "VoteRequest{Term:3 Last:5/2}"},
		{&VoteResponse{Term: 3, Pre: true, Granted: true}, "PreVoteResponse{Term:3 Granted:true}"},
		{&Request{Client: 7<<32 + 0xbeef, Seq: 2, Op: KVOp{Kind: KVPut, Key: "k", Value: "v"}}, `Request{n7:0000beef #2 put(k, "v")}`},
		{&Response{Client: 7 << 32, Seq: 2, Result: KVResult{Value: "v", OK: true}}, `Response{n7:00000000 #2 "v" true}`},
		{&Response{Client: 7 << 32, Seq: 2, Status: NotLeader, Leader: 3}, "Response{n7:00000000 #2 not leader, ask n3}"},
		{&Response{Client: 7 << 32, Seq: 2, Status: Unready}, "Response{n7:00000000 #2 unready}"},
		{KVOp{Kind: KVGet, Key: "k", Via: ViaReadIndex}, "get(k) via readindex"},
		{KVOp{Kind: KVCAS, Key: "k", Old: "a", Value: "b"}, `cas(k, "a" → "b")`},
		{KVOp{Kind: KVDelete, Key: "k"}, "delete(k)"},
		{LogOp{Record: "r"}, `append("r")`},
		{LogOp{Kind: LogRead, Offset: 3, Count: 2}, "read(3, 2) via log"},
		{LogResult{Offset: 3}, "@3"},
		{LogResult{Offset: 3, Records: "a\nb\n"}, `@3 ["a" "b"]`},
		{Appended{&Entry{Index: 4, Term: 3, Cmd: "abc"}}, "Appended{4/3 7960d00f}"},
		{Applied{&Entry{Index: 4, Term: 3}}, "Applied{4/3 7ab40e09}"},
		{Committed{Index: 4, Term: 3, In: 5}, "Committed{4/3 in term 5}"},
		{PreCandidate, "pre-candidate"},
	} {
		assert.Equal(t, c.want, fmt.Sprint(c.value))
	}
}

func TestSize(t *testing.T) {
	assert.Equal(t, 48, (&AppendEntries{}).Size())
	assert.Equal(t, 48+16+3+16, (&AppendEntries{Entries: []Entry{{Cmd: "abc"}, {}}}).Size())
}
