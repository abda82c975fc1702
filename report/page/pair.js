// Two runs in one page, one above the other: the same times are looked at in both, and what each lane has from where it comes
// apart from the other run's is marked. One of them is active: keys, and what is below the diagrams, are about it.

import {commands} from "./verdict.js";
import {el, time, shown, clip, grouped} from "./text.js";

const doubled = ["finder", "toolbar", "strip", "stage", "below"];

// makeRoom makes what each run has for itself a second time, and a caption above each diagram.
export function makeRoom() {
	for (const id of doubled) {
		const first = document.getElementById(id), second = first.cloneNode(true);
		for (const e of [second, ...second.querySelectorAll("[id]")]) e.id += "2";
		first.after(second);
	}
	for (const suffix of ["", "2"]) document.getElementById("stage" + suffix).before(el("button", {type: "button", class: "caption", id: "caption" + suffix, title: "what is below is about this run (x)"}));
}

// pair joins two runs, and returns which is active.
export function pair(about, runs) {
	let active = 0;
	const captions = runs.map(({view}) => document.getElementById("caption" + view.suffix));
	const activate = n => {
		active = n;
		runs.forEach(({view}, k) => {
			captions[k].setAttribute("aria-pressed", k === n);
			for (const id of doubled) if (id !== "stage") document.getElementById(id + view.suffix).hidden = k !== n;
		});
	};
	const ends = [Math.min(...runs.map(r => r.view.limits()[0])), Math.max(...runs.map(r => r.view.limits()[1]))];
	const of = ({trace: {header: h}}) => `${h.scenario || "a run"}, seed ${h.seed}`, differ = of(runs[0]) !== of(runs[1]);
	runs.forEach((r, n) => {
		const {view, run, trace, diagram} = r, h = trace.header;
		view.ends = ends;
		view.apart = new Map(about.apart.map(d => [d.node, {at: d.at_ns, step: step(d, n)?.step}]));
		view.pair.first = firstOf(about, n) - run.first;
		view.pair.activate = k => { activate(k); runs[k].diagram.canvas.focus(); };
		captions[n].append(el("b", {}, shown(about.sides[n].label, 60)), differ ? el("span", {class: "of"}, shown(of(r), 120)) : "", el("span", {class: h.property ? "bad" : "good"}, shown(clip(h.verdict || "", 300), 300)));
		captions[n].addEventListener("click", () => activate(n));
		for (const event of ["pointerdown", "focusin"]) diagram.root.addEventListener(event, () => activate(n));
		view.whole();
		view.emit("look");
	});
	for (const f of about.missing ?? []) if (runs[0].run.faults[f.number - 1]) runs[0].view.fault = f.number - 1;
	together(runs.map(r => r.view));
	activate(0);
	return () => runs[active];
}

// firstOf is the number of the step at which a run comes apart first; NaN if it has none.
function firstOf(about, n) { return step(about.apart[0], n)?.step ?? NaN; }

function step(difference, n) { return n === 0 ? difference?.a : difference?.b; }

// together has views look at the same times.
function together(views) {
	let busy = false;
	for (const a of views) {
		a.on("window", () => {
			if (busy) return;
			busy = true;
			for (const b of views) if (b !== a) follow(a, b);
			busy = false;
		});
	}
}

function follow(a, b) {
	b.setAxis(a.axis);
	if (a.axis === "time") {
		b.look(a.from, a.to);
		return;
	}
	const of = x => b.run.at(a.run.columns.at[Math.min(Math.max(0, Math.round(x)), Math.max(0, a.run.indexed - 1))]);
	const from = of(a.from);
	b.look(from, Math.max(of(a.to), from + b.least()));
}

// drawApart marks in each lane where it comes apart, and what it has from there on.
export function drawApart(d) {
	const {c, p, run, view} = d;
	c.fillStyle = p.purple;
	for (let lane = d.firstLane; lane < d.lastLane; lane++) {
		const q = run.order[lane], at = view.apart.get(run.places[q].id);
		if (!at) continue;
		const x = d.xApart(at), y = d.y(q), half = d.lane / 2, from = Math.max(x, d.left), to = Math.min(d.right, d.xEnd(-1));
		if (from < to) {
			c.globalAlpha = 0.09;
			c.fillRect(from, y - half, to - from, d.lane);
		}
		c.globalAlpha = 1;
		if (x >= d.left - 2 && x <= d.right) c.fillRect(x - 1, y - half, 2, d.lane);
	}
}

// drawFirstApart marks the first of all differences, over all lanes.
export function drawFirstApart(d) {
	const {c, p, view} = d, [first] = view.pair.about.apart;
	if (!first) return;
	const x = d.xApart(view.apart.get(first.node));
	if (x < d.left || x > d.right) return;
	c.strokeStyle = c.fillStyle = p.purple;
	c.lineWidth = 1.5;
	c.setLineDash([2, 3]);
	c.beginPath();
	c.moveTo(x, d.axisHeight);
	c.lineTo(x, d.bottom);
	c.stroke();
	c.setLineDash([]);
	d.flag(x, "first difference", 1);
}

// mount tells where the runs come apart, in words.
export function mount(root, trace, view) {
	const {about, runs} = view.pair, {sides, apart} = about;
	root.classList.add("prose");
	const link = (d, n) => {
		const s = step(d, n);
		if (!s) return el("td", {class: "quiet"}, "no more steps");
		const go = () => { view.pair.activate(n); runs[n].view.select(s.step - runs[n].run.first); };
		return el("td", {}, el("button", {type: "button", class: "link", click: go}, `step ${grouped(s.step)} ${s.kind}`), ", ", time(s.at_ns), " ", el("small", {}, shown(s.text ?? "", 160)),
			...(s.changes ?? []).slice(0, 6).map(text => el("small", {class: "change"}, shown(text, 160))));
	};
	const named = sides.map(s => shown(s.label, 60));
	root.append(el("h2", {}, apart.length > 0 ? `The runs come apart at ${time(apart[0].at_ns)}, on ${shown(apart[0].name, 60)}` : "No step differs, as far as both runs go"));
	if (about.missing) root.append(...about.missing.map(f => el("p", {}, `left out: fault ${f.number}, ${shown(f.fault, 200)}`)));
	root.append(el("dl", {}, ...runs.flatMap(({trace: t}, n) => [el("dt", {}, named[n]), el("dd", {class: t.header.property ? "bad" : "good"}, shown(t.header.verdict || "no verdict", 600))])));
	if (apart.length > 0) root.append(el("h3", {}, "The first step of each node that differs: so it spread"),
		el("table", {class: "apart"},
			el("thead", {}, el("tr", {}, ...["at", "node", ...named].map(text => el("th", {scope: "col"}, text)))),
			el("tbody", {}, ...apart.map(d => el("tr", {}, el("td", {class: "at"}, time(d.at_ns)), el("th", {scope: "row"}, shown(d.name, 60)), link(d, 0), link(d, 1))))));	if (view.about.commands?.length) root.append(...commands(view.about.commands));
}
