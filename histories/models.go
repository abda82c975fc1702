package histories

import (
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/sim"
)

// Model is what a history can be judged by.
type Model struct {
	Name string
	Doc  string // its operations and what is promised, in one line
	make func(o *Options) converter
}

// converter turns entries into the operations of one checker. Errors say what would be right.
type converter interface {
	input(e *entry) (any, error)
	output(e *entry, op *sim.Op) (any, error) // of an entry of type ok
	judge(ops []*sim.Op) checkers.Result
}

// linear is a converter whose operations may be judged for linearizability; the model is that by which they are.
type linear interface {
	linear() (m checkers.Model, ok bool)
}

var models = []*Model{
	{"register", "read, write; linearizable", func(o *Options) converter {
		return &keys{model: checkers.RegisterModel(), budget: o.Budget, fs: "read, write"}
	}},
	{"cas-register", "read, write, cas [from to]; linearizable", func(o *Options) converter {
		return &keys{model: checkers.CASRegisterModel(), budget: o.Budget, fs: "read, write, cas"}
	}},
	{"kv", "get, put, append, delete, cas; linearizable; an absent key holds the empty text", func(o *Options) converter {
		return &keys{model: checkers.KVModel(), budget: o.Budget, kv: true, fs: "get, put, append, delete, cas"}
	}},
	{"list-append", "txn of [append key element] and [r key list]; isolated as --level says", func(o *Options) converter {
		return &lists{level: o.Level, keys: make(map[string]int32), appended: make(map[element]int)}
	}},
	{"bank", "read of {account balance}, transfer {from to amount}; reads have all the money", func(o *Options) converter {
		return &bank{options: checkers.BalanceOptions{Total: o.Total, HasTotal: o.HasTotal, Negative: o.Negative}}
	}},
	{"set", "add, read; what is added stays", func(o *Options) converter {
		return &sets{options: checkers.SetOptions{Linearizable: o.Linearizable}}
	}},
	{"counter", "add, read; each add counts once", func(*Options) converter { return new(counter) }},
	{"queue", "enqueue, dequeue, drain; each element leaves once", func(o *Options) converter {
		return &queue{options: checkers.QueueOptions{FIFO: o.FIFO}, put: make(map[checkers.Enqueue]int)}
	}},
	{"lock", "acquire, release; one holder at a time; what acquire returns, if anything, is a fencing token that grows",
		func(o *Options) converter { return &locks{budget: o.Budget} }},
	{"log", "append and read, linearizable; or send, poll and txn of these, as Kafka has them, with its anomalies",
		func(o *Options) converter { return &logs{budget: o.Budget} }},
}

// names keeps one copy of each text.
type names struct {
	known map[string]string
	buf   []byte
}

// of is a scalar as a text.
func (n *names) of(v value) (string, bool) {
	var ok bool
	if n.buf, ok = v.scalar(n.buf[:0]); !ok {
		return "", false
	}
	if s, ok := n.known[string(n.buf)]; ok {
		return s, true
	}
	if n.known == nil {
		n.known = make(map[string]string)
	}
	s := string(n.buf)
	n.known[s] = s
	return s, true
}

// keyed takes an entry's value apart: its key is a field of its own, or the value is [key value]. Whether a value may be a
// list itself is for plain to say.
func (n *names) keyed(e *entry, plain func(v value) bool) (key string, v value, err error) {
	if e.key.at != 0 {
		key, ok := n.of(e.key)
		if !ok {
			return "", v, fmt.Errorf("the key is %s; it should be a number or a text", e.key)
		}
		return key, e.value, nil
	}
	if e.value.kind() == list && !plain(e.value) {
		if two, count := e.value.some(); count == 2 {
			if key, ok := n.of(two[0]); ok {
				return key, two[1], nil
			}
		}
	}
	return "", e.value, nil
}

// answer is the value of a completion, without the key of its invocation.
func (n *names) answer(e *entry, key string) (value, error) {
	if key == "" || e.key.at != 0 || e.value.kind() != list {
		return e.value, nil
	}
	two, count := e.value.some()
	if count == 2 {
		if k, ok := n.of(two[0]); ok && k == key {
			return two[1], nil
		}
	}
	return value{}, fmt.Errorf("the value is %s; it should be [%s value], as in the invocation", e.value, key)
}

func never(value) bool { return false }

func unknownF(e *entry, fs string) error {
	return fmt.Errorf("f is %q; this model has %s", e.f, fs)
}

