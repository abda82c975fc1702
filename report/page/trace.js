// A trace file, read by frames: the format is that of package trace, whose doc tells what each column holds.

import {decompress} from "./vendor/fzstd.js";

export const kinds = ["?", "deliver", "drop", "timer", "boot", "crash", "pause", "resume", "sync", "fact", "fault", "invoke", "return"];

// What a head says of the columns that its step has something in.
const hasPacket = 1, hasCause = 2, hasText = 4, lamportTick = 8, lamportJoin = 16, lamportFree = 32, newLife = 64, hasSent = 128;

// The columns of a frame, in file order.
const colHead = 0, colHeads = 1, colAt = 2, colPacket = 3, colCause = 4, colLamport = 5, colSent = 6, colLife = 7, colText = 8,
	colTexts = 9, colChange = 10, colChanges = 11, colLog = 12, colLogs = 13, numColumns = 14;

const blockHead = 13, trailerSize = 16;
const utf8 = new TextDecoder("utf-8", {ignoreBOM: true});

const mostSteps = 20e6; // that are looked at together: a step takes some 80 bytes of memory

// Trace gives the steps of a file, or of a window of it. Its source tells size and bytes(from, to), which may be a promise.
export class Trace {
	// open opens the window of steps from one to another, as far as frames go; without these the whole, or of what is too long
	// for that, the part that ends with the violation or the run.
	static async open(source, from, to) {
		const t = new Trace();
		t.source = source;
		const end = new DataView((await source.bytes(source.size - trailerSize, source.size)).slice().buffer);
		const at = Number(end.getBigUint64(0, true));
		const tail = JSON.parse(utf8.decode(await t.block(at, source.size - trailerSize - at)));
		const header = JSON.parse(utf8.decode(await t.block(10)));
		t.frames = tail.frames || [];
		delete tail.frames;
		t.header = Object.assign(header, tail);
		t.file = {first: t.frames[0]?.first ?? 0, last: lastOf(t.frames)};
		t.frames = window(t.frames, from, to, t.header.step);
		const last = t.frames[t.frames.length - 1];
		t.first = last ? t.frames[0].first : 0;
		t.last = last ? last.first + last.steps - 1 : 0;
		t.columns = new Columns(t.first, t.last);
		t.cache = new Map(); // of frames whose texts are decoded
		return t;
	}

	// name is what readers call a node.
	name(id) { return id === 0 ? "-" : this.header.names?.[id] ?? "n" + id; }

	// block reads a block, whose length need not be known.
	async block(offset, length) {
		if (length === undefined) {
			const head = await this.source.bytes(offset, offset + blockHead);
			length = blockHead + new DataView(head.slice().buffer).getUint32(5, true);
		}
		const b = await this.source.bytes(offset, offset + length);
		const view = new DataView(b.buffer, b.byteOffset, b.byteLength);
		const raw = view.getUint32(1, true), stored = view.getUint32(5, true);
		return decompress(b.subarray(blockHead, blockHead + stored), new Uint8Array(raw));
	}

	// load reads the columns of frame i. It calls hear({n, kind, node}, text) for its steps of the given kinds.
	async load(i, kinds, hear) {
		if (this.columns.loaded[i]) return;
		const f = new Frame(this.frames[i], await this.block(this.frames[i].offset));
		f.columns(this.columns, kinds || new Set(), hear);
		this.columns.loaded[i] = true;
	}

	// frameOf is the index of the frame that has step n.
	frameOf(n) {
		let low = 0, high = this.frames.length - 1;
		while (low < high) {
			const middle = (low + high) >> 1;
			if (this.frames[middle].first + this.frames[middle].steps > n) high = middle; else low = middle + 1;
		}
		return low;
	}

	// known are the steps of frame i, if they are at hand.
	known(i) {
		const steps = this.cache.get(i);
		if (steps) {
			this.cache.delete(i); // the cache is in the order of use
			this.cache.set(i, steps);
		}
		return steps;
	}

