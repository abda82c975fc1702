// The state of the page: which part of the run is looked at, and which step is chosen. Everything that shows something
// listens to it; nothing else is shared.

import {Cone} from "./causal.js";
import {Job} from "./tasks.js";

// View emits
//
//	window    other times, lanes or another axis are looked at
//	select    another step is chosen
//	progress  more of the run is loaded
//	texts     texts are at hand that were asked for
//	look      colours, sizes, what fades
//	hits      what a search has found
//	fault     another fault is chosen
export class View {
	constructor(trace, run, about) {
		this.trace = trace;
		this.run = run;
		this.about = about;
		this.axis = "time";
		this.from = 0;              // of the window, in units of the axis: nanoseconds or steps
		this.to = 1;
		this.scroll = 0;            // of the lanes, in pixels
		this.selected = -1;         // an index
		this.cone = null;           // the causal past of what is selected
		this.fading = true;         // of all that is not in it
		this.fault = -1;            // in run.faults
		this.hits = [];             // indexes, in order
		this.ends = null;           // of a time axis that is not the run's own
		this.pair = undefined;      // what there is of a run beside this one
		this.part = undefined;      // the first and the last of the steps that were asked for, if that is not all there is
		this.suffix = "";           // of ids in the document
		this.listeners = new Map();
		this.asked = new Set();     // frames whose texts are wanted
		this.reading = false;
		this.whole();
	}

	on(kinds, f) {
		for (const kind of kinds.split(" ")) {
			if (!this.listeners.has(kind)) this.listeners.set(kind, []);
			this.listeners.get(kind).push(f);
		}
	}

	emit(kind) { for (const f of this.listeners.get(kind) || []) f(kind); }

	fade() {
		this.fading = !this.fading;
		this.emit("look");
	}

	// coordinate is where a step is on the axis.
	coordinate(i) { return this.axis === "time" ? this.run.columns.at[i] : i; }

	// place is the index of the first step not before a coordinate.
	index(x) { return this.axis === "time" ? this.run.at(x) : Math.min(this.run.indexed, Math.max(0, Math.ceil(x))); }

	// ofTime is where a time is on the axis.
	ofTime(ns) { return this.axis === "time" ? ns : this.run.at(ns); }

	// limits are the ends of the axis. Those of a pair have a time axis in common.
	limits() {
		const {frames} = this.trace;
		if (this.axis === "time" && this.ends) return this.ends;
		if (this.axis === "steps") return [-0.5, Math.max(1, this.run.length) - 0.5];
		if (frames.length === 0) return [0, 1e9];
		const from = frames[0].from, to = frames[frames.length - 1].to;
		return [from, Math.max(to, from + this.least())];
	}

	// least is the smallest window.
	least() { return this.axis === "time" ? 1000 : 6; }

	// look sets the window. Some room beyond the ends is left.
	look(from, to) {
		const [low, high] = this.limits(), room = 0.02 * (high - low);
		let width = Math.max(to - from, this.least());
		width = Math.min(width, high - low + 2 * room);
		const margin = Math.max(room, 0.4 * width);
		let start = (from + to - width) / 2;
		start = Math.min(Math.max(start, Math.min(low - margin, low - room)), Math.max(high + margin, high + room) - width);
		if (start === this.from && start + width === this.to) return;
		this.from = start;
		this.to = start + width;
		this.emit("window");
	}

	whole() {
		const [low, high] = this.limits(), room = 0.02 * (high - low);
		this.look(low - room, high + room);
	}

	// zoom makes the window narrower by a factor, around a coordinate.
	zoom(factor, around = this.anchor()) {
		const share = (around - this.from) / (this.to - this.from);
		const width = Math.max((this.to - this.from) / factor, this.least());
		this.look(around - share * width, around + (1 - share) * width);
	}

	// anchor is what a zoom without a pointer goes to: the chosen step, where it is in sight.
	anchor() {
		const x = this.selected < 0 ? NaN : this.coordinate(this.selected);
		return x >= this.from && x <= this.to ? x : (this.from + this.to) / 2;
	}

	pan(share) {
		const by = share * (this.to - this.from);
		this.look(this.from + by, this.to + by);
	}

	// setAxis changes between time and steps; what is looked at stays.
	setAxis(axis) {
		if (axis === this.axis) return;
		const {run} = this, [low, high] = this.limits(), all = this.to - this.from >= high - low;
		const from = this.index(this.from), to = this.index(this.to);
		this.axis = axis;
		this.from = this.to = 0;
		if (all || run.indexed === 0) this.whole();
		else this.look(this.coordinate(Math.min(from, run.indexed - 1)), this.coordinate(Math.min(to, run.indexed - 1)));
	}

	// around has the chosen step in a window that holds about so many steps: in the middle, unless the run ends there.
	around(i, steps = 60) {
		const {run} = this, half = steps / 2;
		const a = this.coordinate(Math.max(0, i - half)), b = this.coordinate(Math.min(run.indexed - 1, i + half));
		const x = this.coordinate(i), reach = Math.max(x - a, b - x, this.least() / 2);
		const empty = Math.max(0, x + 1.1 * reach - this.limits()[1] - 0.7 * reach); // some room is for texts
		this.look(x - 1.1 * reach - empty, x + 1.1 * reach - empty);
	}

	// span has all from one step to another in the window, and no more than some room beside.
	span(from, to) {
		const a = this.coordinate(from), b = this.coordinate(to), room = Math.max(0.02 * (b - a), this.least() / 2);
		this.look(a - room, b + room);
	}

	// select chooses a step, by index. The window follows unless it stays.
	select(i, follow = true) {
		if (i < 0 || i >= this.run.indexed) return;
		if (i !== this.selected) {
			this.selected = i;
			this.cone = new Cone(this.run, i);
			this.emit("select");
		}
		if (follow) this.reveal(i);
	}

	// reveal moves the window to a step that is not in it.
	reveal(i) {
		const x = this.coordinate(i), width = this.to - this.from;
		if (x < this.from + 0.015 * width || x > this.to - 0.015 * width) this.look(x - width / 2, x + width / 2);
	}

	chooseFault(f) {
		this.fault = f;
		const {at, until} = this.run.faults[f], [, high] = this.limits();
		const from = this.ofTime(at), to = Math.min(this.ofTime(Math.min(until, 1e18)), high);
		const room = Math.max(0.6 * (to - from), this.axis === "time" ? 2e7 : 20);
		this.look(from - room, to + room);
		this.emit("fault");
	}

	find(hits) {
		this.hits = hits;
		this.emit("hits");
	}

	// texts are {text, changes, logs} of a step if they are at hand; if not, there will be an event when they are.
	texts(i) {
		const {trace} = this, n = i + this.run.first, frame = trace.frameOf(n);
		const steps = trace.known(frame);
		if (steps) return steps[n - trace.frames[frame].first];
		this.asked.delete(frame);
		this.asked.add(frame); // what was asked for last is read first
		if (!this.reading) this.read();
		return undefined;
	}

	async read() {
		this.reading = true;
		await null; // so that all of a drawing is asked for
		while (this.asked.size > 0) {
			const frame = [...this.asked].pop();
			this.asked.delete(frame);
			if (this.asked.size > 32) this.asked.clear(); // nobody looks there any more
			await new Promise(done => new Job().start(async pause => { await this.trace.steps(frame, pause); done(); }).catch(e => { this.failed?.(e); done(); }));
			this.emit("texts");
		}
		this.reading = false;
	}
}
