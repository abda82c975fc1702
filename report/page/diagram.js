// The space-time diagram: a lane per node, time from left to right, messages across.

import {K} from "./run.js";
import {kinds} from "./trace.js";
import {palette, roleColour, outcomeColour, mark, markColour, hollow, rgb} from "./palette.js";
import {hatching, faultBar, violationLine, violationStar, frontierMarks} from "./shapes.js";
import {el, span, time, grouped, shown, clean, clip} from "./text.js";
import {Density} from "./density.js";
import {drawApart, drawFirstApart} from "./pair.js";

const most = 20000;         // steps in sight, above which there is density
const crowd = 4000;          // above which shapes cannot be told apart
const leastLane = 7;        // pixels
const padding = 10;

// mount draws into root, which has a size of its own.
export function mount(root, trace, view) { return new Diagram(root, trace, view); }

class Diagram {
	constructor(root, trace, view) {
		this.root = root;
		this.trace = trace;
		this.view = view;
		this.run = view.run;
		this.canvas = el("canvas", {id: "diagram" + view.suffix, tabindex: 0, role: "application", "aria-roledescription": "space-time diagram", "aria-describedby": "diagram-help"});
		this.over = el("canvas", {class: "over", "aria-hidden": "true"});
		this.tip = el("div", {class: "tip", hidden: true});
		root.append(this.canvas, this.over, this.tip);
		this.c = this.canvas.getContext("2d");
		this.density = new Density(view);
		this.spots = {x: new Float32Array(2 * most), y: new Float32Array(2 * most), i: new Int32Array(2 * most), n: 0};
		this.flights = [];          // arrows that were drawn: {i, x1, y1, x2, y2}
		this.timings = [];          // of drawings, in milliseconds
		this.recolour();
		view.on("window select progress hits fault texts", () => this.dirty());
		view.on("look", () => this.recolour());
		new ResizeObserver(() => this.resize()).observe(root);
		this.pointing();
		this.resize();
	}

	recolour() {
		this.p = palette();
		this.density.clear();
		this.patterns = {};
		this.dirty();
	}

	resize() {
		const {clientWidth: w, clientHeight: h} = this.root;
		if (w === 0 || h === 0) return;
		this.ratio = Math.min(2, window.devicePixelRatio || 1);
		for (const canvas of [this.canvas, this.over]) {
			canvas.width = Math.round(w * this.ratio);
			canvas.height = Math.round(h * this.ratio);
		}
		this.w = w;
		this.h = h;
		this.p = palette(); // texts may have another size, too
		this.rows();
		this.draw(); // at once: a canvas that has a new size is empty
	}

	dirty() {
		if (this.due) return;
		this.due = true;
		requestAnimationFrame(() => { this.due = false; this.draw(); });
	}

	// rows gives each fault of the plan a row in which it overlaps no other, as far as there are rows: in a fifth of the height.
	rows() {
		this.rowHeight = Math.max(7, Math.round(12 * this.p.size / 16));
		const ends = [], rows = Math.min(7, Math.max(2, Math.floor(0.2 * this.h / this.rowHeight)));
		this.faultRow = this.run.faults.map(f => {
			let row = ends.findIndex(end => end <= f.at);
			if (row < 0) row = ends.length < rows ? ends.length : ends.indexOf(Math.min(...ends));
			ends[row] = Math.max(ends[row] ?? 0, f.until);
			return row;
		});
		this.faultRows = ends.length;
	}

	layout() {
		const {p} = this, unit = p.size / 16;
		this.left = Math.round(84 * unit);
		this.right = this.w - padding;
		this.axisHeight = Math.round(24 * unit);
		this.track = this.axisHeight + this.faultRows * this.rowHeight;
		this.struck = this.track + 7 * unit; // the marks of what was done to the world
		this.top = this.track + Math.round(23 * unit);
		const lanes = Math.max(1, this.run.order.length), room = this.h - this.top - 6;
		this.lane = Math.min(150, Math.max(leastLane, room / lanes));
		const beyond = Math.max(0, lanes * this.lane - room);
		this.view.scroll = Math.min(Math.max(0, this.view.scroll), beyond);
		this.beyond = beyond;
		this.bottom = this.h - 2;
		this.r = Math.min(4.5, Math.max(1.2, this.lane * 0.085)) * unit;
		this.ribbon = Math.min(14, Math.max(2, this.lane * 0.22));
		this.scale = (this.right - this.left) / (this.view.to - this.view.from);
	}

	x(i) { return this.left + (this.view.coordinate(i) - this.view.from) * this.scale; }
	xOf(ns) { return this.left + (this.view.ofTime(ns) - this.view.from) * this.scale; }
	xApart({at, step}) { return step === undefined || step - this.run.first >= this.run.indexed ? this.xOf(at) : this.x(step - this.run.first); }
	xEnd(i) { return i < 0 ? this.x(Math.max(0, this.run.indexed - 1)) : this.x(i); }
	y(p) { return this.top + (this.run.lane[p] + 0.5) * this.lane - this.view.scroll; }
	coordinateAt(x) { return this.view.from + (x - this.left) / this.scale; }

	// placeAt is the node at a height; -1 for none.
	placeAt(y) {
		if (y < this.top) return -1;
		return this.run.order[Math.floor((y - this.top + this.view.scroll) / this.lane)] ?? -1;
	}

	lit(i) { return !this.fading || this.view.cone.has(i); }

