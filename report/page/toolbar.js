// The buttons above the diagram, and what its colours and marks mean.

import {kinds} from "./trace.js";
import {palette, roleColour, outcomeColour, mark, markColour, hollow} from "./palette.js";
import {hatching, faultBar, violationLine, violationStar, frontierMarks} from "./shapes.js";
import {el, grouped, span, time, shown} from "./text.js";

export function mount(root, trace, view) {
	const {run} = view;
	const button = (text, title, f, label) => el("button", {type: "button", title, "aria-label": label ?? title, click: f}, text);
	const axis = button("by time", "one step as wide as another, or time to scale (a)", () => view.setAxis(view.axis === "time" ? "steps" : "time"), "axis");
	const fade = button("fade", "fade what is not in the causal past of the chosen step (f)", () => view.fade(), "fade what is not in the causal past");
	const told = el("span", {class: "told", "aria-live": "off"});
	root.append(
		el("span", {class: "group", role: "group", "aria-label": "zoom"},
			button("−", "zoom out (−)", () => view.zoom(1 / 1.8)),
			button("+", "zoom in (+)", () => view.zoom(1.8)),
			button("whole run", "the whole run (0)", () => view.whole()),
			button("to the step", "the surroundings of the chosen step (s)", () => { if (view.selected >= 0) view.around(view.selected); })),
		el("span", {class: "group", role: "group", "aria-label": "what is drawn"}, axis, fade),
		told, elsewhere(trace), legend(trace, view));
	const tell = () => {
		const from = view.index(view.from), to = view.index(view.to);
		const loading = run.complete ? "" : `, ${Math.floor(100 * run.indexed / Math.max(1, run.length))} % read`;
		const a = Math.max(0, run.columns.at[from] ?? 0), width = view.axis === "time" ? span(view.to - view.from) : to > from ? span(run.columns.at[to - 1] - a) : "";
		told.textContent = `${grouped(to - from)} of ${grouped(run.length)} steps in ${width}${loading}`;
		axis.textContent = view.axis === "time" ? "by time" : "by steps";
		axis.setAttribute("aria-pressed", view.axis === "steps");
		fade.setAttribute("aria-pressed", view.fading);
	};
	view.on("window progress look", tell);
	tell();
}

// elsewhere leads to the parts of a file that are not looked at.
function elsewhere(trace) {
	const {file, first, last} = trace, length = last - first + 1;
	if (first === file.first && last === file.last) return "";
	const link = (there, query, text) => there ? el("a", {href: query}, text) : el("span", {}, text);
	return el("span", {class: "elsewhere", title: "what came before is not known here: roles, logs and incarnations begin with what this part tells"},
		link(first > file.first, `?from=${Math.max(file.first, first - length)}&to=${first - 1}`, "← earlier"),
		` ${grouped(first)} to ${grouped(last)} of ${grouped(file.last)} `,
		link(last < file.last, `?from=${last + 1}&to=${Math.min(file.last, last + length)}`, "later →"));
}

// legend draws each mark beside its name.
function legend(trace, view) {
	const {run} = view, box = el("span", {class: "legend"});
	const entries = [];
	const picture = (name, f, width = 18) => {
		const canvas = el("canvas", {width: 2 * width, height: 32, "aria-hidden": "true"});
		canvas.style.width = width + "px";
		canvas.style.height = "16px";
		entries.push(() => {
			const c = canvas.getContext("2d");
			c.setTransform(2, 0, 0, 2, 0, 0);
			c.clearRect(0, 0, width, 16);
			f(c, palette());
		});
		box.append(el("span", {}, canvas, name));
	};
	const step = kind => picture(kinds[kind], (c, p) => {
		c.beginPath();
		mark(c, kind, kind === 4 ? 5 : 9, 8, 4);
		c.fillStyle = c.strokeStyle = markColour(p, kind);
		c.lineWidth = 1.3;
		if (hollow.has(kind)) c.stroke(); else c.fill();
	});
	const line = (name, colour, dashes, cross) => picture(name, (c, p) => {
		c.strokeStyle = c.fillStyle = p[colour];
		c.lineWidth = 1.5;
		c.setLineDash(dashes);
		c.beginPath();
		c.moveTo(1, 3); c.lineTo(20, 12);
		c.stroke();
		c.setLineDash([]);
		c.beginPath();
		if (cross) { mark(c, 2, 20, 12, 2.6); c.stroke(); } else { c.arc(20, 12, 2.4, 0, 7); c.fill(); }
	}, 24);
	for (const role of run.roles.slice(0, 6)) picture(shown(role, 24), (c, p) => {
		c.globalAlpha = 0.6;
		c.fillStyle = roleColour(p, run.roles, role);
		c.fillRect(1, 5, 16, 6);
	});
	line("message", "blue", []);
	line("lost", "vermillion", [4, 2], true);
	line("again", "purple", [5, 1, 1, 1]);
	for (const kind of [9, 8, 3, 4, 5, 6, 10]) step(kind);
	if (run.plan.clients > 0) for (const outcome of ["ok", "fail", "info", "pending"]) picture(outcome, (c, p) => {
		c.strokeStyle = c.fillStyle = outcomeColour(p, outcome);
		c.globalAlpha = 0.28;
		c.fillRect(2, 4, 14, 8);
		c.globalAlpha = 1;
		c.setLineDash(outcome === "ok" ? [] : outcome === "fail" ? [6, 2] : [2, 2]);
		c.strokeRect(2, 4, 14, 8);
	});
	for (const state of ["down", "paused"]) picture(state, (c, p) => {
		c.fillStyle = hatching(c, p, state);
		c.fillRect(1, state === "down" ? 5 : 2, 16, state === "down" ? 6 : 12);
	});
	picture("planned fault, and its nodes", (c, p) => {
		faultBar(c, p, 1, 1, 16, 5);
		c.globalAlpha = 0.22;
		c.fillRect(1, 7, 16, 9);
	});
	if (run.violation) picture("violation, and what shows it", (c, p) => {
		violationLine(c, p, 9, 0, 16);
		violationStar(c, p, 9, 8, 6);
	});
	picture("known to the chosen step up to here", (c, p) => frontierMarks(c, p, [{x: 5, y: 8, height: 6}]));
	const draw = () => entries.forEach(f => f());
	view.on("look", draw);
	draw();
	return el("details", {class: "legends"}, el("summary", {}, "legend"), box);
}
