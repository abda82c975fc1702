import {Trace} from "./trace.js";
import {source} from "./source.js";
import {Asked} from "./asked.js";
import {Run, violated} from "./run.js";
import {View} from "./view.js";
import {pacer} from "./tasks.js";
import {el, grouped, shown, clip} from "./text.js";
import {mount as mountDiagram} from "./diagram.js";
import {mount as mountOverview} from "./overview.js";
import {mount as mountToolbar} from "./toolbar.js";
import {mount as mountStep} from "./step.js";
import {mount as mountSearch} from "./search.js";
import {mount as mountVerdict, mountStory} from "./verdict.js";
import {mount as mountSteps, mountPast} from "./steps.js";
import {mount as mountState} from "./state.js";
import {mount as mountFaults} from "./faults.js";
import {mount as mountStrips} from "./strips.js";
import {mount as mountCurves} from "./curves.js";
import {makeRoom, pair, mount as mountDifference} from "./pair.js";
import {bindKeys} from "./keys.js";

// The tabs below the diagram. A mount is called when its tab is first shown, with an element, the trace and the view; what
// it returns may have a show, which is called each time. Those in print are printed, whichever of them shows.
const tabs = [
	{name: "Difference", mount: mountDifference, print: true, when: view => view.pair},
	{name: "Verdict", mount: mountVerdict, print: true},
	{name: "Story", mount: mountStory, print: true, when: view => view.about.story?.length > 0 || view.about.served && violated(view.trace.header)},
	{name: "Causal past", mount: mountPast},
	{name: "State", mount: mountState},
	{name: "Steps", mount: mountSteps},
	{name: "Faults", mount: mountFaults},
	{name: "Logs", mount: mountStrips, when: view => view.run.logs.rules.length > 0},
	{name: "Curves", mount: mountCurves},
];

const $ = id => document.getElementById(id);

async function start() {
	theme();
	const about = JSON.parse($("about").textContent), sides = about.sides ?? [about], runs = [];
	window.seedbed = {runs}; // for tests alone: what they cannot see in the document
	if (about.sides) makeRoom();
	for (const [n, side] of sides.entries()) runs.push(await open(side, n, about.sides && {about, n, runs, ends: []}));
	Object.assign(window.seedbed, runs[0]);
	title(runs[0].trace.header, about);
	const active = about.sides ? pair(about, runs) : () => runs[0];
	for (const {panel} of runs) panel.show(0);
	bindKeys(active);
	splitter();
	printing(runs);
	document.documentElement.dataset.state = "painted";
	performance.mark("painted");
	if (runs.some(r => r.trace.frames.length > 1)) await new Promise(requestAnimationFrame); // what there is shows before the rest is read
	await Promise.all(runs.map(read));
	document.documentElement.dataset.state = "ready";
	performance.mark("ready");
}

// open shows a run: the only one, or one of a pair.
async function open(about, n, pair) {
	const suffix = n === 0 ? "" : "2", part = id => $(id + suffix);
	const asked = new Asked(location.search), trace = await Trace.open(await source(about), asked.from, asked.to);
	const run = new Run(trace), view = new View(trace, run, about);
	view.part = asked.ends(trace);
	note(asked.trouble(trace.file));
	view.suffix = suffix;
	view.pair = pair;
	view.failed = fail;
	const search = mountSearch(part("finder"), trace, view);
	mountToolbar(part("toolbar"), trace, view);
	mountOverview(part("strip"), trace, view);
	const diagram = mountDiagram(part("stage"), trace, view);
	mountStep(part("step"), trace, view);
	const panel = makeTabs(part("tabs"), part("panel"), trace, view);
	view.on("select", () => diagram.bring(view.selected));
	return {trace, run, view, diagram, search, panel};
}

// read loads a run. What is looked at first is chosen as soon as it is there: where a pair comes apart, the violation or what
// shows it, or the last step; of steps that were asked for, the violation or the last of them.
async function read({run, view, diagram}) {
	let last = 0, cost = 0; // of showing progress, which may take a fifth of the time
	const [from, to] = view.part?.map(n => n - run.first) ?? [];
	let wanted = view.pair?.first ?? run.violation?.at ?? -1;
	if (to !== undefined && !(wanted >= from && wanted <= to)) wanted = to;
	let looked = to === undefined;
	await run.load(pacer(24), () => {
		if (!looked && to < run.indexed) {
			looked = true;
			view.span(from, to);
		}
		if (view.selected < 0 && wanted >= 0 && wanted < run.indexed) view.select(wanted, false);
		const now = performance.now();
		if (now - last < Math.max(150, 5 * cost) && !run.complete) return;
		view.emit("progress");
		requestAnimationFrame(() => { cost = diagram.timings[diagram.timings.length - 1]; });
		last = now;
	});
	if (view.selected < 0) view.select(run.culprit(), false);
	view.emit("progress");
}

