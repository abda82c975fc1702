// Lists of steps: all of them, and the causal past.

import {K} from "./run.js";
import {kinds} from "./trace.js";
import {List} from "./list.js";
import {el, time, grouped, count, shown, changeText} from "./text.js";

// mount lists all steps, or those of one node.
export function mount(root, trace, view) {
	const {run} = view;
	const choice = el("select", {"aria-label": "whose steps", change: () => { of = choice.value === "" ? -1 : Number(choice.value); list.go(0); list.bring(row()); tell(); }});
	const told = el("span", {class: "quiet"});
	let of = -1, options = 0;
	const steps = () => of < 0 ? null : run.places[of].steps;
	const row = () => {
		if (view.selected < 0 || of < 0) return view.selected;
		const k = steps().from(view.selected);
		return steps().list[k] === view.selected && k < steps().length ? k : -1;
	};
	root.append(el("div", {class: "bar"}, el("label", {}, "steps of ", choice), told));
	const list = new List(root, "steps", 1.9, {
		length: () => of < 0 ? run.indexed : steps().length,
		fill: (e, k) => fillStep(e, view, of < 0 ? k : steps().list[k], false),
		pick: k => view.select(of < 0 ? k : steps().list[k]),
		chosen: row,
	});
	const tell = () => {
		if (options !== run.places.length) {
			options = run.places.length;
			choice.replaceChildren(el("option", {value: ""}, "all nodes"), ...run.order.slice(0, 2000).map(p => el("option", {value: p}, shown(run.places[p].name, 60))));
			choice.value = of < 0 ? "" : of;
		}
		told.textContent = count(list.length(), "step");
	};
	view.on("select", () => list.bring(row()));
	view.on("progress", () => { tell(); list.draw(); });
	view.on("texts hits", () => list.draw());
	tell();
	return {show() { tell(); list.bring(row()); }};
}

// mountPast lists the causal past of the chosen step, the newest first.
export function mountPast(root, trace, view) {
	const {run} = view;
	const told = el("p", {class: "quiet"}), vector = el("p", {class: "vector", title: "How many steps of each node it knows of: its vector"});
	const box = el("input", {type: "checkbox", change: () => { only = box.checked; made = null; list.go(0); }});
	let only = false, made = null, items = new Uint32Array(0);
	root.append(el("div", {class: "bar"}, told, el("label", {title: "leaves out timers, syncs and messages that changed nothing"}, box, " only facts, operations, lives")), vector);
	const past = () => {
		if (made === view.cone) return items;
		made = view.cone;
		items = view.cone ? view.cone.list() : new Uint32Array(0);
		if (only) items = items.filter(i => [K.fact, K.invoke, K.return, K.boot, K.crash].includes(run.columns.kind[i]));
		return items;
	};
	const list = new List(root, "causal past, newest first", 3.1, {
		length: () => past().length,
		fill: (e, k) => fillStep(e, view, past()[past().length - 1 - k], true),
		pick: k => view.select(past()[past().length - 1 - k]),
		chosen: () => -1,
	});
	const tell = () => {
		if (view.selected < 0) { told.textContent = "No step is chosen."; return; }
		const n = past().length, before = view.selected;
		told.textContent = `${only ? count(n, "such step") : count(n, "step")} of ${grouped(before)} before step ${grouped(view.selected + run.first)} could have influenced it.`;
		vector.replaceChildren(...run.order.filter(p => view.cone.known[p] > 0).slice(0, 60).map(p => el("span", {}, el("b", {}, shown(run.places[p].name, 20)), " " + grouped(view.cone.known[p]))));
	};
	view.on("select", () => { if (root.hidden) return; tell(); list.go(0); });
	view.on("texts", () => list.draw());
	tell();
	return {show() { tell(); list.go(0); }};
}

// fillStep fills the row of a step: what it is, and what it changed.
function fillStep(row, view, i, changes) {
	const {run, trace} = view, {columns} = run, texts = view.texts(i), kind = columns.kind[i];
	const peer = columns.peer[i] !== 0 ? shown(trace.name(columns.peer[i]), 24) + " " : "";
	const what = texts ? peer + shown(texts.text, 300) : peer + "…";
	const life = kind === K.boot ? `incarnation ${columns.life[i]} ` : "";
	const parts = [
		el("span", {class: "n"}, grouped(i + run.first)),
		el("span", {class: "at"}, time(columns.at[i])),
		el("span", {class: "node"}, columns.node[i] === 0 ? "–" : shown(trace.name(columns.node[i]), 24)),
		el("span", {class: "kind k-" + (kinds[kind] ?? "other")}, (kinds[kind] ?? "?") + (run.again[i] ? " again" : "")),
		el("span", {class: "what"}, life + what),
	];
	const changed = texts?.changes ?? [];
	if (changes) parts.push(el("span", {class: "changed"}, changed.length > 0 ? changed.slice(0, 8).map(c => shown(changeText(c), 160)).join(", ") + (changed.length > 8 ? ` and ${changed.length - 8} more` : "") : ""));
	row.replaceChildren(...parts);
	row.classList.toggle("two", changes);
	row.classList.toggle("dim", !changes && view.cone !== null && view.fading && !view.cone.has(i));
	row.title = changes || changed.length === 0 ? "" : shown(changed.map(changeText).join(", "), 600);
}
