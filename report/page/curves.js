// Curves over the time of a run: operations by outcome, their latency, messages for each, lengths of logs and how far each
// is behind the longest.

import {uPlot} from "./vendor/uPlot.js";
import {palette} from "./palette.js";
import {el, count, shown} from "./text.js";
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
		const p = palette(), width = Math.max(280, Math.min(560, box.clientWidth / 2 - 24));
		for (const c of curves(run, trace, p)) {
			const figure = el("figure", {}, el("figcaption", {}, c.title), el("p", {class: "hidden"}, c.words));
			box.append(figure);
			const axis = label => ({label, stroke: p.quiet, grid: {stroke: p.rule}, ticks: {stroke: p.rule}, font: p.font(.72), labelFont: p.font(.75), labelSize: 18, size: label === "time, s" ? 34 : 54});
			plots.push(new uPlot({
				width, height: 210, legend: {live: true}, cursor: {drag: {x: false, y: false}},
				scales: {x: {time: false}, y: {range: (_, low, high) => [Math.min(0, low), high > 0 ? 1.05 * high : 1]}},
				axes: [axis("time, s"), axis(c.unit)],
				series: [{label: "time, s"}, ...c.series.map(s => ({label: s.name, stroke: s.colour, dash: s.dash, width: 1.5, points: {show: false}, paths: s.stepped ? uPlot.paths.stepped({align: 1}) : undefined}))],
				hooks: {ready: [u => u.over.addEventListener("click", () => {
					const ns = 1e9 * u.posToVal(u.cursor.left, "x");
					view.select(Math.max(0, run.at(ns) - 1));
				})]},
			}, [c.x, ...c.series.map(s => s.y)], figure));
		}
		if (plots.length === 0) box.append(el("p", {class: "quiet"}, "There are no operations and no logs in this run."));
	}

	view.on("look", draw);
	view.on("progress", () => { if (run.complete) draw(); });
	return {show: draw};
}

// curves are those that a run has: {title, unit, words, x, series: [{name, y, colour, dash}]}.
function curves(run, trace, p) {
	const {at, kind} = run.columns, end = run.length > 0 ? at[run.length - 1] : 0, list = [];
	if (end === 0) return list;
	const size = end / bins, middle = Array.from({length: bins}, (_, b) => (b + 0.5) * size / 1e9);
	const bin = ns => Math.min(bins - 1, Math.floor(ns / size)), zeros = () => new Array(bins).fill(0);
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
		const quantile = q => took.map(t => t.length > 0 ? t[Math.min(t.length - 1, Math.floor(q * t.length))] : null);
		list.push({
			title: "latency of operations that succeeded, by when they ended", unit: "ms", x: middle,
			words: "Median, 90th percentile and maximum of each stretch of time.",
			series: [
				{name: "median", y: quantile(0.5), colour: p.blue}, {name: "90 %", y: quantile(0.9), colour: p.orange, dash: [6, 3]},
				{name: "longest", y: quantile(1), colour: p.vermillion, dash: [2, 3]},
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
	return list.concat(ofLogs(run, trace, p, middle, size));
}

function ofLogs(run, trace, p, x, size) {
	const {at} = run.columns, logs = run.logs.list().slice(0, most);
	if (logs.length === 0) return [];
	const colours = [p.blue, p.orange, p.green, p.vermillion, p.purple, p.sky, p.yellow, p.quiet], dashes = [undefined, [6, 3], [2, 3], [8, 3, 2, 3]];
	const lengths = logs.map(log => {
		const y = [];
		let last = 0, k = 0;
		for (let b = 0; b < bins; b++) {
			for (; k < log.ops.length && at[log.ops[k].at] <= (b + 1) * size; k++) last = ending(log.ops[k], last);
			y.push(last);
		}
		return y;
	});
	const name = log => shown(trace.name(log.node), 16) + (log.name === "" ? "" : " " + shown(log.name, 12));
	const series = values => logs.map((log, i) => ({name: name(log), y: values[i], colour: colours[i % colours.length], dash: dashes[i % dashes.length], stepped: true}));
	const of = logs.map(log => log.name);
	const lag = lengths.map((y, i) => y.map((n, b) => Math.max(...lengths.filter((_, j) => of[j] === of[i]).map(z => z[b])) - n));
	const more = run.logs.all.size > most ? `, of ${most} of ${run.logs.all.size}` : "";
	const list = [{title: "last record of each log" + more, unit: "index", x, words: "The number of the last record in each log.", series: series(lengths)}];
	if (lag.some(y => y.some(n => n > 0))) {
		list.push({title: "records that each log is behind the longest" + more, unit: "records", x, words: "How far each log is behind.", series: series(lag)});
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