	// steps are those of frame i, with their texts: {text, changes, logs}.
	async steps(i, pause) {
		const known = this.known(i);
		if (known) return known;
		const steps = await this.read(i, pause);
		this.cache.set(i, steps);
		if (this.cache.size > 24) this.cache.delete(this.cache.keys().next().value);
		return steps;
	}

	// read is steps for those who read all of a trace. It awaits pause, if given, now and then.
	async read(i, pause) {
		return new Frame(this.frames[i], await this.block(this.frames[i].offset)).texts(pause);
	}

	// changes calls f(n, {path, from, to}) for each change in frame i.
	async changes(i, f) {
		new Frame(this.frames[i], await this.block(this.frames[i].offset)).changed(f);
	}

	// step is one step with its texts, or undefined.
	async step(n) {
		if (n < this.first || n > this.last || n === 0) return undefined;
		const i = this.frameOf(n);
		return (await this.steps(i))[n - this.frames[i].first];
	}
}

function lastOf(frames) {
	const f = frames[frames.length - 1];
	return f ? f.first + f.steps - 1 : 0;
}

// window is the frames that are looked at.
function window(frames, from, to, violation) {
	const steps = list => list.reduce((n, f) => n + f.steps, 0);
	if (from === undefined && to === undefined) {
		if (steps(frames) <= mostSteps) return frames;
		to = violation || lastOf(frames);
	}
	let list = frames.filter(f => f.first <= (to ?? Infinity) && f.first + f.steps > (from ?? 0));
	if (list.length === 0) list = frames.slice(-1);
	const forward = from !== undefined; // what is too much is left out at the other end
	while (list.length > 1 && steps(list) > mostSteps) if (forward) list.pop(); else list.shift();
	return list;
}

// Columns are the numbers of all steps that are loaded: that of step n is at n - first.
class Columns {
	constructor(first, last) {
		const n = last === 0 ? 0 : last - first + 1;
		this.first = first;
		this.length = n;
		this.at = new Float64Array(n); // nanoseconds
		this.kind = new Uint8Array(n);
		this.node = new Uint32Array(n);
		this.peer = new Uint32Array(n);
		this.cause = new Uint32Array(n); // a step's number; 0 for none
		this.life = new Uint32Array(n);
		this.packet = new Float64Array(n);
		this.lamport = new Float64Array(n);
		this.sent = new Float64Array(n); // of a packet, its departure; nanoseconds
		this.loaded = []; // by frame
	}
}

// Frame decodes one frame, once.
class Frame {
	constructor(info, raw) {
		this.info = info;
		const c = new Cursor(raw, 0, raw.length);
		c.uint();
		c.uint();
		const lengths = [];
		for (let i = 0; i < numColumns; i++) lengths.push(c.uint());
		let at = c.at;
		this.cols = lengths.map(n => new Cursor(raw, at, at += n));
		this.heads = [];
		this.places = new Map();
		this.nodes = new Map();
		this.lamports = [];
		this.ats = [];
		this.now = 0;
	}

	node(id) {
		let n = this.nodes.get(id);
		if (!n) this.nodes.set(id, n = {life: 0, lamport: 0, handled: 0, sent: 0});
		return n;
	}

	head() {
		const id = this.cols[colHead].uint();
		if (id === this.heads.length) {
			const c = this.cols[colHeads];
			const flags = c.byte(), kind = c.byte(), node = c.uint(), peer = c.uint();
			const key = kind + "," + node + "," + peer;
			let place = this.places.get(key);
			if (!place) this.places.set(key, place = {kind, node, peer, of: this.node(node), by: this.node(peer), packet: 0});
			this.heads.push({flags, place});
		}
		return this.heads[id];
	}