	draw() {
		if (!this.w) return;
		const start = performance.now(), {c, view, run} = this;
		this.layout();
		this.fading = view.fading && view.cone !== null;
		this.from = view.index(view.from);
		this.to = view.index(view.to);
		this.dense = this.to - this.from > most;
		c.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
		c.fillStyle = this.p.paper;
		c.fillRect(0, 0, this.w, this.h);
		this.spots.n = 0;
		this.flights = [];
		this.flagged = -2; // where the last flag ends
		this.drawAxis();
		this.clipped(this.axisHeight, () => this.drawFaults());
		this.clipped(this.top, () => {
			this.drawLanes();
			if (view.apart) drawApart(this);
			if (this.dense) this.density.draw(this);
			this.drawOperations();
			if (!this.dense) {
				this.drawMessages();
				this.drawMarks();
			}
			this.drawSaid();
			this.drawPlayed();
			this.drawLives();
			this.drawFrontier();
		});
		if (!this.dense) this.clipped(this.track + 12 * this.p.size / 16, () => this.drawLabels()); // they may stand above the first lane
		if (view.apart) drawFirstApart(this);
		this.drawViolation();
		this.drawWitnesses();
		this.drawSelected();
		this.drawNames();
		this.hover();
		const ms = performance.now() - start;
		this.timings.push(ms);
		if (this.timings.length > 1000) this.timings.splice(0, 500);
		const data = this.canvas.dataset;
		data.mode = this.dense ? "density" : "arrows";
		data.items = this.to - this.from;
		data.flights = this.flights.length;
		data.from = view.from;
		data.to = view.to;
		this.canvas.setAttribute("aria-label", `Space-time diagram: ${run.order.length} nodes, steps ${this.from + run.first} to ${this.to + run.first - 1} in sight`);
	}

	clipped(top, f) {
		const {c} = this;
		c.save();
		c.beginPath();
		c.rect(this.left, top, this.w - this.left, this.h - top);
		c.clip();
		f();
		c.restore();
	}

	drawAxis() {
		const {c, p, view} = this;
		c.font = p.font(0.72);
		c.textBaseline = "middle";
		c.textAlign = "left";
		const units = view.axis === "time" ? 1 : 0;
		let step = nice((view.to - view.from) / Math.max(2, (this.right - this.left) / (110 * p.size / 16)));
		if (!units) step = Math.max(1, step);
		const digits = Math.max(0, Math.min(9, Math.ceil(9 - Math.log10(step) - 1e-9)));
		c.lineWidth = 1;
		for (let t = Math.ceil(view.from / step) * step; t <= view.to; t += step) {
			const x = this.left + (t - view.from) * this.scale;
			c.strokeStyle = p.rule;
			c.beginPath();
			c.moveTo(Math.round(x) + 0.5, this.axisHeight - 5);
			c.lineTo(Math.round(x) + 0.5, this.h);
			c.stroke();
			if (t < 0 || x < this.left - 1) continue;
			c.fillStyle = p.quiet;
			const label = units ? (t / 1e9).toFixed(digits) + " s" : grouped(t + this.run.first);
			if (x + c.measureText(label).width < this.w) c.fillText(label, x + 3, this.axisHeight / 2);
		}
		c.fillStyle = p.quiet;
		c.fillText(units ? "time" : "step", 12, this.axisHeight / 2);
	}

	// drawFaults draws the plan's faults: a bar each above the lanes, and a band behind those that it is about.
	drawFaults() {
		const {c, p, run, view} = this, faults = run.faults;
		const bottom = Math.min(this.bottom, this.top + run.order.length * this.lane - view.scroll);
		const drawn = new Float64Array(8).fill(-1); // the end of what is drawn in a row, so that a thousand bars are not a thousand
		const bars = Array.from({length: this.faultRows}, () => []);
		let inSight = 0;
		faults.forEach((f, n) => {
			const x1 = this.xOf(f.at), x2 = Number.isFinite(f.until) ? this.xOf(f.until) : this.right;
			if (x2 < this.left || x1 > this.right) return;
			inSight++;
			const row = this.faultRow[n], y = this.axisHeight + row * this.rowHeight, width = Math.max(2, x2 - x1), chosen = n === view.fault;
			if (!chosen && x2 < drawn[row] + 0.5) return;
			drawn[row] = Math.max(drawn[row], x2);
			c.globalAlpha = chosen ? 0.22 : this.dense ? 0.02 : 0.045;
			c.fillStyle = p.orange;
			const places = f.nodes.map(id => run.byID.get(id)).filter(q => q !== undefined);
			if (places.length > 0 && f.kind !== "partition" && f.kind !== "bridge" && f.kind !== "ring") {
				for (const q of places) {
					const y = Math.max(this.top, this.y(q) - this.lane / 2);
					c.fillRect(x1, y, width, Math.max(0, this.y(q) + this.lane / 2 - y));
				}
			} else {
				c.fillRect(x1, this.top, width, bottom - this.top);
			}
			faultBar(c, p, x1, y + 1, width, this.rowHeight - 2, chosen);
			bars[row].push({x1, x2, f, chosen});
		});
		c.globalAlpha = 1;
		bars.forEach((list, row) => this.labelFaults(list, this.axisHeight + row * this.rowHeight));
		// What was done to the world, as steps.
		const y = this.struck, marks = run.marks.faults;
		let last = -9;
		c.beginPath();
		for (let n = lowest(marks, this.from); n < marks.length && marks[n] < this.to; n++) {
			const x = this.x(marks[n]);
			if (x < last + 2) continue;
			last = x;
			mark(c, K.fault, x, y, 3.2);
			this.spot(marks[n], x, y);
		}
		c.fillStyle = p.orange;
		c.fill();
		this.canvas.dataset.faults = inSight;
	}

