// The chosen step: what it was, what it came of, what came of it. It is also told in words to who cannot see it.

import {K} from "./run.js";
import {kinds} from "./trace.js";
import {el, exact, span, grouped, count, shown, time} from "./text.js";

export function mount(root, trace, view) {
	const {run} = view, live = document.getElementById("live");
	const body = el("div", {class: "card"});
	const button = (text, title, f) => el("button", {type: "button", title, click: f}, text);
	root.append(el("div", {class: "stepping", role: "group", "aria-label": "stepping"},
		button("← step", "the step before (,)", () => move(view, -1)),
		button("step →", "the next step (.)", () => move(view, 1)),
		button("← node", "the step before of the same node (Shift ,)", () => move(view, -1, true)),
		button("node →", "the next step of the same node (Shift .)", () => move(view, 1, true)),
		button("cause", "to the step that this one came of (c)", () => toCause(view)),
		button("effect", "to the first step that came of this one (e)", () => toEffect(view)),
	), body);
	let spoken = -1;
	const draw = () => {
		const i = view.selected;
		if (i < 0) { body.replaceChildren(el("p", {class: "quiet"}, "No step is chosen yet. Click a mark, or press . and , to step.")); return; }
		const {columns} = run, k = columns.kind[i], texts = view.texts(i), name = id => id === 0 ? "the world" : shown(trace.name(id), 60);
		const kind = kinds[k] ?? "?", peer = columns.peer[i];
		const said = texts && k === K.fact ? run.say(texts.text) : "";
		const facts = el("dl", {});
		const say = (term, ...what) => facts.append(el("dt", {}, term), el("dd", {}, ...what));
		say("time", exact(columns.at[i]));
		const life = run.place[i] >= 0 ? run.lifeAt(run.place[i], i) : undefined, role = run.place[i] >= 0 ? run.roleAt(run.place[i], i) : "";
		if (life) say("node", `${name(columns.node[i])}${run.places[run.place[i]].client ? `, which is n${columns.node[i]}` : ""}, incarnation ${columns.life[i] || life.life}${role ? ", " + shown(role, 40) : ""}`);
		if (peer !== 0) say("from", name(peer));
		const because = run.cause(i);
		const packet = k === K.deliver || k === K.drop;
		if (because >= 0) say(packet ? "sent by" : "of", link(view, because), packet && columns.sent[i] > columns.at[because] ? `, left ${span(columns.sent[i] - columns.at[because])} after that` : "");
		if (packet) say("on its way", span(columns.at[i] - columns.sent[i]));
		const effects = run.effects(i, 9);
		if (effects.length > 0) say("led to", ...effects.slice(0, 8).flatMap((j, n) => n === 0 ? [link(view, j)] : [", ", link(view, j)]), effects.length > 8 ? ", …" : "");
		if (columns.packet[i]) say("packet", String(columns.packet[i]) + (run.again[i] ? ", delivered before" : ""));
		if (columns.lamport[i]) say("Lamport", grouped(columns.lamport[i]));
		const changes = el("ul", {class: "changes"}, ...(texts?.changes ?? []).map(c => el("li", {},
			el("b", {}, shown(c.path, 200)), " ", c.from === "" ? el("ins", {}, "+" + shown(c.to, 300)) : el("del", {}, shown(c.from, 300)), c.from === "" ? "" : " → ", c.from === "" ? "" : el("ins", {}, c.to === "" ? "gone" : shown(c.to, 300)))));
		body.replaceChildren(
			el("h2", {}, el("span", {class: "kind k-" + kind}, kind + (run.again[i] ? " again" : "")), ` step ${grouped(i + run.first)}`, el("small", {}, " ", name(columns.node[i]))),
			el("p", {class: "text"}, texts ? shown(texts.text, 1200) || (k === K.boot ? `incarnation ${columns.life[i]}` : "") : "…"),
			said ? el("p", {class: "said"}, `${name(columns.node[i])} ${shown(said, 400)}.`) : "",
			facts,
			changes.children.length > 0 ? el("h3", {}, "changed its state") : "", changes,
			...(texts?.logs?.length ? [el("h3", {}, "logged"), el("ul", {class: "logs"}, ...texts.logs.slice(0, 40).map(l => el("li", {}, el("b", {}, name(l.node)), " ", shown(l.text, 1000))))] : []));
		if (texts && spoken !== i) {
			spoken = i;
			const violated = run.violation?.at === i ? " The violation was seen here." : "";
			live.textContent = `Step ${i + run.first} at ${time(columns.at[i])}: ${name(columns.node[i])}, ${kind}${peer !== 0 ? " from " + name(peer) : ""} ${shown(texts.text, 200)}.${violated} ${count(view.cone.list().length, "step")} in its causal past, ${count(texts.changes.length, "change")}.`;
		}
	};
	view.on("select texts", draw);
	view.on("progress", () => { if (run.complete) draw(); });
	draw();
}

// link goes to a step.
function link(view, i) {
	const {run} = view;
	return el("button", {type: "button", class: "link", click: () => view.select(i)}, `step ${grouped(i + run.first)} ${kinds[run.columns.kind[i]] ?? ""}`);
}

// move goes a step on or back: over all, or over those of the same node.
export function move(view, direction, same = false) {
	const {run, selected} = view;
	if (selected < 0) { view.select(direction > 0 ? 0 : run.indexed - 1); return; }
	view.select(same ? run.neighbour(selected, direction) : selected + direction);
}

export function toCause(view) {
	if (view.selected >= 0) view.select(view.run.cause(view.selected));
}

export function toEffect(view) {
	if (view.selected < 0) return;
	const [first] = view.run.effects(view.selected, 1);
	if (first !== undefined) view.select(first);
}

// across goes to what is nearest in the lane above or below.
export function across(view, direction) {
	const {run, selected} = view;
	if (selected < 0) return;
	for (let lane = (run.place[selected] < 0 ? -1 : run.lane[run.place[selected]]) + direction; lane >= 0 && lane < run.order.length; lane += direction) {
		const {steps} = run.places[run.order[lane]];
		if (steps.length === 0) continue;
		const k = Math.min(steps.from(selected), steps.length - 1), x = j => Math.abs(view.coordinate(steps.list[j]) - view.coordinate(selected));
		view.select(steps.list[k > 0 && x(k - 1) <= x(k) ? k - 1 : k]);
		return;
	}
}
