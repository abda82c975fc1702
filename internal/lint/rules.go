package lint

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/ast/edge"
	"golang.org/x/tools/go/ast/inspector"
	"golang.org/x/tools/go/packages"
	"golang.org/x/tools/go/types/typeutil"
)

// Rule is one way in which code escapes its seed.
type Rule struct {
	Name string // what findings and marks call it
	Doc  string // one line
}

// markRule is the one rule that no mark can name.
const markRule = "mark"

// Rules lists every rule.
//
// They do not see: pointers printed with %v or encoding/gob's order of maps; formats that are not constant; values read
// through reflection, unsafe casts or //go:linkname; assembly and cgo; a comparison that leaves ties in SortedFunc; files
// that build constraints leave out; and whatever packages outside the check and outside the table do, goroutines included.
var Rules = []Rule{
	{"go", "no goroutines: the scheduler decides their order"},
	{"select", "no select: among ready cases it draws from the runtime's own randomness"},
	{"channel", "no channels: no make, send, receive, range, close or len"},
	{"map-order", "no walk over a map, by range or iterator, but slices.Sorted(maps.Keys(m)) and the like"},
	{"wall-clock", "no clock, timer or deadline of the machine"},
	{"global-rand", "no random source but one made from a seed"},
	{"maphash", "no hash/maphash: its seed differs in each process"},
	{"sync", "no sync and sync/atomic: one goroutine has nothing to lock, and a Pool or Map has an order of its own"},
	{"pointer-format", "no %p in a constant format: addresses differ between processes"},
	{"reflect-map", "no walk over a map by reflection"},
	{"float-draw", "no random draws of floating point: draw integers and compare with integers"},
	{"float", "no floating-point value that is not a constant: processors round differently"},
	{"environment", "nothing read from the process, the operating system or the runtime"},
	{"address", "no address as a number, by conversion or reflection"},
	{"coroutine", "no iter.Pull: a coroutine outlives its handler unless its owner says who ends it"},
	{markRule, "a mark names a rule, gives a reason and lets something through; it cannot itself be marked"},
}

// A use forbids the mention of objects of other packages, called or not.
type use struct {
	rule string
	pkgs string // import paths
	// Names of package-level objects, a type standing for its methods too, or Type.Method. With neither list, the use
	// forbids everything in the packages; with except, everything else, so that what a new Go release adds is rejected
	// until someone judges it.
	only, except string
	instead      string
}