	// labelFaults writes onto the bars of a row, as far as the next bar.
	labelFaults(list, y) {
		const {c, p} = this;
		c.font = p.font(0.6, 500);
		c.textBaseline = "middle";
		let end = this.left;
		list.forEach(({x1, x2, f, chosen}, n) => {
			const from = Math.max(x1, this.left) + 4, to = Math.min(x2, this.right, list[n + 1]?.x1 ?? Infinity) - 2;
			const clear = from > end;
			end = Math.max(end, x2);
			if (!clear || to - from < 24) return;
			c.fillStyle = chosen ? p.paper : p.ink;
			c.fillText(fit(c, shown(`${f.kind} ${f.said}`, 80), to - from), from, y + this.rowHeight / 2 + 0.5);
		});
	}

	drawLanes() {
		const {c, p, run, view} = this;
		const first = Math.max(0, Math.floor(view.scroll / this.lane)), last = Math.min(run.order.length, Math.ceil((view.scroll + this.bottom - this.top) / this.lane));
		this.taken = []; // by labels: {x, y, to}
		this.firstLane = first;
		this.lastLane = last;
		for (let lane = first; lane < last; lane++) {
			const q = run.order[lane], of = run.places[q], y = this.y(q), half = this.ribbon / 2;
			if (lane > 0 && of.client && !run.places[run.order[lane - 1]].client) {
				c.fillStyle = p.rule;
				c.fillRect(this.left, y - this.lane / 2, this.right - this.left, 1);
			}
			const end = this.xEnd(-1);
			for (const life of within(of.lives, this.from, this.to)) {
				const x1 = Math.max(this.left - 20, this.x(life.from)), x2 = Math.min(this.right + 20, life.to < 0 ? end : this.x(life.to));
				if (x2 < this.left || x2 - x1 < 0.2) continue;
				if (life.state === "down") {
					c.fillStyle = this.pattern("down");
					c.fillRect(x1, y - half, x2 - x1, this.ribbon);
					continue;
				}
				c.globalAlpha = this.fading ? 0.6 : 1;
				c.fillStyle = p.faint;
				c.fillRect(x1, y - half, x2 - x1, this.ribbon);
				c.globalAlpha = 1;
				if (life.state === "paused") {
					c.fillStyle = this.pattern("paused");
					c.fillRect(x1, y - this.lane * 0.32, x2 - x1, this.lane * 0.64);
				}
			}
			for (const role of within(of.roles, this.from, this.to)) {
				const x1 = Math.max(this.left - 20, this.x(role.from)), x2 = Math.min(this.right + 20, role.to < 0 ? end : this.x(role.to));
				if (x2 < this.left || x1 > this.right) continue;
				c.fillStyle = roleColour(p, run.roles, role.role);
				c.globalAlpha = this.fading && !(role.from <= view.cone.last(q)) ? 0.25 : 0.6;
				c.fillRect(x1, y - half, Math.max(0.5, x2 - x1), this.ribbon);
				c.globalAlpha = 1;
				if (this.ribbon >= 10 && x2 - Math.max(x1, this.left) > 70 && !this.dense) {
					c.font = p.font(0.6);
					const text = shown(role.role, 20), x = Math.max(x1, this.left) + 14, under = y + this.ribbon / 2 + p.size * 0.42;
					this.taken.push({x, y: under, to: x + c.measureText(text).width, role: text});
				}
			}
		}
	}

	// drawPlayed writes the roles under their stretches.
	drawPlayed() {
		const {c, p} = this;
		c.font = p.font(0.6);
		c.textBaseline = "middle";
		for (const {x, y, role} of this.taken) this.write(role, x, y, p.quiet);
	}

	// drawLives marks where nodes boot, crash, pause and go on, with the numbers of their lives.
	drawLives() {
		const {c, p, run} = this, r = Math.max(2.5, this.r);
		for (let lane = this.firstLane; lane < this.lastLane; lane++) {
			const q = run.order[lane], y = this.y(q);
			let last = -99, lastNumber = -99, was = 0;
			for (const life of within(run.places[q].lives, this.from, this.to)) {
				const x = this.x(life.from), kind = run.columns.kind[life.from];
				if (x < this.left - 8 || x > this.right + 8 || x < last + 2) { was = life.life; continue; }
				last = x;
				c.globalAlpha = this.lit(life.from) ? 1 : 0.35;
				c.beginPath();
				mark(c, kind, x, y, r);
				c.fillStyle = markColour(p, kind);
				c.fill();
				if (!this.dense) this.spot(life.from, x, y);
				if (kind === K.boot && life.life !== was && this.lane > 22 && x > lastNumber + 14 && x > this.left - 4) {
					c.font = p.font(0.62, 600);
					c.textBaseline = "middle";
					this.write(String(life.life), x + 2 * r + 2, y, p.ink, this.lit(life.from) ? 1 : 0.35);
					lastNumber = x;
				}
				was = life.life;
			}
		}
		c.globalAlpha = 1;
	}

	pattern(kind) {
		return this.patterns[kind] ??= hatching(this.c, this.p, kind);
	}

