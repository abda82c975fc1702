// What each node's state was after a step, as far as the trace tells: the changes from the start on, applied.

import {Job} from "./tasks.js";
import {el, shown, grouped, count} from "./text.js";

const mostEntries = 400000; // in all snapshots

// States gives the state at a step. It keeps a snapshot at the start of frames, so that a step costs one frame; where
// snapshots become many, every second is dropped.
class States {
	constructor(trace, run) {
		this.trace = trace;
		this.run = run;
		this.snapshots = new Map([[0, new Map()]]); // by frame: by place: NodeState
		this.every = 1;
		this.entries = 0;
	}

	// at is the state after step n: a Map of NodeState by place, and what n changed.
	async at(n, pause, progress) {
		const {trace} = this, frame = trace.frameOf(n);
		let from = frame;
		while (!this.snapshots.has(from)) from--;
		let state = this.snapshots.get(from);
		for (let f = from; f <= frame; f++) {
			state = await this.apply(state, f, n);
			if (f < frame) {
				this.keep(f + 1, state);
				progress((f + 1 - from) / (frame + 1 - from));
				await pause();
			}
		}
		return state;
	}

	// apply makes a new state of one at the start of frame f, up to step n.
	async apply(before, f, n) {
		const state = new Map(before), fresh = new Set(), {run, trace} = this;
		let step = 0, group = [];
		const flush = () => {
			if (group.length === 0) return;
			const p = run.place[step - run.first];
			if (!fresh.has(p)) {
				fresh.add(p);
				state.set(p, new NodeState(state.get(p)));
			}
			state.get(p).change(group);
			group = [];
		};
		await trace.changes(f, (m, c) => {
			if (m > n) return;
			if (m !== step) { flush(); step = m; }
			group.push(c);
		});
		flush();
		this.fresh = fresh;
		return state;
	}

	keep(f, state) {
		if (f % this.every !== 0 || this.snapshots.has(f)) return;
		this.snapshots.set(f, state);
		for (const p of this.fresh) this.entries += state.get(p).size();
		while (this.entries > mostEntries && this.snapshots.size > 2) {
			this.every *= 2;
			for (const k of this.snapshots.keys()) if (k % this.every !== 0) this.snapshots.delete(k);
			this.entries /= 2;
		}
	}
}

// NodeState is the state of one node: values by path. A map or slice that was told as a whole has its elements apart.
class NodeState {
	constructor(other) {
		this.fields = new Map(other ? other.fields : undefined); // path: {text, items}; a field is never changed, but replaced
	}

	size() { return this.fields.size; }

	// change applies the changes of one step.
	change(list) {
		const gone = new Map(); // by path: how many elements of a slice went from its front
		for (const c of list) {
			const bracket = c.path.endsWith("]") ? c.path.indexOf("[") : -1;
			if (bracket < 0) {
				this.set(c.path, c.to);
				continue;
			}
			const path = c.path.slice(0, bracket), key = c.path.slice(bracket + 1, -1);
			if (c.to === "" && key === String(gone.get(path) ?? 0) && !this.fields.get(path)?.map) gone.set(path, (gone.get(path) ?? 0) + 1);
			const field = this.fields.get(path) ?? {text: "", items: new Map(), map: false};
			const items = new Map(field.items ?? []);
			if (c.to === "") items.delete(key); else items.set(key, c.to);
			this.fields.set(path, {text: field.items ? "" : field.text, items, map: field.map});
		}
		for (const [path, n] of gone) { // a queue that moved up
			const field = this.fields.get(path), items = new Map();
			for (const [key, value] of field.items) items.set(String(Number(key) - n), value);
			this.fields.set(path, {text: "", items, map: false});
		}
	}

	set(path, text) {
		const had = this.fields.get(path);
		if (had?.struct || /\{…\}$/.test(text)) { // a pointer that leads elsewhere: what it led to is forgotten
			for (const p of this.fields.keys()) if (p.startsWith(path + ".")) this.fields.delete(p);
		}
		if (text === "") { this.fields.delete(path); return; }
		this.fields.set(path, {text, items: elements(text), map: text.startsWith("{"), struct: /\{…\}$/.test(text)});
	}
}

