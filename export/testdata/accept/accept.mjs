// Reads exports as the tools that they are for do, and says what is wrong with them: node accept.mjs FILE…
// The end of a file's name is the format.
import { readFileSync } from "node:fs";
import { parseEDNString } from "edn-data";
import mermaid from "mermaid";

// ShiViz is not published as a package. From a file it takes its expression as it stands in the first line, between ^ and $
// and with the flags m and g; here JavaScript does the rest as ShiViz does: all matches in turn, clocks by JSON.parse.
function shiviz(text) {
	const [expression, delimiter] = text.split("\n", 2);
	if (delimiter !== "") throw new Error("the second line is a delimiter");
	const log = text.slice(text.indexOf("\n", text.indexOf("\n") + 1) + 1).trim();
	const events = [...log.matchAll(new RegExp(`^${expression}$`, "gm"))];
	const lines = log === "" ? 0 : log.split("\n").length;
	if (events.length !== lines) throw new Error(`${events.length} events in ${lines} lines`);
	const own = new Map();
	for (const { groups } of events) {
		const clock = JSON.parse(groups.clock);
		const next = (own.get(groups.host) ?? 0) + 1;
		if (!Object.hasOwn(clock, groups.host) || clock[groups.host] !== next || groups.host in Object.prototype)
			throw new Error(`${groups.host} at step ${groups.step}: ${groups.clock}`);
		own.set(groups.host, next);
	}
	return events.length;
}

function perfetto(text) {
	const { traceEvents } = JSON.parse(text);
	for (const e of traceEvents)
		if (!"BEXisfM".includes(e.ph) || !Number.isFinite(e.ts)) throw new Error(JSON.stringify(e));
	return traceEvents.length;
}

function jepsen(text) {
	const lines = text.split("\n").slice(0, -1);
	for (const line of lines) {
		const op = parseEDNString(line, { mapAs: "object", keywordAs: "string" });
		if (!["invoke", "ok", "fail", "info"].includes(op.type) || typeof op.index !== "number") throw new Error(line);
	}
	return lines.length;
}

const readers = {
	shiviz, perfetto, jepsen,
	elle: (text) => JSON.parse(text).length,
	otlp: (text) => JSON.parse(text).resourceSpans.length,
	jsonl: (text) => text.split("\n").slice(0, -1).map((line) => JSON.parse(line)).length,
	mermaid: async (text) => {
		const { diagramType } = await mermaid.parse(text);
		if (diagramType !== "sequence") throw new Error(diagramType);
		return text.split("\n").length - 1;
	},
};

let bad = 0;
for (const file of process.argv.slice(2)) {
	const format = file.slice(file.lastIndexOf(".") + 1);
	try {
		console.log(`${file}: ${await readers[format](readFileSync(file, "utf8"))}`);
	} catch (err) {
		console.log(`${file}: REFUSED ${err.message}`);
		bad++;
	}
}
process.exit(bad > 0 ? 1 : 0);