function title(h, about) {
	const verdict = $("verdict"), missing = about.missing?.map(f => `${f.number}  ${f.fault}`).join(", ");
	$("title").replaceChildren(shown(h.scenario || "a run", 80), " ", el("small", {}, "seed " + shown(h.seed, 30) + (missing ? `, with and without ${clip(missing, 80)}` : "")));
	verdict.textContent = shown(h.property ? `${violated(h) ? "" : "undecided: "}${h.property}: ${clip(h.detail ?? "", 600)}` : h.verdict || "", 900);
	verdict.title = shown(h.verdict || "", 600);
	verdict.className = h.property ? "bad" : h.verdict === "valid" ? "good" : "";
}

function makeTabs(bar, panel, trace, view) {
	const shownTabs = tabs.filter(t => !t.when || t.when(view)), made = new Map();
	const id = (what, n) => what + n + (view.suffix && "-" + view.suffix);
	const buttons = shownTabs.map((t, n) => el("button", {
		type: "button", role: "tab", id: id("tab", n), "aria-controls": id("pane", n), "aria-selected": "false", tabindex: -1, click: () => show(n),
		keydown: e => {
			const to = {ArrowRight: n + 1, ArrowLeft: n - 1, Home: 0, End: shownTabs.length - 1}[e.key];
			if (to === undefined) return;
			e.preventDefault();
			e.stopPropagation();
			show((to + shownTabs.length) % shownTabs.length);
			buttons[(to + shownTabs.length) % shownTabs.length].focus();
		},
	}, t.name));
	const panes = shownTabs.map((_, n) => el("div", {role: "tabpanel", id: id("pane", n), "aria-labelledby": id("tab", n), class: shownTabs[n].print ? "pane printed" : "pane", "data-name": shownTabs[n].name, hidden: true, tabindex: -1}));
	bar.append(...buttons);
	panel.append(...panes);
	const make = n => {
		if (!made.has(n)) made.set(n, shownTabs[n].mount(panes[n], trace, view) ?? {});
		return made.get(n);
	};
	const show = n => {
		buttons.forEach((b, k) => { b.setAttribute("aria-selected", k === n); b.tabIndex = k === n ? 0 : -1; });
		panes.forEach((p, k) => { p.hidden = k !== n; });
		make(n).show?.();
	};
	const print = () => shownTabs.forEach((t, n) => { if (t.print) make(n); });
	return {count: shownTabs.length, show, print};
}

// splitter shares the height between the diagram and what is below.
function splitter() {
	const bar = $("splitter"), main = document.querySelector("main");
	let share = 0.56;
	const set = s => {
		share = Math.min(0.85, Math.max(0.2, s));
		main.style.setProperty("--share", share);
		bar.setAttribute("aria-valuenow", Math.round(100 * share));
	};
	set(share);
	let dragging = false;
	bar.addEventListener("pointerdown", e => { dragging = true; bar.setPointerCapture(e.pointerId); });
	bar.addEventListener("pointermove", e => {
		const box = main.getBoundingClientRect();
		if (dragging) set((e.clientY - box.top) / box.height);
	});
	bar.addEventListener("pointerup", () => { dragging = false; });
	bar.addEventListener("keydown", e => {
		const by = {ArrowUp: -0.03, ArrowDown: 0.03}[e.key];
		if (by === undefined) return;
		e.preventDefault();
		e.stopPropagation();
		set(share + by);
	});
}

// theme is what the system has, unless somebody chose otherwise. The choice is kept where that is allowed.
function theme() {
	const root = document.documentElement, dark = matchMedia("(prefers-color-scheme: dark)");
	const kept = () => { try { return localStorage.getItem("seedbed-theme"); } catch { return null; } };
	const apply = () => {
		$("theme").textContent = root.dataset.theme === "dark" ? "light" : "dark";
		for (const {view} of window.seedbed?.runs ?? []) view.emit("look");
	};
	root.dataset.theme = kept() ?? (dark.matches ? "dark" : "light");
	apply();
	dark.addEventListener("change", () => { if (kept() === null) { root.dataset.theme = dark.matches ? "dark" : "light"; apply(); } });
	$("theme").addEventListener("click", () => {
		root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
		try { localStorage.setItem("seedbed-theme", root.dataset.theme); } catch { /* it lasts as long as the page */ }
		apply();
	});
}

// printing has all that is printed made, and in light colours, for as long as it takes.
function printing(runs) {
	const root = document.documentElement;
	let chosen;
	const look = theme => {
		root.dataset.theme = theme;
		for (const {view, diagram} of runs) {
			view.emit("look");
			diagram.draw(); // at once: paper does not wait for the next frame
		}
	};
	addEventListener("beforeprint", () => {
		chosen = root.dataset.theme;
		for (const {panel} of runs) panel.print();
		look("light");
	});
	addEventListener("afterprint", () => look(chosen));
}

// note shows what is wrong with what was asked for; "" for nothing.
function note(trouble) {
	$("note").textContent = trouble;
	$("note").hidden = trouble === "";
}

function fail(e) {
	$("verdict").className = "bad";
	$("verdict").textContent = "This trace cannot be shown: " + shown(e.message, 400);
	document.documentElement.dataset.state = "failed";
}

start().catch(e => { fail(e); console.error(e); });
