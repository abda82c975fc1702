// The plan's faults. Each leads to its band in the diagram.

import {List} from "./list.js";
import {el, time, span, count, shown} from "./text.js";

export function mount(root, trace, view) {
	const {run} = view, {faults} = run;
	root.append(el("div", {class: "bar"}, el("p", {class: "quiet"}, faults.length > 0 ? `${count(faults.length, "fault")} in the plan. What they struck stands among the steps.` : "There are no faults in the plan.")));
	if (faults.length === 0) return undefined;
	const list = new List(root, "faults of the plan", 1.9, {
		length: () => faults.length,
		fill: (row, k) => {
			row.classList.add("fault");
			const f = faults[k], until = Number.isFinite(f.until);
			row.replaceChildren(
				el("span", {class: "at", title: "its number in the plan, as diff takes it"}, String(f.number)),
				el("span", {class: "at"}, time(f.at)),
				el("span", {class: "at"}, f.until === f.at ? "" : until ? "to " + time(f.until) : "for ever"),
				el("span", {class: "node"}, f.until > f.at && until ? span(f.until - f.at) : ""),
				el("span", {class: "kind k-fault"}, shown(f.kind, 40)),
				el("span", {class: "what"}, shown(f.said, 300)));
		},
		pick: k => view.chooseFault(k),
		chosen: () => view.fault,
	});
	view.on("fault", () => list.bring(view.fault));
	return {show() { list.bring(view.fault); }};
}
