// What keys do.

import {move, toCause, toEffect, across} from "./step.js";
import {el} from "./text.js";

// bindKeys makes the keys work, and the page that lists them. What they are about is the active run: {run, view, search, panel}.
export function bindKeys(active) {
	const help = document.getElementById("help");
	const keys = ({run, view, search, panel}) => [
		["← →", "pan", {ArrowLeft: () => view.pan(-0.15), ArrowRight: () => view.pan(0.15)}],
		["↑ ↓", "to the nearest step of the node above or below", {ArrowUp: () => across(view, -1), ArrowDown: () => across(view, 1)}],
		["+ −", "zoom in, zoom out", {"+": () => view.zoom(1.6), "=": () => view.zoom(1.6), "-": () => view.zoom(1 / 1.6)}],
		["0", "the whole run", {0: () => view.whole()}],
		["s", "the surroundings of the chosen step", {s: () => { if (view.selected >= 0) view.around(view.selected); }}],
		[", .", "a step back, a step on", {",": () => move(view, -1), ".": () => move(view, 1)}],
		["< >", "the same, over the steps of the same node", {"<": () => move(view, -1, true), ">": () => move(view, 1, true), ";": () => move(view, -1, true), ":": () => move(view, 1, true)}],
		["c", "to the cause", {c: () => toCause(view)}],
		["e", "to the first effect", {e: () => toEffect(view)}],
		["v", "to the violation or what shows it, or the last step", {v: () => view.select(run.culprit())}],
		["Home End", "to the first step, the last step", {Home: () => view.select(0), End: () => view.select(run.indexed - 1)}],
		["f", "fade what is not in the causal past, or do not", {f: () => view.fade()}],
		["a", "the axis: time, or steps", {a: () => view.setAxis(view.axis === "time" ? "steps" : "time")}],
		["/", "search; Enter and Shift Enter go on and back", {"/": () => search.focus()}],
		[`1 … ${panel.count}`, "the tabs below", Object.fromEntries([...Array(panel.count).keys()].map(n => [n + 1, () => panel.show(n)]))],
		...(view.pair ? [["x", "to the other run", {x: () => view.pair.activate(1 - view.pair.n)}]] : []),
		["t", "light or dark", {t: () => document.getElementById("theme").click()}],
		["?", "this list", {"?": () => help.showModal()}],
	];
	const all = () => Object.assign({}, ...keys(active()).map(([, , k]) => k));
	help.append(el("h2", {}, "Keys"), el("table", {}, el("tbody", {}, ...keys(active()).map(([names, what]) => el("tr", {}, el("th", {scope: "row"}, ...names.split(" ").map(n => n === "…" ? " … " : el("kbd", {}, n))), el("td", {}, what))))),
		el("p", {class: "quiet"}, "With the mouse: the wheel zooms, a drag pans, a click chooses a step, a double click zooms in. Shift with the wheel moves up and down where there are many nodes."),
		el("form", {method: "dialog"}, el("button", {}, "close")));
	document.getElementById("keys").addEventListener("click", () => help.showModal());
	document.addEventListener("keydown", e => {
		if (e.ctrlKey || e.metaKey || e.altKey || help.open) return;
		const at = e.target;
		if (at.closest("input, select, textarea, [role=listbox], [role=tab]") && (e.key.startsWith("Arrow") || e.key === "Home" || e.key === "End" || at.matches("input[type=search], select"))) return;
		const f = all()[e.key];
		if (!f) return;
		e.preventDefault();
		f();
	});
}
