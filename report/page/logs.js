// What is in the logs of nodes at a step, by what facts say of it (header.words.logs), and how that came to be.

// Logs takes in what facts say.
export class Logs {
	constructor(words) {
		this.rules = [];
		for (const w of words?.logs || []) {
			try { this.rules.push({match: new RegExp(w.match), w}); } catch { /* what is no expression here says nothing */ }
		}
		this.all = new Map(); // by node and name: {of, name, ops}, where of is the node, and ops are in the order of steps
		this.readers = new Map(); // by reader and name, where ops are how far it has come in the logs of a name
	}

	// hear takes in the text of a fact: what it does to logs of its node, at an index.
	hear(at, node, text) {
		for (const {match, w} of this.rules) {
			const m = match.exec(text);
			if (!m) continue;
			const put = template => (template || "").replace(/\$(\d)/g, (_, d) => m[d] ?? "");
			const op = {at, does: w.do, index: whole(put(w.index)), to: whole(put(w.to)), epoch: put(w.epoch), text: put(w.text)};
			const name = put(w.log);
			if (op.does === "read") {
				add(this.readers, put(w.reader) || node, name, op);
			} else if (op.does === "forget" && name === "") {
				for (const log of this.all.values()) if (log.of === node) log.ops.push(op);
				if (!w.log && !this.rules.some(r => r.w.log)) add(this.all, node, name, op);
			} else {
				add(this.all, node, name, op);
			}
		}
	}

	// list are the logs, those of one name side by side.
	list() { return [...this.all.values()].sort((a, b) => a.name.localeCompare(b.name, "en", {numeric: true}) || a.of - b.of); }
}

function add(logs, of, name, op) {
	const key = of + " " + name;
	let log = logs.get(key);
	if (!log) logs.set(key, log = {of, name, ops: []});
	log.ops.push(op);
}

function whole(text) {
	const n = Number(text);
	return text !== "" && Number.isSafeInteger(n) && n >= 0 ? n : undefined;
}

// Contents are those of a log: {records, low, last, committed, synced}, where records is a Map of {epoch, text} by index.
export class Contents {
	constructor() { this.forget(); }

	forget() {
		this.records = new Map();
		this.low = 0;       // all below it is gone
		this.last = -1;     // the highest index that has a record; -1 for none
		this.committed = -1;
		this.synced = -1;
	}

	do(op) {
		const {index} = op;
		switch (op.does) {
		case "forget":
			this.forget();
			return;
		case "append":
			if (index === undefined) return;
			this.synced = Math.min(this.synced, index - 1);
			for (let i = index; i <= Math.min(op.to ?? index, index + 4095); i++) this.records.set(i, op);
			this.cut(op.to ?? index);
			this.last = op.to ?? index;
			return;
		case "truncate":
			if (index === undefined) return;
			this.cut(index);
			this.last = Math.min(this.last, index);
			this.synced = Math.min(this.synced, index);
			return;
		case "commit":
			this.committed = Math.max(this.committed, op.to ?? index ?? -1);
			return;
		case "sync":
			this.synced = Math.max(this.synced, op.to ?? index ?? -1);
			return;
		case "trim":
			for (let i = this.low; i < (index ?? 0); i++) this.records.delete(i);
			this.low = Math.max(this.low, index ?? 0);
		}
	}

	// cut takes away what is behind an index.
	cut(index) {
		for (let i = this.last; i > index; i--) this.records.delete(i);
	}
}

// at are the contents of a log once the step at an index is done.
export function contentsAt(log, at) {
	const c = new Contents();
	for (const op of log.ops) {
		if (op.at > at) break;
		c.do(op);
	}
	return c;
}
