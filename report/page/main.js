import {Trace} from "./trace.js";
import {source} from "./source.js";
import {Run} from "./run.js";
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
import {bindKeys} from "./keys.js";

// The tabs below the diagram. A mount is called when its tab is first shown, with an element, the trace and the view; what
// it returns may have a show, which is called each time.
const tabs = [
	{name: "Verdict", mount: mountVerdict},
	{name: "Story", mount: mountStory, when: view => view.about.story?.length > 0},
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
	const about = JSON.parse($("about").textContent);
	const trace = await Trace.open(await source(about)), h = trace.header;
	$("trace")?.remove(); // it has been read, and is large
	const run = new Run(trace), view = new View(trace, run, about);
	window.seedbed = {trace, run, view}; // for tests alone: what they cannot see in the document
	view.failed = fail;

	$("title").replaceChildren(shown(h.scenario || "a run", 80), " ", el("small", {}, "seed " + shown(h.seed, 30)));
	const verdict = $("verdict");
	verdict.textContent = shown(h.property ? `${h.property}: ${clip(h.detail ?? "", 600)}` : h.verdict || "", 900);
	verdict.title = shown(h.verdict || "", 600);
	verdict.className = h.property ? "bad" : h.verdict === "valid" ? "good" : "";
	const search = mountSearch($("finder"), trace, view);
	mountToolbar($("toolbar"), trace, view);
	mountOverview($("strip"), trace, view);
	const diagram = mountDiagram($("stage"), trace, view);
	window.seedbed.diagram = diagram;
	mountStep($("step"), trace, view);
	const panel = makeTabs(trace, view);
	bindKeys(view, diagram, search, panel);
	splitter(view);
	view.on("select", () => diagram.bring(view.selected));
	document.documentElement.dataset.state = "painted";
	performance.mark("painted");
	if (trace.frames.length > 1) await new Promise(requestAnimationFrame); // what there is shows before the rest is read

	// The violation is chosen first, as soon as it is there; or else the last step.
	let last = 0, cost = 0; // of showing progress, which may take a fifth of the time
	const wanted = run.violation ? run.violation.at : -1;
	await run.load(pacer(24), () => {
		if (view.selected < 0 && wanted >= 0 && wanted < run.indexed) first(view, wanted);
		const now = performance.now();
		if (now - last < Math.max(150, 5 * cost) && !run.complete) return;
		view.emit("progress");
		requestAnimationFrame(() => { cost = diagram.timings[diagram.timings.length - 1]; });
		last = now;
	});
	if (view.selected < 0) first(view, run.indexed - 1);
	view.emit("progress");
	document.documentElement.dataset.state = "ready";
	performance.mark("ready");
}

// first chooses the step that is looked at first. A long run is not seen whole then, but that part of it.
function first(view, i) {
	view.select(i, false);
}

function makeTabs(trace, view) {
	const shownTabs = tabs.filter(t => !t.when || t.when(view)), made = new Map();
	const buttons = shownTabs.map((t, n) => el("button", {
		type: "button", role: "tab", id: "tab" + n, "aria-controls": "pane" + n, "aria-selected": "false", tabindex: -1, click: () => show(n),
		keydown: e => {
			const to = {ArrowRight: n + 1, ArrowLeft: n - 1, Home: 0, End: shownTabs.length - 1}[e.key];
			if (to === undefined) return;
			e.preventDefault();
			e.stopPropagation();
			show((to + shownTabs.length) % shownTabs.length);
			buttons[(to + shownTabs.length) % shownTabs.length].focus();
		},
	}, t.name));
	const panes = shownTabs.map((_, n) => el("div", {role: "tabpanel", id: "pane" + n, "aria-labelledby": "tab" + n, class: "pane", hidden: true, tabindex: -1}));
	$("tabs").append(...buttons);
	$("panel").append(...panes);
	const show = n => {
		buttons.forEach((b, k) => { b.setAttribute("aria-selected", k === n); b.tabIndex = k === n ? 0 : -1; });
		panes.forEach((p, k) => { p.hidden = k !== n; });
		if (!made.has(n)) made.set(n, shownTabs[n].mount(panes[n], trace, view) ?? {});
		made.get(n).show?.();
	};
	show(0);
	return {count: shownTabs.length, show};
}

// splitter shares the height between the diagram and what is below.
function splitter(view) {
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
	const apply = () => { $("theme").textContent = root.dataset.theme === "dark" ? "light" : "dark"; window.seedbed?.view?.emit("look"); };
	root.dataset.theme = kept() ?? (dark.matches ? "dark" : "light");
	apply();
	dark.addEventListener("change", () => { if (kept() === null) { root.dataset.theme = dark.matches ? "dark" : "light"; apply(); } });
	$("theme").addEventListener("click", () => {
		root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
		try { localStorage.setItem("seedbed-theme", root.dataset.theme); } catch { /* it lasts as long as the page */ }
		apply();
	});
}

function fail(e) {
	$("verdict").className = "bad";
	$("verdict").textContent = "This trace cannot be shown: " + shown(e.message, 400);
	document.documentElement.dataset.state = "failed";
}

start().catch(e => { fail(e); console.error(e); });