var uses = []use{
	{rule: "go", pkgs: "context", only: "AfterFunc",
		instead: "it starts a goroutine"},
	{rule: "channel", pkgs: "reflect", only: "MakeChan Select SelectCase Value.Send Value.Recv Value.TrySend Value.TryRecv Value.Close",
		instead: "channels belong to goroutines, by reflection too"},
	{rule: mapRule, pkgs: "maps", only: "Keys Values All DeleteFunc EqualFunc",
		instead: "it walks the map in random order; use slices.Sorted(maps.Keys(m))"},
	{rule: mapRule, pkgs: "golang.org/x/exp/maps", only: "Keys Values DeleteFunc EqualFunc",
		instead: "it walks the map in random order; use slices.Sorted(maps.Keys(m)) of the standard library"},
	{rule: "wall-clock", pkgs: "time", only: "Now Since Until Sleep After Tick NewTimer NewTicker AfterFunc Timer Ticker",
		instead: "it follows the machine's clock; use the node's own time and timers"},
	{rule: "wall-clock", pkgs: "context", only: "WithTimeout WithTimeoutCause WithDeadline WithDeadlineCause",
		instead: "it follows the machine's clock; use a timer of the node"},
	{rule: "global-rand", pkgs: "math/rand", except: "New NewSource NewZipf Rand Source Source64 Zipf",
		instead: "it draws from the process's source; draw from a seeded *rand.Rand"},
	{rule: "global-rand", pkgs: "math/rand/v2", except: "New NewPCG NewChaCha8 NewZipf Rand Source PCG ChaCha8 Zipf",
		instead: "it draws from the process's source; draw from a seeded *rand.Rand"},
	{rule: "global-rand", pkgs: "crypto/rand",
		instead: "it draws from the operating system; draw from a seeded *rand.Rand"},
	{rule: "maphash", pkgs: "hash/maphash",
		instead: "its seed differs in each process; use hash/fnv or the like"},
	{rule: "sync", pkgs: "sync sync/atomic",
		instead: "the deterministic side runs on one goroutine; use a plain value"},
	{rule: "reflect-map", pkgs: "reflect", only: "MapIter.Next MapIter.Reset Value.MapKeys Value.MapRange Value.Seq Value.Seq2 Value.SetIterKey Value.SetIterValue",
		instead: "it walks a map in random order; use the map's own type and sorted keys"},
	{rule: drawRule, pkgs: "math/rand", only: "Rand.Float32 Rand.Float64 Rand.NormFloat64 Rand.ExpFloat64 NewZipf Zipf",
		instead: "draw an integer and compare it with an integer, or use a table"},
	{rule: drawRule, pkgs: "math/rand/v2", only: "Rand.Float32 Rand.Float64 Rand.NormFloat64 Rand.ExpFloat64 NewZipf Zipf",
		instead: "draw an integer and compare it with an integer, or use a table"},
	{rule: "environment", pkgs: "os",
		except: "ErrInvalid ErrPermission ErrExist ErrNotExist ErrClosed ErrNoDeadline ErrDeadlineExceeded ErrProcessDone " +
			"PathError LinkError SyscallError NewSyscallError IsExist IsNotExist IsPermission IsTimeout IsPathSeparator " +
			"DirEntry FileInfo FileMode Stdout Stderr",
		instead: "it reaches the operating system; take what it gives as an argument"},
	{rule: "environment", pkgs: "runtime", except: "Error PanicNilError TypeAssertionError KeepAlive",
		instead: "it differs between processes and machines"},
	{rule: "environment", pkgs: "time", only: "Local LoadLocation Time.Local",
		instead: "it depends on the machine's time zone; use UTC"},
	{rule: "environment", pkgs: "net net/http os/exec os/signal os/user runtime/debug runtime/metrics syscall weak",
		instead: "it reaches the operating system or the runtime"},
	{rule: "address", pkgs: "reflect", only: "Value.Pointer Value.UnsafeAddr",
		instead: "addresses differ between processes; UnsafePointer stays a pointer"},
	{rule: "coroutine", pkgs: "iter", only: "Pull Pull2",
		instead: "range over the sequence, or mark it and say who stops it"},
}

// Rules that code below names.
const (
	mapRule   = "map-order"
	floatRule = "float"
	drawRule  = "float-draw"
)

// judge returns what a package's files break, before marks.
func judge(pkg *packages.Package) []Finding {
	j := judgement{fset: pkg.Fset, info: pkg.TypesInfo, floats: map[place]bool{}}
	for cur := range inspector.New(pkg.Syntax).Root().Preorder() {
		j.node(cur)
	}
	return j.found
}

type judgement struct {
	fset   *token.FileSet
	info   *types.Info
	found  []Finding
	floats map[place]bool // lines with a float finding: one says it all
}

type place struct {
	file string
	line int
}

func (j *judgement) reject(pos token.Pos, rule, format string, args ...any) {
	j.found = append(j.found, Finding{position(j.fset, pos), rule, fmt.Sprintf(format, args...)})
}

func (j *judgement) node(cur inspector.Cursor) {
	switch n := cur.Node().(type) {
	case *ast.GoStmt:
		j.reject(n.Pos(), "go", "go statement: the scheduler decides when it runs; set a timer or send a message")
	case *ast.SelectStmt:
		j.reject(n.Pos(), "select", "select statement: the runtime draws among ready cases")
	case *ast.SendStmt:
		if !inSelect(cur) {
			j.reject(n.Arrow, "channel", "send on a channel: send a message or keep a queue")
		}
	case *ast.UnaryExpr:
		if n.Op == token.ARROW && !inSelect(cur) {
			j.reject(n.Pos(), "channel", "receive from a channel: send a message or keep a queue")
		}
	case *ast.RangeStmt:
		j.rangeOver(n)
	case *ast.CallExpr:
		j.call(n)
	case *ast.Ident:
		j.mention(cur, n)
	}
	if e, ok := cur.Node().(ast.Expr); ok {
		j.floating(cur, e)
	}
}