// elements takes the text of a whole map or slice apart; undefined if it is none, or cut.
function elements(text) {
	const map = text.startsWith("{") && text.endsWith("}"), slice = text.startsWith("[") && text.endsWith("]");
	if (!map && !slice || text.endsWith("…}")) return undefined;
	const items = new Map(), parts = [];
	let depth = 0, quoted = false, start = 1;
	for (let i = 1; i < text.length; i++) {
		const ch = text[i];
		if (quoted) {
			if (ch === "\\") i++;
			else if (ch === '"') quoted = false;
		} else if (ch === '"') quoted = true;
		else if ("[{(".includes(ch)) depth++;
		else if ("]})".includes(ch) && i < text.length - 1) depth--;
		else if ((ch === " " && depth === 0) || i === text.length - 1) {
			if (i > start) parts.push(text.slice(start, i));
			start = i + 1;
		}
	}
	let next = 0;
	for (let k = 0; k < parts.length; k++) {
		const more = /^…(\d+)$/.exec(parts[k]);
		if (more && parts[k + 1] === "more…") { next += Number(more[1]); k++; continue; }
		if (slice) { items.set(String(next++), parts[k]); continue; }
		const colon = parts[k].indexOf(":");
		if (colon < 0) return undefined;
		items.set(parts[k].slice(0, colon), parts[k].slice(colon + 1));
	}
	return items;
}

// mount shows the states of all nodes at the chosen step.
export function mount(root, trace, view) {
	const {run} = view, states = new States(trace, run), job = new Job();
	const told = el("p", {class: "quiet"}), box = el("div", {class: "states"});
	root.append(el("div", {class: "bar"}, told), box);
	const open = new Map(); // by place, once somebody has opened or closed it
	let drawn = -1;
	const draw = (state, changes, i) => {
		const here = run.place[i], changed = new Map(changes.map(c => [c.path, c]));
		const touched = path => [...changed.values()].filter(c => c.path === path || c.path.startsWith(path + "["));
		const order = [...run.order].sort((a, b) => (b === here) - (a === here)); // sorting is stable
		box.replaceChildren(...order.slice(0, 400).map(p => {
			const of = run.places[p], node = state.get(p), life = run.lifeAt(p, i), role = run.roleAt(p, i);
			const summary = el("summary", {}, el("b", {}, shown(of.name, 40)), el("span", {class: "quiet"}, " ", life ? life.state === "up" ? shown(role || "up", 30) : life.state : "not there yet", life && life.life > 1 ? `, incarnation ${life.life}` : ""), p === here ? el("em", {}, " this step") : "");
			const details = el("details", {class: p === here ? "here" : ""}, summary);
			const fill = () => {
				if (details.children.length > 1) return;
				const rows = node ? [...node.fields].sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0).map(([path, field]) => {
					const news = p === here ? touched(path) : [];
					const value = field.items ? (field.map ? "{" : "[") + [...field.items].map(([k, v]) => field.map ? k + ":" + v : v).join(" ") + (field.map ? "}" : "]") : field.text;
					return el("tr", {class: news.length > 0 ? "news" : ""}, el("th", {scope: "row"}, shown(path, 120)), el("td", {}, shown(value, 800),
						...news.slice(0, 6).map(c => el("small", {}, c.path === path ? "was " + (shown(c.from, 200) || "nothing") : `${shown(c.path.slice(path.length), 60)}: ${shown(c.from, 100) || "nothing"} → ${shown(c.to, 100) || "gone"}`))));
				}) : [];
				if (p === here) for (const c of changes) if (c.to === "" && !c.path.endsWith("]")) rows.push(el("tr", {class: "news"}, el("th", {scope: "row"}, shown(c.path, 120)), el("td", {}, "gone", el("small", {}, "was " + shown(c.from, 200)))));
				details.append(rows.length > 0 ? el("table", {}, el("tbody", {}, ...rows)) : el("p", {class: "quiet"}, "Nothing has changed since it began, or it tells nothing."));
			};
			details.addEventListener("toggle", () => { if (details.open) fill(); });
			summary.addEventListener("click", () => open.set(p, !details.open));
			if (open.get(p) ?? (p === here || run.places.length <= 8)) { details.open = true; fill(); }
			return details;
		}));
		told.textContent = `After step ${grouped(i + run.first)}` + (changes.length > 0 ? `, which changed ${count(changes.length, "value")}.` : ", which changed nothing.") + (order.length > 400 ? ` 400 of ${grouped(order.length)} nodes.` : "");
		box.dataset.step = i + run.first;
	};
	const show = async () => {
		const i = view.selected;
		if (root.hidden || i < 0 || drawn === i) return;
		await job.start(async (pause, alive) => {
			const n = i + run.first, state = await states.at(n, pause, part => { told.textContent = `Reading what changed until step ${grouped(n)}: ${Math.round(100 * part)} %`; });
			const steps = await trace.steps(trace.frameOf(n), pause);
			if (!alive()) return;
			drawn = i;
			draw(state, steps[n - trace.frames[trace.frameOf(n)].first].changes, i);
		});
	};
	view.on("select", show);
	return {show};
}