	drawOperations() {
		const {c, p, run} = this, height = Math.min(18, Math.max(2.5, this.lane * 0.34));
		const ends = new Map();
		this.said = [];
		c.font = p.font(0.66);
		for (const op of run.operations) {
			if (op.from > this.to) break;
			if (op.to >= 0 && op.to < this.from) continue;
			const lane = run.lane[op.place];
			if (lane < this.firstLane || lane >= this.lastLane) continue;
			const x1 = this.x(op.from), x2 = Math.max(x1 + 1, this.xEnd(op.to)), y = this.y(op.place) - height / 2;
			if (x2 - x1 < 1.5 && x2 < (ends.get(lane) ?? -1) + 0.7) continue;
			ends.set(lane, x2);
			const colour = outcomeColour(p, op.outcome), lit = this.lit(op.from) || (op.to >= 0 && this.lit(op.to));
			c.globalAlpha = (lit ? 1 : 0.3) * 0.28;
			c.fillStyle = colour;
			c.beginPath();
			const a = Math.max(x1, this.left - 10), b = Math.min(x2, this.right + 20);
			c.roundRect(a, y, Math.max(1, b - a), height, Math.min(4, height / 3));
			c.fill();
			c.globalAlpha = lit ? 1 : 0.3;
			if (b - a > 4) {
				c.strokeStyle = colour;
				c.lineWidth = op.outcome === "ok" ? 1 : 1.5;
				c.setLineDash(op.outcome === "ok" ? [] : op.outcome === "fail" ? [6, 2] : [2, 2]);
				c.stroke();
				c.setLineDash([]);
			}
			if (b - a > 50 && height > 11) {
				const text = shown(op.input + (op.outcome === "pending" ? "" : " ⇒ " + (op.outcome === "ok" ? op.output : op.outcome)), 80), x = Math.max(a, this.left) + 6;
				this.said.push({text: fit(c, text, Math.min(b, this.right) - x - 4), x, y: y + height / 2 + 0.5, lit});
			}
		}
		c.globalAlpha = 1;
	}

	// drawSaid writes onto the bars of operations, over what crosses them.
	drawSaid() {
		const {c, p} = this;
		c.font = p.font(0.66);
		c.textBaseline = "middle";
		for (const {text, x, y, lit} of this.said) this.write(text, x, y, p.ink, lit ? 1 : 0.4);
	}

	// write writes a text that can be read whatever is behind it.
	write(text, x, y, colour, alpha = 1) {
		const {c, p} = this;
		c.globalAlpha = alpha;
		c.lineWidth = 3;
		c.lineJoin = "round";
		c.strokeStyle = p.paper;
		c.strokeText(text, x, y);
		c.fillStyle = colour;
		c.fillText(text, x, y);
		c.globalAlpha = 1;
	}

	// departure is where the packet of a step left its sender, which may have been busy since the step that had it sent.
	departure(i, from, because) {
		const {at, sent} = this.run.columns;
		if (because < 0 || this.view.axis === "time") return this.xOf(sent[i]);
		if (sent[i] <= at[because]) return this.x(because);
		const {steps} = this.run.places[from]; // on an axis of steps, at the last of its steps before
		return this.x(steps.list[Math.max(0, steps.from(this.run.at(sent[i] + 1)) - 1)]);
	}

	// drawMessages draws the arrows, from where messages left to where they arrived or were lost.
	drawMessages() {
		const {c, p, run} = this, {kind} = run.columns;
		const groups = {}; // by style: lists of x1, y1, x2, y2
		const many = this.to - this.from > crowd, seen = new Set(); // where there are many, one of those that look alike is drawn
		const put = (name, i, x1, y1, x2, y2) => {
			this.flights.push({i, x1, y1, x2, y2});
			if (many) {
				const alike = name + Math.round(x1) + "," + y1 + "," + Math.round(x2) + "," + y2;
				if (seen.has(alike)) return;
				seen.add(alike);
			}
			(groups[name] ??= []).push(x1, y1, x2, y2);
		};
		const arrow = i => {
			const k = kind[i];
			if ((k !== K.deliver && k !== K.drop) || run.place[i] < 0) return;
			const from = run.byID.get(run.columns.peer[i]);
			if (from === undefined) return;
			const because = run.cause(i), x2 = this.x(i), y2 = this.y(run.place[i]), y1 = this.y(from);
			const x1 = this.departure(i, from, because);
			if (Math.max(y1, y2) < this.top - 10 || Math.min(y1, y2) > this.h + 10) return;
			const style = k === K.drop ? "drop" : run.again[i] ? "again" : "sent";
			if (k === K.drop) { // it ends before it arrives
				const toward = Math.max(0.55, 1 - this.lane * 0.32 / Math.max(1, Math.abs(y2 - y1)));
				put((this.lit(i) ? "" : "dim ") + style, i, x1, y1, x1 + (x2 - x1) * toward, y1 + (y2 - y1) * toward);
			} else {
				put((this.lit(i) ? "" : "dim ") + style, i, x1, y1, x2, y2);
			}
		};
		for (let i = this.from; i < this.to; i++) arrow(i);
		run.under(this.to - 1, i => { if (i >= this.to) arrow(i); });
		const number = this.flights.length, crowded = Math.min(1, Math.max(0.25, 26 / Math.sqrt(number + 1)));
		for (const name of Object.keys(groups).sort()) {
			const lines = groups[name], dim = name.startsWith("dim"), style = name.slice(name.lastIndexOf(" ") + 1);
			c.strokeStyle = c.fillStyle = {drop: p.vermillion, again: p.purple, sent: p.blue}[style];
			c.globalAlpha = (dim ? 0.14 : style === "sent" ? 0.75 : 0.9) * crowded;
			c.lineWidth = dim || number > 2000 ? 0.8 : number < 200 ? 1.4 : 1.1;
			c.setLineDash(style === "drop" ? [5, 3] : style === "again" ? [7, 2, 2, 2] : []);
			if (number > 4000) c.setLineDash([]);
			c.beginPath();
			for (let n = 0; n < lines.length; n += 4) {
				c.moveTo(lines[n], lines[n + 1]);
				c.lineTo(lines[n + 2], lines[n + 3]);
				if (n % 512 === 508) { // a path of thousands takes longer than many short ones
					c.stroke();
					c.beginPath();
				}
			}
			c.stroke();
			c.setLineDash([]);
			if (number > 4000) continue;
			c.globalAlpha = dim ? 0.2 : Math.max(0.6, crowded);
			c.beginPath();
			const size = Math.min(1, 30 / Math.sqrt(number + 1)) * 4 + 3;
			for (let n = 0; n < lines.length; n += 4) {
				if (style === "drop") mark(c, K.drop, lines[n + 2], lines[n + 3], size * 0.6);
				else head(c, lines[n], lines[n + 1], lines[n + 2], lines[n + 3], size, style === "again");
			}
			if (style === "drop") { c.lineWidth = 1.6; c.stroke(); } else c.fill();
		}
		c.globalAlpha = 1;
	}