// keys are registers and key-value stores.
type keys struct {
	names
	model  checkers.Model
	budget int
	kv     bool
	fs     string
}

func (c *keys) input(e *entry) (any, error) {
	plain := never
	if e.f == "cas" {
		plain = func(v value) bool { two, n := v.some(); return n == 2 && two[0].kind() < list && two[1].kind() < list }
	}
	key, v, err := c.keyed(e, plain)
	if err != nil {
		return nil, err
	}
	f := e.f
	if c.kv {
		switch f {
		case "get":
			f = "read"
		case "put":
			f = "write"
		}
	}
	switch {
	case f == "read":
		return checkers.Get{Key: key}, nil
	case f == "write" || f == "append" && c.kv:
		text, ok := c.of(v)
		if !ok {
			return nil, fmt.Errorf("%s of %s; it should be a number or a text, or [key value]", e.f, v)
		}
		switch {
		case f == "append" && text == "":
			return nil, errors.New("append of the empty text; it should be some text")
		case f == "append":
			return checkers.Append{Key: key, Text: text}, nil
		case c.kv && text == "":
			return checkers.Delete{Key: key}, nil
		}
		return checkers.Put{Key: key, Text: text}, nil
	case f == "delete" && c.kv:
		if key == "" {
			key, _ = c.of(v) // the key alone
		}
		return checkers.Delete{Key: key}, nil
	case f == "cas" && c.model.Name != "a register":
		two, n := v.some()
		from, ok := c.of(two[0])
		to, ok2 := c.of(two[1])
		if v.kind() != list || n != 2 || !ok || !ok2 {
			return nil, fmt.Errorf("cas of %s; it should be [from to], or [key [from to]]", v)
		}
		if c.kv && (from == "" || to == "") {
			return nil, errors.New("cas of the empty text, which cannot be told from an absent key; it should be some text")
		}
		return checkers.CAS{Key: key, From: from, To: to}, nil
	}
	return nil, unknownF(e, c.fs)
}

func (c *keys) output(e *entry, op *sim.Op) (any, error) {
	switch o := op.Input.(type) {
	case checkers.Get:
		v, err := c.answer(e, o.Key)
		if err != nil || v.isNull() {
			return checkers.Value{}, err
		}
		text, ok := c.of(v)
		switch {
		case !ok:
			return nil, fmt.Errorf("%s has read %s; it should be nil, a number or a text, or [key value]", e.f, v)
		case c.kv && text == "":
			return checkers.Value{}, nil
		}
		return checkers.Value{Text: text, Found: true}, nil
	case checkers.CAS:
		return checkers.Swapped(true), nil
	}
	return nil, nil
}

func (c *keys) linear() (checkers.Model, bool) {
	c.model.Budget = budgetOf(c.budget)
	return c.model, true
}

func (c *keys) judge(ops []*sim.Op) checkers.Result {
	m, _ := c.linear()
	return checkers.Linearizable(m, ops)
}

func budgetOf(n int) int {
	if n == 0 {
		return DefaultBudget
	}
	return n
}

// lists are transactions on lists.
type lists struct {
	names
	level    checkers.Level
	keys     map[string]int32
	appended map[element]int // the line
}

type element struct {
	key     int32
	element int
}

const lookOfMop = "[append key element] or [r key list]"

func (c *lists) input(e *entry) (any, error) {
	if e.value.kind() != list {
		return nil, fmt.Errorf("a transaction is %s; it should be a list of %s", e.value, lookOfMop)
	}
	_, n := e.value.some()
	txn := make(checkers.Txn, 0, n)
	for v := range e.value.items() {
		kind, key, val, err := c.mop(v)
		if err != nil {
			return nil, err
		}
		if kind == "r" {
			txn = append(txn, checkers.ListRead{Key: key})
			continue
		}
		n, ok := val.int()
		if !ok {
			return nil, fmt.Errorf("%s is appended to %s; elements should be whole numbers", val, key)
		}
		id, known := c.keys[key]
		if !known {
			id = int32(len(c.keys))
			c.keys[key] = id
		}
		if line, again := c.appended[element{id, int(n)}]; again {
			return nil, fmt.Errorf("%d is appended to %s, as in line %d; each element of a list should be appended once", n, key, line)
		}
		c.appended[element{id, int(n)}] = e.line
		txn = append(txn, checkers.ListAppend{Key: key, Element: int(n)})
	}
	return txn, nil
}

