// Curves over the time of a run: operations by outcome, their latency, messages for each, lengths of logs and how far each
// is behind the longest.

import {uPlot} from "./vendor/uPlot.js";
import {palette} from "./palette.js";
import {el, count, grouped, shown} from "./text.js";
import {K} from "./run.js";

const bins = 120, most = 8; // most: logs that are drawn

export function mount(root, trace, view) {
	const {run} = view;
	root.classList.add("prose");
	const box = el("div", {class: "curves"});
	root.append(box);
	let plots = [];

	function draw() {
		if (root.hidden || !run.complete) {
			if (!run.complete) box.replaceChildren(el("p", {class: "quiet"}, "The run is still being read."));
			return;
		}
		plots.forEach(p => p.destroy());
		plots = [];
		box.replaceChildren();
		const p = palette();
		box.curves = curves(run, trace, p); // kept for tests
		for (const c of box.curves) {
			const figure = el("figure", {}, el("figcaption", {}, c.title), el("p", {class: "hidden"}, `${c.words} ${c.series.map(s => said(s, c.unit)).join(" ")}`));
			box.append(figure);
			const axis = label => ({label, stroke: p.quiet, grid: {stroke: p.rule}, ticks: {stroke: p.rule}, font: p.font(.72), labelFont: p.font(.75), labelSize: 18, size: label === "time, s" ? 34 : 54});
			plots.push(new uPlot({
				...size(figure), legend: {live: true}, cursor: {drag: {x: false, y: false}},
				scales: {x: {time: false}, y: {range: (_, low, high) => [Math.min(0, low), high > 0 ? 1.05 * high : 1]}},
				axes: [axis("time, s"), axis(c.unit)],
				series: [{label: "time, s"}, ...c.series.map(s => ({label: s.name, stroke: s.colour, dash: s.dash, width: 1.5, points: {show: true, size: 4, filter: alone}, paths: s.stepped ? uPlot.paths.stepped({align: 1}) : undefined}))],
				hooks: {ready: [u => u.over.addEventListener("click", () => {
					const ns = 1e9 * u.posToVal(u.cursor.left, "x");
					view.select(Math.max(0, run.at(ns) - 1));
				})]},
			}, [c.x, ...c.series.map(s => s.y)], figure));
		}
		if (plots.length === 0) box.append(el("p", {class: "quiet"}, "There are no operations and no logs in this run."));
	}

	view.on("look", draw);
	addEventListener("resize", () => plots.forEach(p => p.setSize(size(p.root.parentElement))));
	view.on("progress", () => { if (run.complete) draw(); });
	return {show: draw};
}

// size is that of the plot in a figure, which has its place in the grid by now.
const size = figure => ({width: Math.max(240, figure.clientWidth), height: 210});

// said tells a curve to who cannot see it.
function said({name, y}, unit) {
	const known = y.filter(v => v !== null), number = v => grouped(Number(v.toPrecision(3)));
	if (known.length === 0) return `${name}: none.`;
	return `${name}: ${number(Math.min(...known))} to ${number(Math.max(...known))} ${unit}, ${number(known[known.length - 1])} at the end.`;
}

// alone are the places of values without a neighbour, through which no line goes.
function alone(u, series) {
	const y = u.data[series];
	return y.flatMap((v, n) => v !== null && (y[n - 1] ?? null) === null && (y[n + 1] ?? null) === null ? [n] : []);
}

