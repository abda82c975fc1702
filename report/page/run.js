// What a run was, as its columns tell: nodes and their lives, who could have known of what, operations, faults. It is
// built while the frames come in.

import {duration} from "./text.js";
import {Logs} from "./logs.js";

// The kinds of steps, as in trace.kinds.
export const K = {deliver: 1, drop: 2, timer: 3, boot: 4, crash: 5, pause: 6, resume: 7, sync: 8, fact: 9, fault: 10, invoke: 11, return: 12};

const blockSize = 1024; // steps
const heard = new Set([K.fact, K.invoke, K.return]);

// Run is that. Steps are told by index: that of step n is n - first.
export class Run {
	constructor(trace) {
		this.trace = trace;
		this.columns = trace.columns;
		this.first = trace.first;
		this.length = trace.columns.length;
		this.indexed = 0;           // steps that are in all of what follows
		this.places = [];           // nodes: {id, name, client, steps, …}
		this.byID = new Map();
		this.place = new Int32Array(this.length).fill(-1); // of each step's node in places; -1 for the world
		this.seq = new Uint32Array(this.length);    // among the steps of its node, from 1; 0 for a step without future
		this.origin = new Int32Array(this.length).fill(-1); // of a message: the last step of its sender that it knows of
		this.again = new Uint8Array(this.length);   // 1 for what was delivered before
		this.oldest = new Uint32Array(Math.ceil(this.length / blockSize)).fill(0xffffffff); // cause, by block: an index
		this.newest = new Int32Array(this.oldest.length).fill(-1);
		this.marks = {faults: [], life: []}; // indexes
		this.operations = [];
		this.open = new Map();
		this.notes = [];            // texts of facts and operations that are not in yet
		this.plan = plan(trace.header.plan);
		this.faults = faults(this.plan, id => trace.name(id));
		this.words = compile(trace.header.words);
		this.logs = new Logs(trace.header.words);
		this.roles = [...new Set(this.words.roles.map(r => r.role))].filter(r => r !== "");
		for (let id = 1; id <= Math.min(this.plan.nodes, 5000); id++) this.placeOf(id);
		this.violation = violation(trace);
		this.laneOrder();
	}

	// load reads all frames, in order. It awaits pause between them, after it has called progress.
	async load(pause, progress) {
		for (let i = 0; i < this.trace.frames.length; i++) {
			await this.trace.load(i, heard, (s, text) => this.hear(s.n, s.kind, s.node, text));
			const f = this.trace.frames[i];
			this.index(f.first + f.steps - this.first);
			progress();
			await pause();
		}
		this.complete = true;
		progress();
	}

	hear(n, kind, node, text) {
		if (kind === K.fact) {
			const role = this.words.roles.find(r => r.match.test(text));
			if (role) this.notes.push({at: n - this.first, role: role.role});
			this.logs.hear(n - this.first, node, text);
		} else {
			this.notes.push({at: n - this.first, text});
		}
	}

	placeOf(id) {
		let p = this.byID.get(id);
		if (p === undefined) {
			p = this.places.length;
			this.byID.set(id, p);
			this.places.push({
				id, name: this.trace.name(id), client: this.plan.nodes > 0 && id > this.plan.nodes,
				steps: new Indexes(), lives: [], roles: [], sent: new Set(), sentBits: new Uint8Array(0),
			});
			this.unordered = true;
		}
		return p;
	}

	// laneOrder sorts the nodes into lanes: servers first.
	laneOrder() {
		this.order = this.places.map((_, p) => p).sort((a, b) => {
			const x = this.places[a], y = this.places[b];
			return x.client - y.client || x.id - y.id;
		});
		this.lane = new Int32Array(this.places.length);
		this.order.forEach((p, lane) => this.lane[p] = lane);
		this.unordered = false;
	}

	// index takes in the steps before the index end.
	index(end) {
		const {kind, node, peer, cause, packet, life, sent} = this.columns;
		let note = 0;
		for (let i = this.indexed; i < end; i++) {
			const k = kind[i], id = node[i];
			const because = cause[i] >= this.first && cause[i] !== 0 ? cause[i] - this.first : -1;
			if (because >= 0) {
				const b = Math.floor(i / blockSize);
				if (because < this.oldest[b]) this.oldest[b] = because;
				if (because > this.newest[b]) this.newest[b] = because;
			}
			if (peer[i] !== 0) this.placeOf(peer[i]);
			if (k === K.fault) this.marks.faults.push(i);
			if (id === 0) continue;
			const p = this.place[i] = this.placeOf(id), of = this.places[p];
			if (k === K.deliver || k === K.drop) this.origin[i] = this.sender(because, sent[i]);
			if (k !== K.drop) {
				of.steps.push(i);
				this.seq[i] = of.steps.length;
			}
			switch (k) {
			case K.deliver:
				if (packet[i] !== 0) this.again[i] = this.seen(this.places[this.placeOf(peer[i])], packet[i], id);
				break;
			case K.boot:
				this.live(of, "up", i, life[i]);
				break;
			case K.crash:
				this.live(of, "down", i, life[i]);
				break;
			case K.pause:
				this.live(of, "paused", i, life[i]);
				break;
			case K.resume:
				this.live(of, "up", i, life[i]);
				break;
			case K.fact: case K.sync: case K.invoke: case K.return:
				for (; note < this.notes.length && this.notes[note].at <= i; note++) {
					if (this.notes[note].at === i) this.note(of, p, i, k, this.notes[note]);
				}
			}
		}
		this.notes = [];
		this.indexed = end;
		if (this.unordered) this.laneOrder();
	}

