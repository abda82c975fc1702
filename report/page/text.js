// How things are said: times, names, texts of traces, and elements that hold them. What a trace says never becomes markup.

// el makes an element: el("p", {class: "quiet"}, "text", child). Attributes that are functions are listeners.
export function el(tag, attributes, ...children) {
	const e = document.createElement(tag);
	for (const [name, value] of Object.entries(attributes || {})) {
		if (typeof value === "function") e.addEventListener(name, value);
		else if (value === true) e.setAttribute(name, "");
		else if (value !== false && value !== undefined && value !== null) e.setAttribute(name, value);
	}
	e.append(...children.filter(c => c !== null && c !== undefined));
	return e;
}

// time is virtual time in nanoseconds as the command line has it, in whole milliseconds: 7.110s.
export function time(ns) { return (Math.floor(ns / 1e6) / 1e3).toFixed(3) + "s"; }

// exact is a time in full: 7.110345 s.
export function exact(ns) {
	const [whole, rest] = (ns / 1e9).toFixed(9).split(".");
	return `${grouped(Number(whole))}.${rest.replace(/0{1,6}$/, "")} s`;
}

const units = [["h", 3600e9], ["min", 60e9], ["s", 1e9], ["ms", 1e6], ["µs", 1e3], ["ns", 1]];

// span is a length of time with a unit: 12.3 ms.
export function span(ns) {
	const [unit, size] = units.find(([, size]) => Math.abs(ns) >= size) || units[units.length - 1];
	return `${Number((ns / size).toPrecision(3))} ${unit}`;
}

// duration reads Go's durations, "1m2.5s", and "forever": nanoseconds. NaN for anything else.
export function duration(text) {
	if (text === "forever") return Infinity;
	let sum = 0, rest = String(text);
	if (rest === "0" || rest === "") return rest === "" ? NaN : 0;
	const sizes = {h: 3600e9, m: 60e9, s: 1e9, ms: 1e6, "µs": 1e3, "μs": 1e3, us: 1e3, ns: 1};
	while (rest !== "") {
		const m = /^([0-9.]+)(h|ms|m|s|µs|μs|us|ns)/.exec(rest);
		if (!m) return NaN;
		sum += Number(m[1]) * sizes[m[2]];
		rest = rest.slice(m[0].length);
	}
	return sum;
}

const thin = "\u202f";

// grouped is a whole number that can be read: 1 000 000, with narrow spaces.
export function grouped(n) { return String(n).replace(/\B(?=(\d{3})+(?!\d))/g, thin); }

// count is "1 step", "5 steps".
export function count(n, noun) { return `${grouped(n)} ${noun}${n === 1 ? "" : "s"}`; }

// clean shows what would not show, or would turn the text around it: control characters and those that set directions.
export function clean(text) {
	return String(text).replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g, c => {
		const code = c.charCodeAt(0);
		if (code < 0x20) return String.fromCharCode(0x2400 + code);
		return code === 0x7f ? "\u2421" : "\\u" + code.toString(16).padStart(4, "0");
	});
}

// lines is clean, but for line ends.
export function lines(text) { return String(text).split(/\r?\n/).map(clean).join("\n"); }

// clip shortens a text.
export function clip(text, most) {
	text = String(text);
	return text.length <= most ? text : text.slice(0, most - 1) + "…";
}

// shown is what there is room for of a text that may be anything.
export function shown(text, most = 2000) { return clean(clip(text, most)); }

// change says a difference in a state.
export function changeText(c) {
	if (c.from === "") return `${c.path} +${c.to}`;
	if (c.to === "") return `${c.path} −${c.from}`;
	return `${c.path} ${c.from} → ${c.to}`;
}