func (j *judgement) rangeOver(n *ast.RangeStmt) {
	t := j.info.TypeOf(n.X)
	if some(t, isMap) {
		j.reject(n.Pos(), mapRule, "range over %s: its order is random; range over slices.Sorted(maps.Keys(m))", typeText(t))
	}
	if some(t, isChan) {
		j.reject(n.Pos(), "channel", "range over a channel: send a message or keep a queue")
	}
}

// call judges what only a call can do: builtins on channels, conversions of addresses, and formats.
func (j *judgement) call(n *ast.CallExpr) {
	if len(n.Args) == 0 {
		return
	}
	arg := j.info.TypeOf(n.Args[0])
	if b, ok := typeutil.Callee(j.info, n).(*types.Builtin); ok {
		switch b.Name() {
		case "make", "close", "len":
			if some(arg, isChan) {
				j.reject(n.Pos(), "channel", "%s of a channel: send a message or keep a queue", b.Name())
			}
		}
		return
	}
	fun := j.info.TypeOf(n.Fun)
	if j.info.Types[n.Fun].IsType() {
		if some(fun, isUintptr) && some(arg, isUnsafePointer) {
			j.reject(n.Pos(), "address", "an address as a number: addresses differ between processes")
		}
		return
	}
	if sig, ok := fun.Underlying().(*types.Signature); ok {
		if at := formatParam(sig); at >= 0 && at < len(n.Args) {
			j.format(n.Args[at])
		}
	}
}

// format looks at every constant part of a sum, so that prefix+"%p" is seen as well.
func (j *judgement) format(e ast.Expr) {
	e = ast.Unparen(e)
	if v := j.info.Types[e].Value; v != nil && v.Kind() == constant.String {
		if printsPointer(constant.StringVal(v)) {
			j.reject(e.Pos(), "pointer-format", "%%p prints an address: addresses differ between processes; print a name or an index")
		}
	} else if sum, ok := e.(*ast.BinaryExpr); ok {
		j.format(sum.X)
		j.format(sum.Y)
	}
}

// mention judges every name by the object it stands for.
func (j *judgement) mention(cur inspector.Cursor, id *ast.Ident) {
	obj := j.info.Uses[id]
	if obj == nil || obj.Pkg() == nil {
		return
	}
	for _, u := range uses {
		if u.forbids(obj) && !(u.rule == mapRule && j.sorted(cur, obj)) {
			j.reject(id.Pos(), u.rule, "%s: %s", describe(obj), u.instead)
		}
	}
}

// sorted reports whether a walk over a map's keys or values is at once put into an order that does not depend on the
// walk. A comparison of one's own may tie two different values, never two keys as long as it tells all keys apart.
func (j *judgement) sorted(cur inspector.Cursor, walk types.Object) bool {
	walked := climb(cur, edge.SelectorExpr_Sel, edge.IndexExpr_X, edge.IndexListExpr_X, edge.ParenExpr_X)
	if walked.ParentEdgeKind() != edge.CallExpr_Fun {
		return false
	}
	arg := climb(walked.Parent(), edge.ParenExpr_X)
	if kind, i := arg.ParentEdge(); kind != edge.CallExpr_Args || i != 0 {
		return false
	}
	sorter := typeutil.StaticCallee(j.info, arg.Parent().Node().(*ast.CallExpr))
	if sorter == nil || sorter.Pkg() == nil || sorter.Pkg().Path() != "slices" {
		return false
	}
	switch sorter.Name() {
	case "Sorted":
		return walk.Name() == "Keys" || walk.Name() == "Values"
	case "SortedFunc", "SortedStableFunc":
		return walk.Name() == "Keys"
	}
	return false
}