	// next decodes the numbers of the step that is the i-th of the frame into s, and tells its flags.
	next(i, s) {
		const {flags, place} = this.head();
		const {of, by} = place;
		s.n = this.info.first + i;
		s.kind = place.kind;
		s.node = place.node;
		s.peer = place.peer;
		s.at = this.now += this.cols[colAt].uint();
		s.packet = flags & hasPacket ? place.packet + this.cols[colPacket].int() : 0;
		s.cause = flags & hasCause ? (place.peer !== 0 ? by.sent : of.handled) + this.cols[colCause].int() : 0;
		s.lamport = of.lamport;
		if (flags & lamportTick) {
			s.lamport++;
		} else if (flags & lamportJoin) {
			const cause = s.cause - this.info.first;
			s.lamport = Math.max(of.lamport, cause >= 0 && cause < this.lamports.length ? this.lamports[cause] : 0) + 1;
		} else if (flags & lamportFree) {
			s.lamport += this.cols[colLamport].int();
		}
		s.sent = 0;
		if (flags & hasPacket) {
			const cause = s.cause - this.info.first;
			s.sent = cause >= 0 && cause < this.ats.length ? this.ats[cause] : s.at;
		}
		if (flags & hasSent) s.sent += this.cols[colSent].int();
		s.life = flags & newLife ? this.cols[colLife].uint() : of.life;
		this.lamports.push(s.lamport);
		this.ats.push(s.at);
		place.packet = s.packet;
		of.life = s.life;
		of.lamport = s.lamport;
		if (s.cause !== 0) by.sent = s.cause;
		if (kinds[s.kind] === "deliver" || kinds[s.kind] === "timer" || kinds[s.kind] === "boot") of.handled = s.n;
		return flags;
	}

	columns(to, wanted, hear) {
		const s = {};
		const texts = new Texts(this.cols[colText], this.cols[colTexts]);
		for (let i = 0; i < this.info.steps; i++) {
			const hasSome = (this.next(i, s) & hasText) !== 0;
			if (wanted.has(s.kind)) hear(s, hasSome ? texts.get() : "");
			else if (hasSome && wanted.size > 0) texts.skip();
			const at = s.n - to.first;
			to.at[at] = s.at;
			to.kind[at] = s.kind;
			to.node[at] = s.node;
			to.peer[at] = s.peer;
			to.cause[at] = s.cause;
			to.life[at] = s.life;
			to.packet[at] = s.packet;
			to.lamport[at] = s.lamport;
			to.sent[at] = s.sent;
		}
	}

	changed(f) {
		const changes = new Texts(this.cols[colChange], this.cols[colChanges]);
		const slots = [];
		for (let i = ahead(changes.body, 0); i !== Infinity; i = ahead(changes.body, i)) f(this.info.first + i, change(changes, slots));
	}

	async texts(pause) {
		const texts = new Texts(this.cols[colText], this.cols[colTexts]);
		const changes = new Texts(this.cols[colChange], this.cols[colChanges]);
		const logs = new Texts(this.cols[colLog], this.cols[colLogs]);
		const slots = [], steps = [];
		let changed = ahead(changes.body, 0), logged = ahead(logs.body, 0);
		for (let i = 0; i < this.info.steps; i++) {
			const s = {text: "", changes: [], logs: []};
			if (pause && i % 512 === 511) await pause();
			if (this.next(i, s) & hasText) s.text = texts.get();
			for (; changed === i; changed = ahead(changes.body, changed)) s.changes.push(change(changes, slots));
			for (; logged === i; logged = ahead(logs.body, logged)) s.logs.push({node: logs.body.uint(), text: logs.get()});
			steps.push(s);
		}
		return steps;
	}
}

// change is a difference in a node's state: {path, from, to}, empty where the element was added or removed.
function change(r, slots) {
	const u = r.body.uint(), id = Math.floor(u / 2);
	if (id === slots.length) slots.push({path: r.get(), now: {template: null, numbers: null}});
	const slot = slots[id];
	if (u % 2 === 1) r.get(slot.now);
	const from = held(slot.now);
	return {path: slot.path, from, to: r.get(slot.now)};
}