	// drawMarks draws what happened in the lanes. What happens at one moment is piled up.
	drawMarks() {
		const {c, p, run} = this, {kind} = run.columns, r = this.r, number = this.to - this.from;
		const piles = new Map(), groups = new Map();
		const small = number > 3000 ? 0.7 : 1, many = number > crowd, seen = new Set();
		for (let i = this.from; i < this.to; i++) {
			const q = run.place[i], k = kind[i];
			if (q < 0 || k === K.boot || k === K.crash || k === K.pause || k === K.resume || k === K.drop) continue;
			const lane = run.lane[q];
			if (lane < this.firstLane || lane >= this.lastLane) continue;
			const x = this.x(i);
			let y = this.y(q);
			if (k === K.fact || k === K.sync) {
				const key = 2 * q + (k === K.fact ? 0 : 1), pile = piles.get(key);
				let level = 0;
				if (pile && x - pile.x < 1.6 * r) level = Math.min(pile.level + 1, 5);
				piles.set(key, {x: level === 0 ? x : pile.x, level});
				const base = this.ribbon / 2 + 1.6 * r, room = Math.max(0, this.lane * 0.46 - base - r), step = Math.min(2.1 * r, room / 5);
				y += (k === K.fact ? -1 : 1) * Math.min(base + level * step, this.lane * 0.46);
			}
			const key = (this.lit(i) ? 0 : 16) + k;
			let list = groups.get(key);
			if (!list) groups.set(key, list = []);
			this.spot(i, x, y);
			if (many) {
				const alike = key * 1e8 + Math.round(y * 2) * 1e4 + Math.round(x);
				if (seen.has(alike)) continue;
				seen.add(alike);
			}
			list.push(x, y);
		}
		for (const key of [...groups.keys()].sort((a, b) => b - a)) {
			const list = groups.get(key), k = key & 15, size = r * small * (k === K.deliver ? 0.7 : k === K.invoke || k === K.return ? 0.6 : 1);
			c.globalAlpha = key & 16 ? 0.22 : 1;
			c.fillStyle = c.strokeStyle = markColour(p, k);
			if (many) { // shapes cannot be told apart there
				for (let n = 0; n < list.length; n += 2) c.fillRect(list[n] - size / 2, list[n + 1] - size / 2, size, size);
				continue;
			}
			c.beginPath();
			for (let n = 0; n < list.length; n += 2) mark(c, k, list[n], list[n + 1], size);
			if (hollow.has(k)) {
				c.lineWidth = 1.1;
				c.globalAlpha *= 0.9;
				c.stroke();
			} else c.fill();
		}
		c.globalAlpha = 1;
	}

	// drawLabels says what the steps are, where there is room.
	drawLabels() {
		const {c, p, run, view} = this, {kind} = run.columns;
		this.canvas.dataset.labels = 0;
		if (this.to - this.from > 400 || this.lane < 34) return;
		c.font = p.font(0.64);
		c.textBaseline = "alphabetic";
		const {taken} = this, high = 0.7 * p.size;
		const free = (x, y, to) => !taken.some(t => Math.abs(t.y - y) < high && x < t.to + 6 && to > t.x);
		let labels = 0;
		const order = [];
		for (let s = 0; s < this.spots.n; s++) {
			const i = this.spots.i[s], k = kind[i];
			if (k === K.fact || k === K.deliver || k === K.timer) order.push([i === view.selected ? 0 : k === K.fact ? 1 : k === K.deliver ? 2 : 3, s]);
		}
		order.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
		for (const [, s] of order) {
			const i = this.spots.i[s], x = this.spots.x[s] + 5, k = kind[i];
			if (x < this.left || x > this.right || this.spots.y[s] < this.top) continue;
			const q = run.place[i], y = k === K.fact ? this.spots.y[s] - 1.6 * this.r : this.y(q) + (k === K.timer ? this.lane * 0.44 : this.ribbon / 2 + p.size * 0.66 + this.r);
			if (!free(x, y, x + 40)) continue;
			const texts = view.texts(i);
			if (!texts) continue;
			const text = shown(texts.text || kinds[k], 44), width = c.measureText(text).width;
			if (!free(x, y, x + width)) continue;
			taken.push({x, y, to: x + width});
			this.write(text, x, y, k === K.fact ? p.ink : p.quiet, this.lit(i) ? 1 : 0.3);
			labels++;
		}
		this.canvas.dataset.labels = labels;
	}