	// sender moves from a handler to the last step of its node that a packet of its can know of, which departed at some
	// time, as sim.Causal does.
	sender(handler, departed) {
		if (handler < 0 || this.seq[handler] === 0) return handler;
		const {kind, at} = this.columns, {steps} = this.places[this.place[handler]];
		let last = handler;
		for (let s = this.seq[handler]; s < steps.length; s++) {
			const i = steps.list[s], k = kind[i];
			if (at[i] > departed || k === K.deliver || k === K.timer || k === K.boot || k === K.crash) break;
			if (k !== K.pause) last = i; // nothing leaves before the node goes on, which is a step too
		}
		return last;
	}

	// seen notes that a packet was delivered to a node, and tells whether it had been.
	seen(from, packet, to) {
		if (packet < 1 << 24) {
			if (packet >= from.sentBits.length) {
				const more = new Uint8Array(Math.max(1024, 2 * packet));
				more.set(from.sentBits);
				from.sentBits = more;
			}
			if (from.sentBits[packet]) return 1;
			from.sentBits[packet] = 1;
			return 0;
		}
		if (from.sent.has(packet)) return 1;
		from.sent.add(packet);
		return 0;
	}

	live(of, state, i, life) {
		const last = of.lives[of.lives.length - 1];
		if (last) last.to = i;
		of.lives.push({state, from: i, to: -1, life});
		this.marks.life.push(i);
		if (state === "down") this.play(of, i, "");
	}

	play(of, i, role) {
		const last = of.roles[of.roles.length - 1];
		if (last && last.to < 0) {
			if (last.role === role) return;
			last.to = i;
		}
		if (role !== "") of.roles.push({role, from: i, to: -1});
	}

	note(of, p, i, k, note) {
		if (k === K.fact) {
			this.play(of, i, note.role);
			return;
		}
		const m = /^#(\d+) ?([^]*)$/.exec(note.text), id = m ? m[1] : "?" + p, text = m ? m[2] : note.text;
		if (k === K.invoke) {
			const op = {id, place: p, from: i, to: -1, input: text, outcome: "pending", output: ""};
			this.operations.push(op);
			this.open.set(id, op);
			return;
		}
		const op = this.open.get(id);
		if (!op) return;
		this.open.delete(id);
		const said = /^(ok|fail|info)\b ?([^]*)$/.exec(text);
		op.to = i;
		op.outcome = said ? said[1] : "info";
		op.output = said ? said[2] : text;
	}

	// state is that of the life that place p has at index i; undefined before the first.
	lifeAt(p, i) {
		const lives = this.places[p].lives;
		let low = 0, high = lives.length;
		while (low < high) {
			const middle = (low + high) >> 1;
			if (lives[middle].from <= i) low = middle + 1; else high = middle;
		}
		return lives[low - 1];
	}

	roleAt(p, i) {
		const roles = this.places[p].roles;
		let low = 0, high = roles.length;
		while (low < high) {
			const middle = (low + high) >> 1;
			if (roles[middle].from <= i) low = middle + 1; else high = middle;
		}
		const r = roles[low - 1];
		return r && (r.to < 0 || r.to > i) ? r.role : "";
	}

	// cause is the index of what a step came of; -1 for none.
	cause(i) {
		const c = this.columns.cause[i];
		return c !== 0 && c >= this.first ? c - this.first : -1;
	}

	// effects are the indexes of what came of a step, up to a number.
	effects(i, most = 64) {
		const list = [], {cause} = this.columns, n = i + this.first;
		for (let b = Math.floor(i / blockSize); b < this.oldest.length && list.length < most; b++) {
			if (this.oldest[b] > i || this.newest[b] < i) continue;
			const end = Math.min(this.indexed, (b + 1) * blockSize);
			for (let j = Math.max(i + 1, b * blockSize); j < end && list.length < most; j++) if (cause[j] === n) list.push(j);
		}
		return list;
	}

	// under calls f for the messages that were sent up to index i and arrived after it.
	under(i, f) {
		const {kind} = this.columns;
		for (let b = Math.floor(i / blockSize); b < this.oldest.length; b++) {
			if (this.oldest[b] > i) continue;
			const end = Math.min(this.indexed, (b + 1) * blockSize);
			for (let j = Math.max(i + 1, b * blockSize); j < end; j++) {
				if ((kind[j] === K.deliver || kind[j] === K.drop) && this.cause(j) <= i && this.cause(j) >= 0) f(j);
			}
		}
	}