// floating rejects every expression of a floating-point or complex type that is not a constant, be it compared,
// converted or merely passed on. The rule is this blunt because the harm is done where nobody looks: the compiler may
// fuse x*y + z into one operation with one rounding on arm64 and not on amd64 (Go specification, "Floating-point
// operators"), and math's functions are assembly on some processors, so a value may already differ by its last bit
// where it is first compared. Constants are exact. One finding stands for the widest such expression, and for its line.
func (j *judgement) floating(cur inspector.Cursor, e ast.Expr) {
	what := ""
	if j.isFloating(e) {
		what = fmt.Sprintf("value of type %s", typeText(j.info.TypeOf(e)))
	} else if id, ok := e.(*ast.Ident); ok && hasFloat(j.info.Instances[id].TypeArgs) {
		what = fmt.Sprintf("%s made for a floating-point type", id.Name)
	}
	if what == "" || j.isDraw(e) {
		return
	}
	for p := cur.Parent(); ; p = p.Parent() {
		outer, ok := p.Node().(ast.Expr)
		if !ok {
			break
		}
		if j.isFloating(outer) {
			return
		}
	}
	pos := position(j.fset, e.Pos())
	at := place{pos.Filename, pos.Line}
	if !j.floats[at] {
		j.floats[at] = true
		j.reject(e.Pos(), floatRule, "%s: processors round differently; use integers, such as parts per million", what)
	}
}

// isFloating reports whether e is a value, not a constant, that is floating-point or, as the results of a call or of a
// comma-ok form, contains one.
func (j *judgement) isFloating(e ast.Expr) bool {
	tv := j.info.Types[e]
	if !tv.IsValue() || tv.Value != nil {
		return false
	}
	if tuple, ok := tv.Type.(*types.Tuple); ok {
		for v := range tuple.Variables() {
			if every(v.Type(), isFloat) {
				return true
			}
		}
		return false
	}
	return every(tv.Type, isFloat)
}

// isDraw reports whether e calls what float-draw rejects: that finding says enough.
func (j *judgement) isDraw(e ast.Expr) bool {
	call, ok := ast.Unparen(e).(*ast.CallExpr)
	if !ok {
		return false
	}
	fn := typeutil.StaticCallee(j.info, call)
	return fn != nil && slices.ContainsFunc(uses, func(u use) bool { return u.rule == drawRule && u.forbids(fn) })
}

func (u use) forbids(obj types.Object) bool {
	if obj.Pkg() == nil || !listed(u.pkgs, obj.Pkg().Path()) {
		return false
	}
	name, recv := obj.Name(), ""
	if fn, ok := obj.(*types.Func); ok && fn.Signature().Recv() != nil {
		recv = typeName(fn.Signature().Recv().Type())
	} else if obj.Parent() != obj.Pkg().Scope() {
		return false // a field, or the local name of an import
	}
	in := func(list string) bool {
		if recv == "" {
			return listed(list, name)
		}
		return listed(list, recv) || listed(list, recv+"."+name)
	}
	if u.only != "" {
		return in(u.only)
	}
	return !in(u.except)
}

// describe names an object as a reader of the code would, whatever the import is called there: time.Now,
// rand.Rand.Float64.
func describe(obj types.Object) string {
	name := obj.Name()
	if fn, ok := obj.(*types.Func); ok && fn.Signature().Recv() != nil {
		name = typeName(fn.Signature().Recv().Type()) + "." + name
	}
	return obj.Pkg().Name() + "." + name
}

// inSelect reports whether a send or receive is itself the case of a select, which is already a finding.
func inSelect(cur inspector.Cursor) bool {
	return climb(cur, edge.ParenExpr_X, edge.ExprStmt_X, edge.AssignStmt_Rhs).ParentEdgeKind() == edge.CommClause_Comm
}

// climb goes up for as long as the node hangs on its parent by one of the edges.
func climb(cur inspector.Cursor, edges ...edge.Kind) inspector.Cursor {
	for slices.Contains(edges, cur.ParentEdgeKind()) {
		cur = cur.Parent()
	}
	return cur
}