	// drawFrontier marks in each lane how far the chosen step knows.
	drawFrontier() {
		if (!this.fading) return;
		const {run, view} = this, places = [];
		for (let lane = this.firstLane; lane < this.lastLane; lane++) {
			const q = run.order[lane], last = view.cone.last(q);
			if (last < 0 || last === view.selected) continue;
			const x = this.x(last);
			if (x >= this.left && x <= this.right) places.push({x, y: this.y(q), height: Math.min(10, this.lane * 0.3)});
		}
		frontierMarks(this.c, this.p, places);
	}

	drawViolation() {
		const {c, p, run} = this, v = run.violation;
		if (!v || (v.at >= run.indexed && v.at >= 0)) return;
		if (v.at < 0 && !run.complete) return;
		const x = v.at < 0 ? this.xEnd(-1) + 1 : this.x(v.at);
		if (x < this.left || x > this.right + padding) return;
		violationLine(c, p, x, this.axisHeight, this.bottom);
		const q = v.at >= 0 ? run.place[v.at] : run.byID.get(v.node) ?? -1;
		if (q >= 0) this.drawStar(x, this.y(q));
		c.fillStyle = p.vermillion;
		this.flag(x, "violation");
	}

	// drawStar marks a violation, or an operation that shows it.
	drawStar(x, y) {
		if (y > this.top) violationStar(this.c, this.p, x, y, Math.max(6, this.r * 2.2));
	}

	drawWitnesses() {
		for (const op of this.run.witnesses()) {
			const x = this.xEnd(op.to);
			if (x >= this.left && x <= this.right) this.drawStar(x, this.y(op.place));
		}
	}

	// flag names, on the axis, what a line at x marks, with so much of it before x. It has the colour that is set.
	flag(x, label, before = 0.5) {
		const {c, p} = this;
		c.font = p.font(0.68, 600);
		const width = c.measureText(label).width + 12, left = Math.min(Math.max(this.left, x - before * width, this.flagged + 2), this.w - width - 2);
		this.flagged = left + width;
		c.beginPath();
		c.roundRect(left, 3, width, this.axisHeight - 7, 4);
		c.fill();
		c.fillStyle = p.paper;
		c.textBaseline = "middle";
		c.fillText(label, left + 6, this.axisHeight / 2);
	}

	drawSelected() {
		const {c, p, run, view} = this, i = view.selected;
		if (i < 0) return;
		const x = this.x(i), q = run.place[i];
		if (x < this.left || x > this.right + 1) return;
		let y = q < 0 ? this.struck : this.y(q);
		for (let s = 0; s < this.spots.n; s++) if (this.spots.i[s] === i) y = this.spots.y[s];
		c.strokeStyle = p.accent;
		c.lineWidth = 1;
		c.globalAlpha = 0.6;
		c.beginPath();
		c.moveTo(x, this.axisHeight);
		c.lineTo(x, this.bottom);
		c.stroke();
		c.globalAlpha = 1;
		if (y < this.axisHeight) return;
		c.lineWidth = 2.5;
		c.beginPath();
		c.arc(x, y, Math.max(7, 2.2 * this.r), 0, 7);
		c.stroke();
	}

	drawNames() {
		const {c, p, run, view} = this;
		c.fillStyle = p.paper;
		c.fillRect(0, this.top - 1, this.left, this.h);
		c.fillRect(0, this.axisHeight, this.left - 2, this.top - this.axisHeight);
		c.textBaseline = "middle";
		c.textAlign = "left";
		if (this.faultRows > 0 || run.marks.faults.length > 0) {
			c.font = p.font(0.72);
			c.fillStyle = p.quiet;
			c.fillText("faults", 12, (this.axisHeight + this.top) / 2);
		}
		const small = Math.min(0.8, Math.max(0.62, this.lane / p.size / 1.15)); // where all of them fit then
		const every = Math.ceil(1.15 * p.size * small / this.lane - 1e-9), at = view.selected;
		c.save();
		c.beginPath();
		c.rect(0, this.top - 0.4 * p.size, this.left, this.h);
		c.clip();
		for (let lane = this.firstLane; lane < this.lastLane; lane++) {
			const q = run.order[lane], of = run.places[q], y = this.y(q);
			const chosen = at >= 0 ? run.lane[run.place[at]] ?? -1 : -1;
			if (lane !== chosen && (lane % every !== 0 || Math.abs(lane - chosen) < every && chosen >= 0)) continue;
			const role = at >= 0 ? run.roleAt(q, at) : "", life = at >= 0 ? run.lifeAt(q, at) : undefined, two = this.lane > 2 * p.size;
			c.font = p.font(small, at >= 0 && run.place[at] === q ? 700 : 500);
			c.fillStyle = p.ink;
			const name = shown(of.name, 40);
			c.fillText(fit(c, name, this.left - 18), 12, two ? y - p.size * 0.42 : y);
			if (!two || !life) continue;
			c.font = p.font(0.62);
			c.fillStyle = p.quiet;
			const state = life.state === "up" ? role || (of.client ? `client, n${of.id}` : "up") : life.state;
			c.fillText(fit(c, clean(life.life > 1 ? `${state} · ${life.life}` : state), this.left - 26), 22, y + p.size * 0.45);
			c.fillStyle = life.state === "up" ? role ? roleColour(p, run.roles, role) : p.quiet : life.state === "down" ? p.paper : p.orange;
			c.strokeStyle = p.quiet;
			c.lineWidth = 1;
			c.beginPath();
			c.arc(15, y + p.size * 0.45, 3.2, 0, 7);
			c.fill();
			if (life.state === "down") c.stroke();
		}
		c.restore();
		if (this.beyond > 0) { // where among the lanes one is
			const room = this.h - this.top, part = room / (room + this.beyond);
			c.fillStyle = p.rule;
			c.beginPath();
			c.roundRect(2, this.top + view.scroll / (room + this.beyond) * room, 4, Math.max(20, part * room), 2);
			c.fill();
		}
	}