func (c *lists) mop(v value) (kind, key string, val value, err error) {
	three, n := v.some()
	key, ok := c.of(three[1])
	switch {
	case v.kind() != list || n != 3 || !ok:
	case three[0].isWord("append"):
		return "append", key, three[2], nil
	case three[0].isWord("r"):
		return "r", key, three[2], nil
	}
	return "", "", v, fmt.Errorf("an operation of a transaction is %s; it should be %s", mopText(v), lookOfMop)
}

func mopText(v value) string {
	if v.kind() != list {
		return v.String()
	}
	text := "["
	first, n := v.some()
	for i := range min(n, len(first)) {
		if i > 0 {
			text += " "
		}
		text += first[i].String()
	}
	if n > len(first) {
		text += " …"
	}
	return text + "]"
}

func (c *lists) output(e *entry, op *sim.Op) (any, error) {
	in := op.Input.(checkers.Txn)
	out := make(checkers.Txn, 0, len(in))
	for v := range e.value.items() {
		kind, key, val, err := c.mop(v)
		if err != nil {
			return nil, err
		}
		if len(out) == len(in) {
			return nil, fmt.Errorf("the transaction ends with more than the %d operations that it began with", len(in))
		}
		switch m := in[len(out)].(type) {
		case checkers.ListAppend:
			if n, ok := val.int(); kind != "append" || key != m.Key || !ok || int(n) != m.Element {
				return nil, fmt.Errorf("the transaction ends with %s where it began with %v", mopText(v), m)
			}
			out = append(out, m)
		case checkers.ListRead:
			if kind != "r" || key != m.Key || !val.isNull() && val.kind() != list {
				return nil, fmt.Errorf("the transaction ends with %s where it began with %v", mopText(v), m)
			}
			_, n := val.some()
			m.List = make([]int, 0, n)
			for item := range val.items() {
				n, ok := item.int()
				if !ok {
					return nil, fmt.Errorf("%s was read in %s; elements should be whole numbers", item, key)
				}
				m.List = append(m.List, int(n))
			}
			out = append(out, m)
		}
	}
	if len(out) < len(in) {
		return nil, fmt.Errorf("the transaction ends with %d of the %d operations that it began with", len(out), len(in))
	}
	return out, nil
}

func (c *lists) judge(ops []*sim.Op) checkers.Result {
	report := checkers.Transactions(checkers.TxnOptions{Level: c.level}, ops)
	r := report.Result()
	if r.Verdict != checkers.Invalid {
		return r
	}
	for _, a := range report.Anomalies {
		if a.Excludes() <= c.level {
			if r.Anomaly != "" {
				r.Anomaly += ", "
			}
			r.Anomaly += a.Name()
		}
	}
	return r
}

// bank is accounts that are read all at once.
type bank struct {
	names
	options checkers.BalanceOptions
}

func (c *bank) input(e *entry) (any, error) {
	switch e.f {
	case "read":
		return checkers.BankRead{}, nil
	case "transfer":
		var t checkers.Transfer
		given := 0
		for key, v := range e.value.pairs() {
			ok := true
			switch {
			case key.isWord("from"):
				t.From, ok = c.of(v)
			case key.isWord("to"):
				t.To, ok = c.of(v)
			case key.isWord("amount"):
				t.Amount, ok = v.int()
			default:
				continue
			}
			if ok {
				given++
			}
		}
		if e.value.kind() != dict || given != 3 {
			return nil, fmt.Errorf("transfer of %s; it should be a map of from, to and amount, which is a whole number", e.value)
		}
		return t, nil
	}
	return nil, unknownF(e, "read, transfer")
}

func (c *bank) output(e *entry, op *sim.Op) (any, error) {
	if _, ok := op.Input.(checkers.BankRead); !ok {
		return nil, nil
	}
	if e.value.kind() != dict {
		return nil, fmt.Errorf("read of %s; it should be a map from accounts to balances", e.value)
	}
	_, n := e.value.some()
	balances := make(checkers.Balances, 0, n/2)
	for key, v := range e.value.pairs() {
		account, ok := c.of(key)
		amount, ok2 := v.int()
		if !ok || !ok2 && !v.isNull() {
			return nil, fmt.Errorf("account %s has %s; it should be a whole number", key, v)
		}
		balances = append(balances, checkers.Balance{Account: account, Amount: amount, Nil: v.isNull()})
	}
	return balances, nil
}

func (c *bank) judge(ops []*sim.Op) checkers.Result { return checkers.CheckBalances(c.options, ops) }

// sets only grow.
type sets struct {
	names
	options checkers.SetOptions
}

