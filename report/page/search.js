// Search over all that steps say: numbers, times, names, kinds, texts, changes, logs.

import {kinds} from "./trace.js";
import {Job} from "./tasks.js";
import {el, time, grouped} from "./text.js";

const mostHits = 500000;

// mount makes the search field. All words of a query must be in a step's line; "#12" is step 12.
export function mount(root, trace, view) {
	const {run} = view, job = new Job();
	const field = el("input", {type: "search", id: "search" + view.suffix, placeholder: "Search steps", "aria-label": "search steps: text, node, kind, time, or #number", title: "text, node, kind, time or #number (/)", spellcheck: "false", autocomplete: "off"});
	const told = el("output", {"aria-live": "polite", for: "search" + view.suffix});
	const next = el("button", {type: "button", title: "next hit (Enter)", "aria-label": "next hit", click: () => go(1)}, "↓");
	const last = el("button", {type: "button", title: "previous hit (Shift Enter)", "aria-label": "previous hit", click: () => go(-1)}, "↑");
	root.append(field, told, last, next);
	let hits = [], part = 1, query = "", wanted = 0;

	const tell = () => {
		if (query === "") { told.textContent = ""; return; }
		const k = hits.indexOf(view.selected), some = part < 1 ? ` (${Math.round(100 * part)} %)` : "";
		told.textContent = hits.length === 0 ? (part < 1 ? "…" : "no hits") + some : `${k >= 0 ? grouped(k + 1) + " of " : ""}${grouped(hits.length)}${hits.length >= mostHits ? "+" : ""}${some}`;
	};
	const go = direction => {
		if (hits.length === 0) { wanted = direction; return; }
		let k = direction > 0 ? hits.findIndex(i => i > view.selected) : hits.findLastIndex(i => i < view.selected);
		if (k < 0) k = direction > 0 ? 0 : hits.length - 1;
		view.select(hits[k]);
		tell();
	};
	const search = text => {
		query = text.trim().toLowerCase();
		hits = [];
		part = query === "" ? 1 : 0;
		view.find(hits);
		tell();
		if (query === "") { job.stop(); return; }
		job.start(async (pause, alive) => {
			const number = /^#(\d+)$/.exec(query);
			if (number) {
				const i = Number(number[1]) - run.first;
				if (i >= 0 && i < run.length) hits.push(i);
			} else {
				const words = query.split(/\s+/);
				for (let f = 0; f < trace.frames.length && hits.length < mostHits; f++) {
					const steps = trace.known(f) ?? await trace.read(f, pause);
					match(f, steps, words);
					part = (f + 1) / trace.frames.length;
					if (wanted !== 0 && hits.length > 0 && (wanted > 0 ? hits[hits.length - 1] > view.selected : part === 1)) { const d = wanted; wanted = 0; go(d); }
					tell();
					view.find(hits);
					await pause();
				}
			}
			part = 1;
			if (wanted !== 0) { const d = wanted; wanted = 0; go(d); }
			tell();
			view.find(hits);
		});
	};
	const match = (f, steps, words) => {
		const {columns} = run, start = trace.frames[f].first - run.first, names = new Map();
		const name = id => { let s = names.get(id); if (s === undefined) names.set(id, s = id === 0 ? "" : trace.name(id)); return s; };
		for (let j = 0; j < steps.length; j++) {
			const i = start + j, s = steps[j];
			let line = `${i + run.first} ${time(columns.at[i])} ${name(columns.node[i])} ${kinds[columns.kind[i]]} ${name(columns.peer[i])} ${s.text}`;
			for (const c of s.changes) line += ` ${c.path} ${c.from} ${c.to}`;
			for (const l of s.logs) line += ` ${name(l.node)} ${l.text}`;
			line = line.toLowerCase();
			if (words.every(w => line.includes(w)) && hits.length < mostHits) hits.push(i);
		}
	};
	let due = 0;
	field.addEventListener("input", () => {
		clearTimeout(due);
		due = setTimeout(() => search(field.value), 150);
	});
	field.addEventListener("keydown", e => {
		if (e.key === "Enter") {
			e.preventDefault();
			const direction = e.shiftKey ? -1 : 1;
			if (field.value.trim().toLowerCase() !== query) {
				clearTimeout(due);
				wanted = direction;
				search(field.value);
			} else go(direction);
		} else if (e.key === "Escape") {
			field.value = "";
			search("");
			document.getElementById("diagram" + view.suffix).focus();
		}
	});
	view.on("select", tell);
	return {focus() { field.focus(); field.select(); }};
}