	spot(i, x, y) {
		const s = this.spots;
		if (s.n === s.i.length) return;
		s.x[s.n] = x;
		s.y[s.n] = y;
		s.i[s.n++] = i;
	}

	// hit is the step at a place of the canvas; -1 for none.
	hit(x, y) {
		const {spots, run} = this;
		if (this.dense) {
			const q = this.placeAt(y);
			if (q < 0 || x < this.left) return -1;
			const steps = run.places[q].steps, n = steps.from(this.view.index(this.coordinateAt(x)));
			let best = -1, least = 12;
			for (const m of [n - 1, n]) {
				if (m < 0 || m >= steps.length) continue;
				const d = Math.abs(this.x(steps.list[m]) - x);
				if (d < least) { least = d; best = steps.list[m]; }
			}
			return best;
		}
		let best = -1, least = 100;
		for (let s = 0; s < spots.n; s++) {
			const d = (spots.x[s] - x) ** 2 + (spots.y[s] - y) ** 2;
			if (d < least) { least = d; best = spots.i[s]; }
		}
		if (best >= 0) return best;
		least = 36;
		for (const f of this.flights) {
			const d = apart(x, y, f);
			if (d < least) { least = d; best = f.i; }
		}
		return best;
	}

	// hover draws what is under the pointer onto a canvas of its own.
	hover() {
		const c = this.over.getContext("2d"), {p, run, view} = this;
		c.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
		c.clearRect(0, 0, this.w, this.h);
		const at = this.pointer;
		if (!at || this.dragging || at.x < this.left) { this.tip.hidden = true; return; }
		const f = this.faultAt(at.x, at.y), i = f < 0 ? this.hit(at.x, at.y) : -1;
		this.canvas.style.cursor = i >= 0 || f >= 0 ? "pointer" : "grab";
		if (i < 0 && f < 0) { this.tip.hidden = true; return; }
		if (f >= 0) {
			const fault = run.faults[f];
			this.tip.replaceChildren(el("b", {}, shown(fault.kind, 40)), el("span", {}, shown(fault.said, 200)), el("small", {}, `${time(fault.at)} to ${Number.isFinite(fault.until) ? time(fault.until) : "the end"}`));
		} else {
			const texts = view.texts(i), {columns} = run;
			const from = columns.peer[i] !== 0 ? ` from ${shown(this.trace.name(columns.peer[i]), 30)}` : "";
			this.tip.replaceChildren(
				el("b", {}, `${shown(this.trace.name(columns.node[i]), 30)} ${kinds[columns.kind[i]] ?? "?"}${run.again[i] ? " again" : ""}${from}`),
				el("span", {}, texts ? shown(texts.text, 240) : "…"),
				el("small", {}, `step ${grouped(i + run.first)} at ${time(columns.at[i])}${this.flight(i)}`));
			const x = this.x(i);
			for (const line of this.flights) {
				if (line.i !== i) continue;
				c.strokeStyle = p.accent;
				c.lineWidth = 2;
				c.beginPath();
				c.moveTo(line.x1, line.y1);
				c.lineTo(line.x2, line.y2);
				c.stroke();
			}
			if (run.place[i] >= 0) {
				c.strokeStyle = p.accent;
				c.lineWidth = 1.5;
				c.beginPath();
				c.arc(x, this.y(run.place[i]), 6, 0, 7);
				c.stroke();
			}
		}
		this.tip.hidden = false;
		const {offsetWidth: w, offsetHeight: h} = this.tip;
		this.tip.style.left = Math.max(4, Math.min(at.x + 14, this.w - w - 4)) + "px";
		this.tip.style.top = (at.y + 18 + h > this.h ? Math.max(4, at.y - h - 12) : at.y + 18) + "px";
	}

	flight(i) {
		const {kind, at, sent} = this.run.columns;
		return kind[i] === K.deliver || kind[i] === K.drop ? `, ${span(at[i] - sent[i])} on its way` : "";
	}

	faultAt(x, y) {
		if (y < this.axisHeight || y >= this.track) return -1;
		const row = Math.floor((y - this.axisHeight) / this.rowHeight);
		return this.run.faults.findLastIndex((f, n) => this.faultRow[n] === row && this.xOf(f.at) - 2 <= x && x <= Math.max(this.xOf(f.at) + 3, Number.isFinite(f.until) ? this.xOf(f.until) : this.right));
	}