// curves are those that a run has: {title, unit, words, x, series: [{name, y, colour, dash}]}.
function curves(run, trace, p) {
	const {at, kind} = run.columns, end = run.length > 0 ? at[run.length - 1] : 0, list = [];
	const start = trace.first > trace.file.first ? at[0] : 0; // of a part of a run, nothing is known of what was before
	if (end <= start) return list;
	const size = (end - start) / bins, middle = Array.from({length: bins}, (_, b) => (start + (b + 0.5) * size) / 1e9);
	const bin = ns => Math.min(bins - 1, Math.floor((ns - start) / size)), zeros = () => new Array(bins).fill(0);
	const done = run.operations.filter(o => o.to >= 0);
	if (done.length > 0) {
		const by = {ok: zeros(), fail: zeros(), info: zeros()}, took = Array.from({length: bins}, () => []);
		for (const o of done) {
			const b = bin(at[o.to]);
			(by[o.outcome] ?? by.info)[b]++;
			if (o.outcome === "ok") took[b].push((at[o.to] - at[o.from]) / 1e6);
		}
		const per = `of ${(size / 1e9).toPrecision(2)} s each`;
		list.push({
			title: `operations that ended, by outcome, ${per}`, unit: "operations", x: middle,
			words: `${count(done.length, "operation")} ended.`,
			series: [
				{name: "ok", y: by.ok, colour: p.green}, {name: "fail", y: by.fail, colour: p.vermillion, dash: [6, 3]},
				{name: "info", y: by.info, colour: p.orange, dash: [2, 3]},
			],
		});
		took.forEach(t => t.sort((a, b) => a - b));
		const quantile = q => took.map(t => t.length > 0 ? t[Math.ceil(q * t.length) - 1] : null); // the least with a share of q not above it
		list.push({
			title: "latency of operations that succeeded, by when they ended", unit: "ms", x: middle,
			words: "Median, 95th and 99th percentile, and maximum, of each stretch of time.",
			series: [
				{name: "median", y: quantile(0.5), colour: p.blue}, {name: "95 %", y: quantile(0.95), colour: p.orange, dash: [6, 3]},
				{name: "99 %", y: quantile(0.99), colour: p.purple, dash: [8, 3, 2, 3]}, {name: "longest", y: quantile(1), colour: p.vermillion, dash: [2, 3]},
			],
		});
		const sent = zeros(), ended = zeros();
		for (let i = 0; i < run.length; i++) if (kind[i] === K.deliver || kind[i] === K.drop) sent[bin(at[i])]++;
		for (const o of done) ended[bin(at[o.to])]++;
		let messages = 0, operations = 0;
		const mean = sent.map((n, b) => {
			messages += n;
			operations += ended[b];
			return operations > 0 ? messages / operations : null;
		});
		list.push({
			title: "messages for each operation, so far", unit: "messages", x: middle, words: "Messages that arrived or were lost, by operations that ended.",
			series: [{name: "messages", y: mean, colour: p.purple}],
		});
	}
	return list.concat(ofLogs(run, trace, p, middle, start, size));
}

// ofLogs are the lengths of logs, how far each is behind the longest of its name, and how far readers are.
function ofLogs(run, trace, p, x, start, size) {
	const {at} = run.columns, all = run.logs.list(), shownLogs = all.slice(0, most), readers = [...run.logs.readers.values()];
	if (all.length === 0) return [];
	const colours = [p.blue, p.orange, p.green, p.vermillion, p.purple, p.sky, p.quiet], dashes = [undefined, [6, 3], [2, 3], [8, 3, 2, 3]];
	const over = (log, f) => { // a number that operations change, at the end of each bin
		const y = [];
		let last = 0, k = 0;
		for (let b = 0; b < bins; b++) {
			for (; k < log.ops.length && at[log.ops[k].at] <= start + (b + 1) * size; k++) last = f(log.ops[k], last);
			y.push(last);
		}
		return y;
	};
	const longest = new Map(); // by name
	const lengths = all.map(log => {
		const y = over(log, ending), most = longest.get(log.name);
		longest.set(log.name, most ? most.map((n, b) => Math.max(n, y[b])) : y);
		return y;
	});
	const series = (logs, values) => logs.map((log, i) => ({
		name: shown(typeof log.of === "string" ? log.of : trace.name(log.of), 16) + (log.name === "" ? "" : " " + shown(log.name, 12)), y: values[i], colour: colours[i % colours.length],
		dash: dashes[Math.floor(i / colours.length + i) % dashes.length], stepped: true,
	}));
	const of = n => n > most ? `, ${most} of ${n}` : "";
	const list = [{title: "last record of each log" + of(all.length), unit: "index", x, words: "The number of the last record in each log.", series: series(shownLogs, lengths)}];
	const lag = shownLogs.map((log, i) => longest.get(log.name).map((n, b) => n - lengths[i][b]));
	if (lag.some(y => y.some(n => n > 0))) {
		list.push({title: "lag: records that each log is behind the longest" + of(all.length), unit: "records", x, words: "How far each log is behind.", series: series(shownLogs, lag)});
	}
	const reading = readers.filter(r => longest.has(r.name)).slice(0, most);
	if (reading.length > 0) {
		const behind = reading.map(r => over(r, op => op.index ?? 0).map((next, b) => Math.max(0, longest.get(r.name)[b] + 1 - next)));
		list.push({title: "lag: records that each reader has yet to read" + of(readers.length), unit: "records", x, words: "How far each reader is behind the end of the log.", series: series(reading, behind)});
	}
	return list;
}

// ending is the last index of a log after an operation.
function ending(op, last) {
	switch (op.does) {
	case "forget": return 0;
	case "append": return op.to ?? op.index ?? last;
	case "truncate": return Math.min(last, op.index ?? last);
	default: return last;
	}
}