// ahead is which step of the frame the next change or line belongs to, given that of the last.
function ahead(c, last) { return c.at === c.end ? Infinity : last + c.uint(); }

// Texts are a column of texts: templates, whose blanks are numbers.
class Texts {
	constructor(body, added) {
		this.body = body;
		this.added = added;
		this.all = [];
	}

	// get is the next text. A memory is what its place held last, which the numbers are told by.
	get(memory) {
		const t = this.next();
		const guess = memory && memory.template === t ? memory.numbers : t.last;
		const numbers = guess.map(n => sum(n, this.body.int()));
		t.last = numbers;
		if (memory) {
			memory.template = t;
			memory.numbers = numbers;
		}
		return fill(t, numbers);
	}

	// skip is get without a memory, for those who need no text.
	skip() {
		const t = this.next(), last = t.last;
		for (let i = 0; i < last.length; i++) last[i] = sum(last[i], this.body.int());
	}

	next() {
		const id = this.body.uint();
		if (id === this.all.length) this.all.push(template(this.added.bytes()));
		return this.all[id];
	}
}

// template is what stands between the blanks, of which there is one less.
function template(b) {
	const parts = [], last = [];
	let literal = [];
	for (let i = 0; i < b.length; i++) {
		if (b[i] === 0) {
			parts.push(utf8.decode(new Uint8Array(literal)));
			last.push(0);
			literal = [];
		} else {
			if (b[i] === 1) i++;
			literal.push(b[i]);
		}
	}
	parts.push(utf8.decode(new Uint8Array(literal)));
	return {parts, last};
}

function fill(t, numbers) {
	let text = t.parts[0];
	for (let i = 0; i < numbers.length; i++) text += numbers[i] + t.parts[i + 1];
	return text;
}

function held(memory) { return memory.template === null ? "" : fill(memory.template, memory.numbers); }

// sum adds integers, which are big only where they must be: texts have numbers of up to 18 digits.
function sum(a, b) {
	if (typeof a === "number" && typeof b === "number") {
		const c = a + b;
		if (Number.isSafeInteger(c)) return c;
	}
	const c = BigInt(a) + BigInt(b);
	return Number.isSafeInteger(Number(c)) ? Number(c) : c;
}

// Cursor reads a column.
class Cursor {
	constructor(b, at, end) {
		this.b = b;
		this.at = at;
		this.end = end;
	}

	byte() {
		if (this.at >= this.end) throw new Error("the trace is corrupt: a column ends before its frame");
		return this.b[this.at++];
	}

	// uint is a number of seven bits a byte, the lowest first.
	uint() {
		let c = this.byte();
		if (c < 0x80) return c;
		let v = c & 0x7f, scale = 0x80;
		for (;;) {
			c = this.byte();
			v += (c & 0x7f) * scale;
			if (c < 0x80) break;
			scale *= 0x80;
			if (scale > 2 ** 42) return this.big(v, scale);
		}
		return v;
	}

	// big goes on where a number may be larger than what is exact.
	big(low, scale) {
		let v = BigInt(low), s = BigInt(scale), c;
		do {
			c = this.byte();
			v += BigInt(c & 0x7f) * s;
			s *= 0x80n;
		} while (c >= 0x80);
		return Number.isSafeInteger(Number(v)) ? Number(v) : v;
	}

	// int is a number that may be negative: the lowest bit tells.
	int() {
		const u = this.uint();
		if (typeof u === "bigint") {
			const v = u & 1n ? -(u >> 1n) - 1n : u >> 1n;
			return Number.isSafeInteger(Number(v)) ? Number(v) : v;
		}
		return u % 2 === 1 ? -(u + 1) / 2 : u / 2;
	}

	bytes() {
		const n = this.uint();
		const b = this.b.subarray(this.at, this.at + n);
		this.at += n;
		return b;
	}
}
