// The logs of nodes as aligned strips, at the chosen step: records coloured by epoch, what is committed and what is durable
// marked, and where logs disagree.

import {el, grouped, shown} from "./text.js";
import {contentsAt} from "./logs.js";

export function mount(root, trace, view) {
	const {run} = view;
	const told = el("p", {class: "quiet"});
	const earlier = el("button", {type: "button", title: "records before these"}, "← earlier");
	const later = el("button", {type: "button", title: "records behind these"}, "later →");
	const follow = el("button", {type: "button", "aria-pressed": "true", title: "show the ends of the logs", click: () => { back = 0; draw(); }}, "ends");
	const box = el("div", {class: "strips", tabindex: 0, role: "region", "aria-label": "logs at the chosen step"});
	root.append(el("div", {class: "bar"}, told, el("div", {class: "group"}, earlier, later, follow)), box);
	let back = 0; // columns that the ends of the logs are away; 0 for the ends

	const move = by => {
		back = Math.max(0, back + by);
		draw();
	};

	function draw() {
		if (root.hidden) return;
		const widest = Math.max(8, Math.floor((box.clientWidth / rem() - 19) / 1.42)), half = Math.round(widest / 2); // columns there is room for
		earlier.onclick = () => move(half);
		later.onclick = () => move(-half);
		const logs = run.logs.list().map(log => ({log, c: contentsAt(log, view.selected)}));
		const all = new Set(logs.flatMap(({c}) => [...c.records.values()].map(r => r.epoch)));
		const epochs = [...all].filter(e => e !== "")
			.sort((a, b) => a.localeCompare(b, "en", {numeric: true}));
		const groups = [...new Set(logs.map(l => l.log.name))].map(name => { // each has columns of its own
			const list = logs.filter(l => l.log.name === name), least = list.some(({c}) => c.records.has(0)) ? 0 : 1;
			const longest = Math.max(least, ...list.map(({c}) => Math.max(c.last, c.committed)));
			const last = Math.max(Math.min(longest, least + widest - 1), longest - back);
			return {name, list, last, first: Math.max(least, last - widest + 1), least};
		});
		earlier.disabled = groups.every(g => g.first <= g.least);
		later.disabled = back === 0;
		follow.setAttribute("aria-pressed", back === 0);
		told.textContent = logs.length === 0 ? "Nobody has said anything of a log up to this step."
			: `At step ${grouped(view.selected + run.first)}. A thick edge is how far a node takes it for committed; a line below, what it has durable; a frame, where logs of one name disagree.${all.has("") ? " Colours are epochs; a record is grey if no fact tells in which one it was written." : ""}`;
		box.replaceChildren(...groups.map(g => table(g, epochs)));
	}

	function table({name, list, first, last}, epochs) {
		const columns = [];
		for (let i = first; i <= last; i++) columns.push(i);
		const differ = new Set(columns.filter(i => {
			const seen = new Set(list.filter(l => l.c.records.has(i)).map(l => l.c.records.get(i)).map(r => r.epoch + " " + r.text));
			return seen.size > 1;
		}));
		const head = el("tr", {}, el("th", {scope: "col"}, name === "" ? "log of" : shown(name, 24)),
			...columns.map(i => el("th", {scope: "col", class: "index"}, i % 5 === 0 || columns.length <= 12 ? grouped(i) : "")),
			...["last", "committed", "durable"].map(text => el("th", {scope: "col", class: "number"}, text)));
		const rows = list.map(({log, c}) => el("tr", {},
			el("th", {scope: "row"}, shown(trace.name(log.of), 24)),
			...columns.map(i => cell(c, i, epochs, differ.has(i))),
			...[c.last, c.committed, c.synced].map(n => el("td", {class: "number"}, n < 0 ? "–" : grouped(n)))));
		return el("table", {class: "strip"}, el("thead", {}, head), el("tbody", {}, ...rows));
	}

	function cell(c, i, epochs, differs) {
		const r = c.records.get(i);
		const classes = ["cell"];
		if (i < c.low) classes.push("trimmed");
		if (r) classes.push("e" + (r.epoch === "" ? 0 : 1 + epochs.indexOf(r.epoch) % 6));
		if (i === c.committed) classes.push("committed");
		if (r && i <= c.synced) classes.push("synced");
		if (r && differs) classes.push("differs");
		const words = r ? `record ${i}${r.epoch === "" ? "" : " of " + shown(r.epoch, 20)}${r.text === "" ? "" : ": " + shown(r.text, 120)}` : i < c.low ? `record ${i} is trimmed` : `no record ${i}`;
		const e = el("td", {
			class: classes.join(" "), title: `${words}${i <= c.committed ? ", committed" : ""}${r && i <= c.synced ? ", durable" : ""}${differs && r ? ", and others have another" : ""}`,
		}, r ? shown(r.epoch || (r.text.length <= 3 ? r.text : ""), 3) : "");
		if (r) e.addEventListener("click", () => view.select(r.at));
		return e;
	}

	new ResizeObserver(draw).observe(root);
	view.on("select progress look", draw);
	return {show: draw};
}

function rem() { return parseFloat(getComputedStyle(document.documentElement).fontSize) || 16; }