	// at finds the first index whose step is not before a time.
	at(ns) {
		const {at} = this.columns;
		let low = 0, high = this.indexed;
		while (low < high) {
			const middle = (low + high) >> 1;
			if (at[middle] < ns) low = middle + 1; else high = middle;
		}
		return low;
	}

	// next is the step of the same node before or after an index; of the world, before or after all.
	neighbour(i, direction) {
		const p = this.place[i], {node} = this.columns;
		for (let j = i + direction; j >= 0 && j < this.indexed; j += direction) {
			if (p < 0 ? node[j] === 0 : this.place[j] === p) return j;
		}
		return -1;
	}

	// witnesses are the operations that show a violation of a history, as far as they are in sight, in order of invocation.
	witnesses() {
		if (this.violation?.at !== -1 || !this.complete) return [];
		const steps = new Set([].concat(this.trace.header.ops ?? []));
		return this.shown ??= this.operations.filter(op => steps.has(op.from + this.first));
	}

	// culprit is the step at which a violation shows: its own, or that of the last operation that shows it, or else the last.
	culprit() {
		if (this.violation?.at >= 0) return this.violation.at;
		const op = this.witnesses().at(-1);
		return op === undefined ? this.indexed - 1 : op.to >= 0 ? op.to : op.from;
	}

	// say puts a text in the words of its protocol; "" if there are none.
	say(text) {
		for (const s of this.words.says) {
			const m = s.match.exec(text);
			if (m) return s.say.replace(/\$(\d)/g, (_, d) => m[d] ?? "");
		}
		return "";
	}
}

// Indexes is a list of numbers that grows.
class Indexes {
	constructor() { this.list = new Uint32Array(16); this.length = 0; }

	push(i) {
		if (this.length === this.list.length) {
			const more = new Uint32Array(2 * this.length);
			more.set(this.list);
			this.list = more;
		}
		this.list[this.length++] = i;
	}

	// from is where in the list the first is that is not below i.
	from(i) {
		let low = 0, high = this.length;
		while (low < high) {
			const middle = (low + high) >> 1;
			if (this.list[middle] < i) low = middle + 1; else high = middle;
		}
		return low;
	}
}

// violated tells whether a run violates its property: it does not where the check is undecided.
export function violated(h) { return !!h.property && !/^unknown /.test(h.verdict ?? ""); }

// violation is where it was seen: an index, or -1 for when all was over; undefined if there is none in sight.
function violation(trace) {
	const h = trace.header, end = trace.last === trace.file.last;
	if (!violated(h)) return undefined;
	if (!h.step) return end ? {at: -1, node: h.node || 0} : undefined;
	return h.step >= trace.first && h.step <= trace.last ? {at: h.step - trace.first, node: h.node || 0} : undefined;
}

function compile(words) {
	const says = [], roles = [];
	const each = (list, f) => {
		for (const w of list || []) try { f(new RegExp(w.match), w); } catch { /* what is no expression here says nothing */ }
	};
	each(words?.says, (match, w) => says.push({match, say: String(w.say)}));
	each(words?.roles, (match, w) => roles.push({match, role: String(w.role)}));
	return {says, roles};
}

// plan is what the page knows of a plan.
function plan(p) {
	const whole = n => Number.isSafeInteger(n) && n > 0 ? n : 0;
	return Object.assign({}, p, {nodes: whole(p?.nodes), clients: whole(p?.clients), faults: Array.isArray(p?.faults) ? p.faults : []});
}

// faults are those of a plan: {number, at, until, text, kind, nodes}, where nodes are those it names, if any.
function faults(plan, name) {
	return plan.faults.map((event, i) => {
		const f = event.fault || {}, at = duration(event.at), until = event.until === undefined ? at : duration(event.until);
		const nodes = new Set(), said = [];
		const names = list => [].concat(list).map(id => { nodes.add(id); return name(id); }).join(" ");
		for (const [key, value] of Object.entries(f)) {
			if (key === "kind") continue;
			if (key === "node") said.push(names([value]));
			else if (key === "groups" && Array.isArray(value)) said.push(value.map(names).join(" | "));
			else if (["nodes", "left", "right", "bridge", "from", "to"].includes(key) && Array.isArray(value)) said.push((key === "nodes" ? "" : key + " ") + names(value));
			else if (key === "role") said.push("the " + value);
			else if (key === "ppm" || key === "rate") said.push(Number((value / 1e4).toPrecision(3)) + " %");
			else if (value === true) said.push(key.replaceAll("_", " "));
			else said.push(key.replaceAll("_", " ") + " " + (typeof value === "object" ? JSON.stringify(value) : value));
		}
		if (event.on?.fact) said.push("on " + event.on.fact);
		return {number: i + 1, at, until, kind: String(f.kind ?? "?").replaceAll("_", " "), said: said.join(", "), nodes: [...nodes]};
	}).filter(f => !Number.isNaN(f.at) && !Number.isNaN(f.until));
}