// formatParam returns the index of the parameter that is a format, as in Printf(format string, args ...any), or -1.
func formatParam(sig *types.Signature) int {
	last := sig.Params().Len() - 1
	if !sig.Variadic() || last < 1 || !isString(sig.Params().At(last-1).Type()) {
		return -1
	}
	args, ok := sig.Params().At(last).Type().(*types.Slice)
	if !ok {
		return -1
	}
	if elem, ok := args.Elem().Underlying().(*types.Interface); !ok || !elem.Empty() {
		return -1
	}
	return last - 1
}

// printsPointer reports whether a format has a verb %p, whatever flags, width, precision and index it carries.
func printsPointer(format string) bool {
	for {
		_, rest, found := strings.Cut(format, "%")
		if !found {
			return false
		}
		verb := strings.TrimLeft(rest, "+-# 0123456789.*[]")
		if verb == "" {
			return false
		}
		if verb[0] == 'p' {
			return true
		}
		format = verb[1:]
	}
}

// some reports whether a type may be what is says: a type parameter may be each type that its constraint admits.
func some(t types.Type, is func(types.Type) bool) bool { return slices.ContainsFunc(terms(t), is) }

// every reports whether a type must be what is says. A type parameter that admits integers too is judged where it is
// instantiated.
func every(t types.Type, is func(types.Type) bool) bool {
	all := terms(t)
	return len(all) > 0 && !slices.ContainsFunc(all, func(t types.Type) bool { return !is(t) })
}

// terms returns a type by itself, and for a type parameter the types its constraint names, an intersection of
// constraints counting as their union.
func terms(t types.Type) []types.Type {
	if t == nil {
		return nil
	}
	if _, ok := types.Unalias(t).(*types.TypeParam); !ok {
		return []types.Type{t}
	}
	var all []types.Type
	var add func(types.Type)
	add = func(t types.Type) {
		switch u := types.Unalias(t).(type) {
		case *types.Union:
			for term := range u.Terms() {
				add(term.Type())
			}
		default:
			if i, ok := t.Underlying().(*types.Interface); ok {
				for e := range i.EmbeddedTypes() {
					add(e)
				}
				return
			}
			all = append(all, t)
		}
	}
	add(t.Underlying())
	return all
}

func isMap(t types.Type) bool {
	_, ok := t.Underlying().(*types.Map)
	return ok
}

func isChan(t types.Type) bool {
	_, ok := t.Underlying().(*types.Chan)
	return ok
}

func isFloat(t types.Type) bool         { return basic(t).Info()&(types.IsFloat|types.IsComplex) != 0 }
func isString(t types.Type) bool        { return basic(t).Info()&types.IsString != 0 }
func isUintptr(t types.Type) bool       { return basic(t).Kind() == types.Uintptr }
func isUnsafePointer(t types.Type) bool { return basic(t).Kind() == types.UnsafePointer }

// basic returns the basic type underneath, or the invalid one, which is none of the kinds above.
func basic(t types.Type) *types.Basic {
	if b, ok := t.Underlying().(*types.Basic); ok {
		return b
	}
	return types.Typ[types.Invalid]
}

func hasFloat(args *types.TypeList) bool {
	for t := range args.Types() {
		if isFloat(t) {
			return true
		}
	}
	return false
}

// typeName is the name of a receiver's type without its package, or "?" for a type that has none.
func typeName(t types.Type) string {
	if p, ok := types.Unalias(t).(*types.Pointer); ok {
		t = p.Elem()
	}
	if n, ok := types.Unalias(t).(*types.Named); ok {
		return n.Obj().Name()
	}
	return "?"
}

// typeText writes a type with the names of packages, not their paths.
func typeText(t types.Type) string { return types.TypeString(t, (*types.Package).Name) }

// listed reports whether a space-separated list has a word.
func listed(list, word string) bool { return slices.Contains(strings.Fields(list), word) }