func (c *sets) input(e *entry) (any, error) {
	key, v, err := c.keyed(e, never)
	if err != nil {
		return nil, err
	}
	switch e.f {
	case "add":
		name, ok := c.of(v)
		if !ok {
			return nil, fmt.Errorf("add of %s; it should be a number or a text, or [key element]", v)
		}
		return checkers.SetAdd{Set: key, Element: name}, nil
	case "read":
		return checkers.SetRead{Set: key}, nil
	}
	return nil, unknownF(e, "add, read")
}

func (c *sets) output(e *entry, op *sim.Op) (any, error) {
	o, ok := op.Input.(checkers.SetRead)
	if !ok {
		return nil, nil
	}
	v, err := c.answer(e, o.Set)
	if err != nil {
		return nil, err
	}
	elements, err := c.list(v)
	return checkers.Elements(elements), err
}

// list is all scalars of a list or set; nothing is the empty one.
func (n *names) list(v value) ([]string, error) {
	if k := v.kind(); !v.isNull() && k != list && k != set {
		return nil, fmt.Errorf("the value is %s; it should be a list or set of numbers or texts", v)
	}
	_, count := v.some()
	all := make([]string, 0, count)
	for item := range v.items() {
		name, ok := n.of(item)
		if !ok {
			return nil, fmt.Errorf("an element is %s; it should be a number or a text", item)
		}
		all = append(all, name)
	}
	return all, nil
}

func (c *sets) judge(ops []*sim.Op) checkers.Result { return checkers.Sets(c.options, ops) }

// counter is a number that is added to.
type counter struct{ names }

func (c *counter) input(e *entry) (any, error) {
	key, v, err := c.keyed(e, never)
	if err != nil {
		return nil, err
	}
	switch e.f {
	case "add":
		n, ok := v.int()
		if !ok {
			return nil, fmt.Errorf("add of %s; it should be a whole number, or [key number]", v)
		}
		return checkers.Add{Key: key, Delta: n}, nil
	case "read":
		return checkers.Total{Key: key}, nil
	}
	return nil, unknownF(e, "add, read")
}

func (c *counter) output(e *entry, op *sim.Op) (any, error) {
	o, ok := op.Input.(checkers.Total)
	if !ok {
		return nil, nil
	}
	v, err := c.answer(e, o.Key)
	if err != nil {
		return nil, err
	}
	n, ok := v.int()
	if !ok {
		return nil, fmt.Errorf("read of %s; it should be a whole number", v)
	}
	return checkers.Sum(n), nil
}

func (c *counter) judge(ops []*sim.Op) checkers.Result { return checkers.Counter(ops) }

// queue hands elements out.
type queue struct {
	names
	options checkers.QueueOptions
	put     map[checkers.Enqueue]int // the line
}

func (c *queue) input(e *entry) (any, error) {
	key, v, err := c.keyed(e, never)
	if err != nil {
		return nil, err
	}
	switch e.f {
	case "enqueue":
		name, ok := c.of(v)
		if !ok {
			return nil, fmt.Errorf("enqueue of %s; it should be a number or a text, or [key element]", v)
		}
		o := checkers.Enqueue{Queue: key, Element: name}
		if line, again := c.put[o]; again {
			return nil, fmt.Errorf("%s is enqueued, as in line %d; each element should be enqueued once", name, line)
		}
		c.put[o] = e.line
		return o, nil
	case "dequeue", "drain":
		return checkers.Dequeue{Queue: key, All: e.f == "drain"}, nil
	}
	return nil, unknownF(e, "enqueue, dequeue, drain")
}

func (c *queue) output(e *entry, op *sim.Op) (any, error) {
	o, ok := op.Input.(checkers.Dequeue)
	if !ok {
		return nil, nil
	}
	v, err := c.answer(e, o.Queue)
	if err != nil {
		return nil, err
	}
	if e.f == "drain" {
		all, err := c.list(v)
		return checkers.Dequeued{Elements: all, Empty: true}, err
	}
	if v.isNull() {
		return checkers.Dequeued{Empty: true}, nil
	}
	name, ok := c.of(v)
	if !ok {
		return nil, fmt.Errorf("dequeue of %s; it should be a number or a text, or nil where the queue is empty", v)
	}
	return checkers.Dequeued{Elements: []string{name}}, nil
}

func (c *queue) judge(ops []*sim.Op) checkers.Result { return checkers.Queue(c.options, ops) }

// locks are held by their processes. Their names are keys.
type locks struct {
	names
	budget int
}

