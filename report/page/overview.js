// The whole run in a strip, with what is looked at marked.

import {K} from "./run.js";
import {palette} from "./palette.js";
import {el, grouped} from "./text.js";

const bins = 1024;

export function mount(root, trace, view) {
	const {run} = view;
	const canvas = el("canvas", {id: "overview" + view.suffix, tabindex: 0, role: "slider", "aria-label": "window, over the whole run", "aria-valuemin": 0, "aria-valuemax": 100, title: "the whole run: drag to look elsewhere"});
	root.append(canvas);
	const c = canvas.getContext("2d");
	let p = palette(), due = false, counted = 0, all = new Uint32Array(bins), lost = new Uint32Array(bins), axis = "";
	const right = 10;
	let left = 0; // as in the diagram

	// Before the steps are in, the index tells how many there are where.
	const guess = (low, high) => {
		const sums = new Float64Array(bins);
		for (const f of trace.frames) {
			const a = view.axis === "time" ? f.from : f.first - run.first, b = view.axis === "time" ? f.to : a + f.steps;
			const from = Math.min(bins - 1, Math.floor((a - low) / (high - low) * bins)), to = Math.min(bins - 1, Math.floor((b - low) / (high - low) * bins));
			for (let n = from; n <= to; n++) sums[n] += f.steps / (to - from + 1);
		}
		return sums;
	};
	const draw = () => {
		const w = root.clientWidth, h = root.clientHeight, ratio = Math.min(2, window.devicePixelRatio || 1);
		if (w === 0) return;
		if (canvas.width !== Math.round(w * ratio) || canvas.height !== Math.round(h * ratio)) {
			canvas.width = Math.round(w * ratio);
			canvas.height = Math.round(h * ratio);
		}
		c.setTransform(ratio, 0, 0, ratio, 0, 0);
		left = Math.round(84 * p.size / 16);
		c.fillStyle = p.panel;
		c.fillRect(0, 0, w, h);
		const [low, high] = view.limits(), scale = (w - left - right) / (high - low), x = at => left + (at - low) * scale;
		if (axis !== view.axis) {
			axis = view.axis;
			counted = 0;
			all.fill(0);
			lost.fill(0);
		}
		const {kind} = run.columns, per = bins / (high - low);
		for (let i = counted; i < run.indexed; i++) {
			const n = Math.min(bins - 1, Math.max(0, Math.floor((view.coordinate(i) - low) * per)));
			all[n]++;
			if (kind[i] === K.drop) lost[n]++;
		}
		counted = run.indexed;
		const expected = run.complete ? all : guess(low, high), width = (w - left - right) / bins;
		let peak = 1;
		for (let n = 0; n < bins; n++) peak = Math.max(peak, all[n], expected[n]);
		const tall = n => Math.log2(1 + n) / Math.log2(1 + peak) * (h - 12);
		c.fillStyle = p.rule;
		for (let n = 0; n < bins; n++) if (expected[n] > all[n]) c.fillRect(left + n * width, h - 3 - tall(expected[n]), width + 0.3, tall(expected[n]));
		c.fillStyle = p.blue;
		c.globalAlpha = 0.55;
		for (let n = 0; n < bins; n++) if (all[n] > 0) c.fillRect(left + n * width, h - 3 - tall(all[n]), width + 0.3, tall(all[n]));
		c.globalAlpha = 1;
		c.fillStyle = p.vermillion;
		for (let n = 0; n < bins; n++) if (lost[n] > 0) c.fillRect(left + n * width, h - 3 - tall(lost[n]), width + 0.3, tall(lost[n]));
		c.fillStyle = p.orange;
		c.globalAlpha = 0.5;
		let end = -1;
		for (const f of run.faults) {
			const a = x(view.ofTime(f.at)), b = Math.max(a + 1, Number.isFinite(f.until) ? x(view.ofTime(f.until)) : w - right);
			if (b < end + 0.5) continue;
			c.fillRect(Math.max(a, end), 2, b - Math.max(a, end), 3);
			end = Math.max(end, b);
		}
		c.globalAlpha = 1;
		c.fillStyle = p.purple;
		let last = -9;
		for (const i of view.hits) {
			const at = x(view.coordinate(i));
			if (at < last + 1) continue;
			c.fillRect(at - 0.5, 6, 1.5, h - 9);
			last = at;
		}
		// What is looked at.
		const a = Math.max(left, x(view.from)), b = Math.min(w - right, x(view.to)), shade = (from, to) => { if (to > from) c.fillRect(from, 0, to - from, h); };
		c.globalAlpha = 0.65;
		c.fillStyle = p.paper;
		shade(left, a);
		shade(b, w - right);
		c.globalAlpha = 1;
		c.strokeStyle = p.accent;
		c.lineWidth = 1.5;
		c.beginPath();
		c.roundRect(a - (b - a < 3 ? 1.5 : 0), 1, Math.max(3, b - a), h - 2, 3);
		c.stroke();
		const tick = (i, colour) => {
			const at = x(i < 0 ? high : view.coordinate(i));
			c.fillStyle = colour;
			c.fillRect(at - 1, 0, 2, h);
			c.beginPath();
			c.moveTo(at - 5, 0); c.lineTo(at + 5, 0); c.lineTo(at, 7); c.closePath();
			c.fill();
		};
		if (run.violation && run.violation.at < run.indexed) tick(run.violation.at, p.vermillion);
		if (view.selected >= 0 && view.selected !== run.violation?.at) tick(view.selected, p.accent);
		c.font = p.font(0.72);
		c.fillStyle = p.quiet;
		c.textBaseline = "middle";
		c.fillText("whole run", 12, h / 2);
		canvas.setAttribute("aria-valuenow", Math.round(100 * Math.min(1, Math.max(0, ((view.from + view.to) / 2 - low) / (high - low)))));
		canvas.setAttribute("aria-valuetext", `${grouped(view.index(view.to) - view.index(view.from))} of ${grouped(run.length)} steps in sight`);
	};
	const dirty = () => {
		if (due) return;
		due = true;
		requestAnimationFrame(() => { due = false; draw(); });
	};
	let drag = null;
	const at = e => { const [low, high] = view.limits(); return low + (e.clientX - canvas.getBoundingClientRect().left - left) / (root.clientWidth - left - right) * (high - low); };
	canvas.addEventListener("pointerdown", e => {
		canvas.setPointerCapture(e.pointerId);
		const x = at(e), inside = x >= view.from && x <= view.to;
		drag = inside ? x - (view.from + view.to) / 2 : 0;
		move(x);
	});
	const move = x => { const half = (view.to - view.from) / 2; view.look(x - drag - half, x - drag + half); };
	canvas.addEventListener("pointermove", e => { if (drag !== null) move(at(e)); });
	for (const kind of ["pointerup", "pointercancel"]) canvas.addEventListener(kind, () => { drag = null; });
	canvas.addEventListener("wheel", e => { e.preventDefault(); view.zoom(Math.exp(-e.deltaY * 0.0022), at(e)); }, {passive: false});
	new ResizeObserver(() => { p = palette(); draw(); }).observe(root); // it has another size where texts have
	view.on("window select progress hits", dirty);
	view.on("look", () => { p = palette(); dirty(); });
	draw();
}
