// What came of the run, and how to repeat it; and its story.

import {story as served} from "./source.js";
import {violated} from "./run.js";
import {el, duration, span, time, grouped, count, shown, lines, clip} from "./text.js";

export function mount(root, trace, view) {
	const h = trace.header, {run, about} = view, p = run.plan;
	root.classList.add("prose");
	if (h.property) {
		root.append(el("h2", {class: "bad"}, violated(h) ? "Violated: " : "Undecided: ", shown(h.property, 1000)),
			h.step ? el("p", {}, "Seen at ", run.violation ? stepLink(view, h.step) : el("a", {href: `?to=${h.step}`}, `step ${grouped(h.step)}`), h.node ? `, of ${shown(trace.name(h.node), 60)}` : "", ".") : el("p", {}, "Seen when all was over."),
			el("pre", {class: "detail"}, lines(clip(h.detail ?? "", 20000))));
	} else {
		root.append(el("h2", {class: h.verdict === "valid" ? "good" : ""}, shown(h.verdict || "no verdict", 1000)));
	}
	if (about.commands?.length) root.append(...commands(about.commands));
	if (about.links?.length) root.append(el("h3", {}, "Beside this page"), el("ul", {}, ...about.links.map(l => el("li", {}, safeLink(l)))));
	const facts = el("dl", {});
	const say = (term, what) => { if (what !== undefined && what !== "") facts.append(el("dt", {}, term), el("dd", {}, shown(what, 400))); };
	say("scenario", h.scenario);
	say("seed", h.seed);
	if (p.nodes) say("cluster", `${count(p.nodes, "node")}, ${count(p.clients, "client")}`);
	if (p.duration) say("faults for", p.duration);
	if (p.link) say("links", words(p.link));
	if (p.client_link) say("client links", words(p.client_link));
	if (p.disk) say("disks", words(p.disk));
	if (p.core) say("core", [].concat(p.core).map(id => trace.name(id)).join(" "));
	if (Array.isArray(p.ops) && p.ops.length) say("operations", count(p.ops.length, "operation"));
	const [from, to] = trace.frames.length > 0 ? [trace.frames[0].from, trace.frames[trace.frames.length - 1].to] : [0, 0];
	say("took", `${count(trace.columns.length, "step")}, ${span(to - from)} of virtual time`);
	say("hash", h.hash ? BigInt(h.hash).toString(16).padStart(16, "0") : "");
	say("build", [h.module, h.revision, h.go, h.arch].filter(x => x).join(" "));
	root.append(el("h3", {}, "The run"), facts);
	if (run.faults.length > 0) root.append(el("h3", {}, `The plan's ${count(run.faults.length, "fault")}`), faults(view));
}

// faults lists those of the plan; each leads to its band in the diagram.
function faults(view) {
	return el("ol", {class: "faults"}, ...view.run.faults.map((f, k) => el("li", {},
		el("button", {type: "button", class: "link", click: () => view.chooseFault(k)}, time(f.at)), " ", shown(`${f.kind} ${f.said}`, 300),
		f.until === f.at ? "" : Number.isFinite(f.until) ? `, for ${span(f.until - f.at)}` : ", for ever")));
}

// commands are lines to type, each with a button that copies it.
export function commands(list) {
	return [el("h3", {}, "Commands"), el("ul", {class: "commands"}, ...list.map(c => {
		const code = el("code", {tabindex: 0}, shown(c.line, 4000)), done = el("span", {class: "quiet", role: "status"});
		return el("li", {}, el("span", {class: "for"}, shown(c.for, 60)), code, el("button", {type: "button", title: `copy the line that is to ${shown(c.for, 60)}`, click: () => copy(c.line, code, done)}, "copy"), done);
	}))];
}

// words are the fields of a plan's part.
function words(part) { return Object.entries(part).map(([k, v]) => `${k.replaceAll("_", " ")} ${typeof v === "object" ? JSON.stringify(v) : k.endsWith("_ppm") ? "" + v : v}`).join(", "); }

// safeLink is a link to a file beside the page, and to nothing else.
function safeLink(l) {
	const file = String(l.file);
	if (/^[a-z][a-z0-9+.-]*:|^[/\\]/i.test(file.replace(/[\u0000-\u0020]/g, ""))) return shown(`${l.text}: ${file}`, 400);
	return el("a", {href: "./" + file.toWellFormed().split("/").map(encodeURIComponent).join("/")}, shown(l.text, 200));
}

async function copy(text, code, done) {
	try {
		await navigator.clipboard.writeText(text);
	} catch { // no clipboard from a file: the line is selected instead, and copied as of old
		getSelection().selectAllChildren(code);
		document.execCommand("copy");
	}
	done.textContent = "copied";
	setTimeout(() => { done.textContent = ""; }, 2000);
}

function stepLink(view, n) {
	return el("button", {type: "button", class: "link", click: () => view.select(n - view.run.first)}, `step ${grouped(n)}`);
}

// mountStory shows the sentences of a story: {step, at_ns, text}. Those that tell a step lead there. A server is asked for them.
export function mountStory(root, trace, view) {
	root.classList.add("prose");
	if (!view.about.served) { tell(root, view, view.about.story); return; }
	root.append(el("p", {class: "quiet"}, "The trace is being read for its story."));
	served().then(story => tell(root, view, story), e => root.replaceChildren(el("p", {class: "bad"}, "There is no story: " + shown(e.message, 400))));
}

function tell(root, view, story) {
	const {first, last} = view.trace;
	const when = (step, at) => step >= first && step <= last
		? el("button", {type: "button", class: "when link", title: `to step ${step}`, click: () => view.select(step - first)}, time(at))
		: el("a", {class: "when", title: `to the part with step ${step}`, href: `?to=${step}`}, time(at));
	const items = story.map(({step, at_ns: at, text}) => {
		const item = el("li", {}, step ? when(step, at) : el("span", {class: "when"}), el("span", {}, shown(text, 2000)));
		if (step) item.dataset.step = step;
		return item;
	});
	root.replaceChildren(el("ol", {class: "story"}, ...items));
	const mark = () => items.forEach(item => item.classList.toggle("here", Number(item.dataset.step) === view.selected + view.run.first));
	view.on("select", mark);
	mark();
}