	pointing() {
		const {canvas, view} = this, down = new Map();
		const place = e => { const box = canvas.getBoundingClientRect(); return {x: e.clientX - box.left, y: e.clientY - box.top}; };
		canvas.addEventListener("wheel", e => {
			e.preventDefault();
			const unit = e.deltaMode === 1 ? 16 : e.deltaMode === 2 ? 400 : 1;
			if (e.shiftKey && this.beyond > 0) {
				view.scroll += (e.deltaY || e.deltaX) * unit;
				this.density.repaint();
				this.dirty();
			} else if (Math.abs(e.deltaX) > Math.abs(e.deltaY) || e.shiftKey) {
				view.pan((e.deltaX || e.deltaY) * unit / (this.right - this.left));
			} else {
				view.zoom(Math.exp(-e.deltaY * unit * (e.ctrlKey ? 0.01 : 0.0022)), this.coordinateAt(place(e).x));
			}
		}, {passive: false});
		canvas.addEventListener("pointerdown", e => {
			if (e.button !== 0) return;
			canvas.setPointerCapture(e.pointerId);
			down.set(e.pointerId, place(e));
			this.moved = 0;
		});
		canvas.addEventListener("pointermove", e => {
			const now = place(e), last = down.get(e.pointerId);
			this.pointer = now;
			if (!last) { this.hover(); return; }
			down.set(e.pointerId, now);
			this.moved += Math.abs(now.x - last.x) + Math.abs(now.y - last.y);
			if (down.size === 2) { // a pinch
				const [other] = [...down].filter(([id]) => id !== e.pointerId).map(([, at]) => at);
				const before = Math.abs(last.x - other.x), after = Math.abs(now.x - other.x);
				if (before > 8 && after > 8) view.zoom(after / before, this.coordinateAt((now.x + other.x) / 2));
				return;
			}
			if (this.moved < 4) return;
			this.dragging = true;
			canvas.style.cursor = "grabbing";
			if (this.beyond > 0) {
				view.scroll -= now.y - last.y;
				this.density.repaint();
				this.dirty();
			}
			view.pan((last.x - now.x) / (this.right - this.left));
		});
		const up = e => {
			const at = down.get(e.pointerId);
			down.delete(e.pointerId);
			if (!at) return;
			if (e.type === "pointerup" && !this.dragging) this.click(at.x, at.y);
			if (down.size === 0) this.dragging = false;
			this.hover();
		};
		canvas.addEventListener("pointerup", up);
		canvas.addEventListener("pointercancel", up);
		canvas.addEventListener("pointerleave", () => { this.pointer = undefined; this.hover(); });
		canvas.addEventListener("dblclick", e => view.zoom(4, this.coordinateAt(place(e).x)));
	}

	click(x, y) {
		const f = this.faultAt(x, y);
		if (f >= 0) { this.view.chooseFault(f); return; }
		const i = this.hit(x, y);
		if (i >= 0) this.view.select(i, false);
	}

	// bring scrolls to the lane of a step.
	bring(i) {
		if (!this.beyond || this.run.place[i] < 0) return;
		const y = this.y(this.run.place[i]);
		if (y < this.top + this.lane || y > this.h - this.lane) {
			this.view.scroll += y - (this.top + this.h) / 2;
			this.density.repaint();
			this.dirty();
		}
	}
}

// nice is the round number not below x: 1, 2 or 5 times a power of ten.
function nice(x) {
	const power = 10 ** Math.floor(Math.log10(x));
	return power * (x <= power ? 1 : x <= 2 * power ? 2 : x <= 5 * power ? 5 : 10);
}

// within yields the stretches that overlap a range of indexes. They are in order.
function* within(list, from, to) {
	let low = 0, high = list.length;
	while (low < high) {
		const middle = (low + high) >> 1;
		if (list[middle].to >= 0 && list[middle].to < from) low = middle + 1; else high = middle;
	}
	for (; low < list.length && list[low].from < to; low++) yield list[low];
}

// lowest is where in a list the first number is that is not below n.
function lowest(list, n) {
	let low = 0, high = list.length;
	while (low < high) {
		const middle = (low + high) >> 1;
		if (list[middle] < n) low = middle + 1; else high = middle;
	}
	return low;
}

function head(c, x1, y1, x2, y2, size, twice) {
	const length = Math.hypot(x2 - x1, y2 - y1);
	if (length < 1.5 * size) return;
	const ux = (x2 - x1) / length, uy = (y2 - y1) / length;
	for (let n = 0; n < (twice ? 2 : 1); n++) {
		const tipX = x2 - ux * size * 0.9 * n, tipY = y2 - uy * size * 0.9 * n, x = tipX - ux * size, y = tipY - uy * size;
		c.moveTo(tipX, tipY);
		c.lineTo(x - uy * size * 0.42, y + ux * size * 0.42);
		c.lineTo(x + uy * size * 0.42, y - ux * size * 0.42);
		c.closePath();
	}
}

// apart is how far a point is from a line, squared.
function apart(x, y, {x1, y1, x2, y2}) {
	const dx = x2 - x1, dy = y2 - y1, t = Math.min(1, Math.max(0, ((x - x1) * dx + (y - y1) * dy) / (dx * dx + dy * dy || 1)));
	return (x - x1 - t * dx) ** 2 + (y - y1 - t * dy) ** 2;
}

function fit(c, text, width) {
	if (c.measureText(text).width <= width) return text;
	let n = text.length;
	while (n > 1 && c.measureText(text.slice(0, n) + "…").width > width) n--;
	return text.slice(0, n) + "…";
}