func (c *locks) input(e *entry) (any, error) {
	key, v, err := c.keyed(e, never)
	if err != nil {
		return nil, err
	}
	if key == "" {
		key, _ = c.of(v) // the name alone
	}
	switch e.f {
	case "acquire":
		return checkers.Acquire{Lock: key}, nil
	case "release":
		return checkers.Release{Lock: key}, nil
	}
	return nil, unknownF(e, "acquire, release")
}

func (c *locks) output(e *entry, op *sim.Op) (any, error) {
	o, ok := op.Input.(checkers.Acquire)
	if !ok {
		return nil, nil
	}
	v, err := c.answer(e, o.Lock)
	if err != nil {
		return nil, err
	}
	if name, ok := c.of(v); !ok || name == o.Lock && e.key.at == 0 && e.value.kind() != list {
		return nil, nil // nothing, or the name again
	}
	n, ok := v.int()
	if !ok {
		return nil, fmt.Errorf("acquire returns %s; it should be nothing, or a fencing token, which is a whole number", v)
	}
	return checkers.Fence(n), nil
}

func (c *locks) judge(ops []*sim.Op) checkers.Result { return checkers.Lock(budgetOf(c.budget), ops) }

// logs are of one of two kinds: append and read, or send and poll.
type logs struct {
	names
	budget int
	feed   *feed // nil: append and read, so far
	plain  bool  // there was an append or read
}

func (c *logs) input(e *entry) (any, error) {
	switch e.f {
	case "append", "read":
		if c.feed != nil {
			break
		}
		c.plain = true
		key, v, err := c.keyed(e, func(v value) bool { return e.f == "read" && spanOf(v) })
		if err != nil {
			return nil, err
		}
		if e.f == "append" {
			record, ok := c.of(v)
			if !ok {
				return nil, fmt.Errorf("append of %s; it should be a number or a text, or [key record]", v)
			}
			return checkers.LogAppend{Log: key, Record: record}, nil
		}
		o := checkers.LogRead{Log: key, Max: math.MaxInt64}
		if spanOf(v) {
			two, _ := v.some()
			from, _ := two[0].int()
			most, _ := two[1].int()
			o.From, o.Max = uint64(from), uint64(most)
		} else if !v.isNull() {
			return nil, fmt.Errorf("read of %s; it should be nil for all, or [from most], or [key [from most]]", v)
		}
		return o, nil
	case "send", "poll", "txn", "assign", "subscribe", "crash", "debug-topic-partitions":
		if c.plain {
			break
		}
		if c.feed == nil {
			c.feed = newFeed()
		}
		return c.feed.input(e)
	}
	if c.plain || c.feed != nil {
		return nil, fmt.Errorf("f is %q; this model has append and read, or send, poll, txn, assign, subscribe and crash, not both in one file", e.f)
	}
	return nil, unknownF(e, "append and read, or send, poll, txn, assign, subscribe and crash")
}

// spanOf is whether a value is an offset and a number of records.
func spanOf(v value) bool {
	two, n := v.some()
	from, ok := two[0].int()
	most, ok2 := two[1].int()
	return v.kind() == list && n == 2 && ok && ok2 && from >= 0 && most >= 0
}

func (c *logs) output(e *entry, op *sim.Op) (any, error) {
	switch o := op.Input.(type) {
	case checkers.LogAppend:
		v, err := c.answer(e, o.Log)
		if err != nil {
			return nil, err
		}
		n, ok := v.int()
		if !ok || n < 0 {
			return nil, fmt.Errorf("append returns %s; it should be the record's offset, a number from 0 on", v)
		}
		return checkers.Offset(n), nil
	case checkers.LogRead:
		v := e.value
		if two, n := v.some(); o.Log != "" && n == 2 && e.key.at == 0 && two[1].kind() == list {
			v = two[1]
		}
		records, err := c.list(v)
		return checkers.Records(records), err
	}
	return c.feed.output(e, op)
}

func (c *logs) judge(ops []*sim.Op) checkers.Result {
	if m, ok := c.linear(); ok {
		return checkers.Linearizable(m, ops)
	}
	return c.feed.judge(ops)
}

func (c *logs) linear() (checkers.Model, bool) {
	m := checkers.LogModel()
	m.Budget = budgetOf(c.budget)
	return m, c.feed == nil
}

// quote shows a record.
func quote(s string) string {
	if _, err := strconv.ParseInt(s, 10, 64); err == nil {
		return s
	}
	return strconv.Quote(s)
}
