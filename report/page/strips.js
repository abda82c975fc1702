// The logs of nodes as aligned strips, at the chosen step: records coloured by epoch, what is committed and what is durable
// marked, and where logs disagree.

import {el, grouped, shown} from "./text.js";
import {contentsAt} from "./logs.js";

export function mount(root, trace, view) {
	const {run} = view;
	const told = el("p", {class: "quiet"});
	const earlier = el("button", {type: "button", title: "records before these", click: () => move(-1)}, "← earlier");
	const later = el("button", {type: "button", title: "records behind these", click: () => move(1)}, "later →");
	const follow = el("button", {type: "button", "aria-pressed": "true", title: "show the ends of the logs", click: () => { end = null; draw(); }}, "ends");
	const box = el("div", {class: "strips", tabindex: 0, role: "region", "aria-label": "logs at the chosen step"});
	root.append(el("div", {class: "bar"}, told, el("div", {class: "group"}, earlier, later, follow)), box);
	let end = null; // the last column; null for that of the longest log
	let first = 0, last = 0, widest = 48; // columns: what there is room for

	const move = by => {
		end = Math.max(first + Math.round(by * widest / 2) + widest - 1, widest - 1);
		draw();
	};

	function draw() {
		if (root.hidden) return;
		widest = Math.max(8, Math.floor((box.clientWidth / rem() - 14) / 1.5));
		const at = view.selected, logs = run.logs.list().map(log => ({log, ...{c: contentsAt(log, at)}}));
		const epochs = [...new Set(logs.flatMap(({c}) => [...c.records.values()].map(r => r.epoch)))].filter(e => e !== "")
			.sort((a, b) => a.localeCompare(b, "en", {numeric: true}));
		const longest = Math.max(0, ...logs.map(({c}) => Math.max(c.last, c.committed)));
		last = end ?? longest;
		first = Math.max(0, last - widest + 1);
		if (logs.every(({c}) => !c.records.has(0))) first = Math.max(1, first);
		earlier.disabled = first <= 1;
		later.disabled = last >= longest;
		follow.setAttribute("aria-pressed", end === null);
		told.textContent = logs.length === 0 ? "Nobody has said anything of a log up to this step."
			: `At step ${grouped(at + run.first)}: records ${grouped(first)} to ${grouped(last)}. An edge is what a node takes for committed; a dot, what it has durable; a frame, where logs of one name disagree.`;
		box.replaceChildren();
		for (const name of [...new Set(logs.map(l => l.log.name))]) {
			box.append(table(name, logs.filter(l => l.log.name === name), epochs));
		}
	}

	function table(name, logs, epochs) {
		const columns = [];
		for (let i = first; i <= last; i++) columns.push(i);
		const differ = new Set(columns.filter(i => {
			const seen = new Set(logs.filter(l => l.c.records.has(i)).map(l => l.c.records.get(i)).map(r => r.epoch + " " + r.text));
			return seen.size > 1;
		}));
		const head = el("tr", {}, el("th", {scope: "col"}, name === "" ? "log of" : shown(name, 24)),
			...columns.map(i => el("th", {scope: "col", class: "index"}, i % 5 === 0 || columns.length <= 12 ? grouped(i) : "")),
			el("th", {scope: "col"}, "length"), el("th", {scope: "col"}, "committed"));
		const rows = logs.map(({log, c}) => el("tr", {},
			el("th", {scope: "row"}, shown(trace.name(log.node), 24)),
			...columns.map(i => cell(c, i, epochs, differ.has(i))),
			el("td", {class: "number"}, c.last < 0 ? "–" : grouped(c.last)),
			el("td", {class: "number"}, c.committed < 0 ? "–" : grouped(c.committed))));
		return el("table", {class: "strip"}, el("thead", {}, head), el("tbody", {}, ...rows));
	}

	function cell(c, i, epochs, differs) {
		const r = c.records.get(i);
		const classes = ["cell"];
		if (i < c.low) classes.push("trimmed");
		if (r) classes.push("e" + (r.epoch === "" ? 0 : 1 + epochs.indexOf(r.epoch) % 6));
		if (i === c.committed) classes.push("committed");
		if (i <= c.synced) classes.push("synced");
		if (r && differs) classes.push("differs");
		const words = r ? `record ${i}${r.epoch === "" ? "" : " of " + shown(r.epoch, 20)}${r.text === "" ? "" : ": " + shown(r.text, 120)}` : i < c.low ? `record ${i} is trimmed` : `no record ${i}`;
		const e = el("td", {
			class: classes.join(" "), title: `${words}${i <= c.committed ? ", committed" : ""}${differs && r ? ", and others have another" : ""}`,
		}, r ? shown(r.epoch, 3) : "");
		if (r) e.addEventListener("click", () => view.select(r.at));
		return e;
	}

	new ResizeObserver(draw).observe(root);
	view.on("select progress look", draw);
	return {show: draw};
}

function rem() { return parseFloat(getComputedStyle(document.documentElement).fontSize) || 16; }
